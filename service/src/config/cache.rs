//! `[cache]`: the response cache.

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::{ConfigError, within};

/// The response cache, in process.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// What the cache does.
    pub policy: Policy,
    /// Bytes of serialised responses it may hold.
    pub max_bytes: u64,
}

/// What the cache does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Policy {
    /// Every read goes to the database.
    Off,
    /// The reader looks beside the database and stores what it found; each miss makes its own query.
    Aside,
    /// Read-through with single flight, and write-through where a write knows the new value.
    Through,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { policy: Policy::Through, max_bytes: 64 * 1024 * 1024 }
    }
}

impl CacheConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("cache.max_bytes", self.max_bytes, 1024 * 1024..=1 << 40)
    }
}

impl TryFrom<String> for Policy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("off", Self::Off), ("aside", Self::Aside), ("through", Self::Through)])
    }
}
