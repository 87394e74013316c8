//! `[limits]`: rate limits.

use serde::{Deserialize, Serialize};

use super::choice::choice;

/// Rate limits.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Which set of limits applies.
    pub profile: Profile,
    /// Where requests are counted.
    pub store: Counted,
}

/// Where requests are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Counted {
    /// In this process: with several, each allows the whole quota.
    #[default]
    Process,
    /// In Redis, for all processes together; in this process while Redis is away.
    Redis,
}

/// A set of rate limits; the figures are in `middleware/limits.rs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Profile {
    /// What a public service wants: 5 logins a minute, 60 listings a minute.
    Strict,
    /// Wide enough for a load test from one address, still a bound: the default of the embedded mode.
    #[default]
    Generous,
    /// No limit and no `RateLimit-*` headers.
    Off,
}

impl TryFrom<String> for Profile {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("strict", Self::Strict), ("generous", Self::Generous), ("off", Self::Off)])
    }
}

impl TryFrom<String> for Counted {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("process", Self::Process), ("redis", Self::Redis)])
    }
}
