//! `[log]`: what is logged and how.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::choice::choice;

/// Logging, to stderr.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// For people or for machines.
    pub format: Format,
    /// A tracing filter such as `info` or `service=debug,sqlx=warn`.
    pub level: String,
    /// Which requests get a line. A line costs about as much cpu as a cached response, so that only failures have one
    /// in the embedded mode unless asked.
    pub requests: Requests,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Format {
    /// Text for a terminal.
    Pretty,
    /// One JSON object per line.
    Json,
}

/// Which requests are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Requests {
    /// Every request.
    On,
    /// Requests answered with a status of 500 or above.
    Errors,
    /// None.
    Off,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: Format::Pretty, level: "info".to_owned(), requests: Requests::Errors }
    }
}

impl LogConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        match self.level.parse::<tracing_subscriber::EnvFilter>() {
            Ok(_) => Ok(()),
            Err(e) => Err(ConfigError::new(format!(
                "log.level `{}`: {e}; expected a filter such as info or service=debug,sqlx=warn",
                self.level
            ))),
        }
    }
}

impl TryFrom<String> for Format {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("pretty", Self::Pretty), ("json", Self::Json)])
    }
}

impl TryFrom<String> for Requests {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("on", Self::On), ("errors", Self::Errors), ("off", Self::Off)])
    }
}
