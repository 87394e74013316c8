//! `[cache]`: the response cache.

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::{ConfigError, within};

/// The response cache.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// What the cache does.
    pub policy: Policy,
    /// Where responses are kept.
    pub tier: Tier,
    /// Bytes of serialised responses that this process may hold.
    pub max_bytes: u64,
    /// With a shared tier: loads of this process that may ask the database at the same time, so that it survives an empty
    /// cache, or none at all while Redis is away. Of several processes each may ask for so many.
    pub db_concurrency: usize,
}

/// Where responses are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Tier {
    /// In this process. Right for one process only: another one's writes are not seen.
    Local,
    /// In Redis.
    Redis,
    /// In Redis, with copies in this process in front of it.
    Tiered,
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
        Self { policy: Policy::Through, tier: Tier::Local, max_bytes: 64 * 1024 * 1024, db_concurrency: 16 }
    }
}

impl CacheConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("cache.max_bytes", self.max_bytes, 1024 * 1024..=1 << 40)?;
        within("cache.db_concurrency", self.db_concurrency, 1..=10_000)
    }
}

impl TryFrom<String> for Policy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("off", Self::Off), ("aside", Self::Aside), ("through", Self::Through)])
    }
}

impl TryFrom<String> for Tier {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("local", Self::Local), ("redis", Self::Redis), ("tiered", Self::Tiered)])
    }
}
