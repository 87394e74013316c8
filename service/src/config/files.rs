//! `[files]`: what is made for users and fetched by them.

use serde::{Deserialize, Serialize};

use super::{ConfigError, within};

/// Files.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilesConfig {
    /// Their folder, the same for all processes; empty is the database's file name with `.files` behind it.
    pub path: String,
    /// Exports are removed after so many days.
    pub keep_exports_days: u32,
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self { path: String::new(), keep_exports_days: 7 }
    }
}

impl FilesConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("files.keep_exports_days", self.keep_exports_days, 1..=3650)
    }
}
