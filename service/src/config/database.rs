//! `[database]`: where the data lives.

use serde::{Deserialize, Serialize};

use super::{ConfigError, within};

/// The store.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// The SQLite file, or `:memory:` for one that is gone when the process ends.
    pub path: String,
    /// Connections that read; 0 is one per core, at least two. There is always exactly one that writes.
    pub readers: u32,
    /// A request that gets no connection within this time fails with 503, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// How long a statement waits for another process's write lock, in milliseconds.
    pub busy_timeout_ms: u64,
    /// Whether `serve` and `seed` run pending migrations first.
    pub migrate: bool,
}

/// The name that keeps the database in memory.
pub const IN_MEMORY: &str = ":memory:";

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            path: "service.db".to_owned(),
            readers: 0,
            acquire_timeout_ms: 3000,
            busy_timeout_ms: 5000,
            migrate: true,
        }
    }
}

impl DatabaseConfig {
    /// Whether nothing of it reaches a disk.
    pub fn in_memory(&self) -> bool {
        self.path == IN_MEMORY
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.path.is_empty() {
            return Err(ConfigError::new("database.path is empty; give a file name or :memory:"));
        }
        within("database.readers", self.readers, 0..=256)?;
        within("database.acquire_timeout_ms", self.acquire_timeout_ms, 1..=600_000)?;
        within("database.busy_timeout_ms", self.busy_timeout_ms, 0..=600_000)
    }
}
