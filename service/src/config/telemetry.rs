//! `[telemetry]`: where traces and errors are sent, if anywhere.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::mask::masked;
use super::{ConfigError, within};

/// Traces and errors. Nothing is collected for what is not configured.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// An OpenTelemetry collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`; `/v1/traces` is added
    /// where no path is given. Empty: no traces.
    pub otlp_endpoint: String,
    /// The share of requests that are traced, 0 to 1; a caller's decision in `traceparent` goes before it.
    pub trace_share: f64,
    /// A Sentry project (DSN), which is sent every error that is logged. Empty: none.
    #[serde(serialize_with = "masked")]
    pub sentry_dsn: SecretString,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: String::new(), trace_share: 1.0, sentry_dsn: SecretString::from("") }
    }
}

impl TelemetryConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("telemetry.trace_share", self.trace_share, 0.0..=1.0)?;
        let known = ["http://", "https://"].iter().any(|scheme| self.otlp_endpoint.starts_with(scheme));
        if !self.otlp_endpoint.is_empty()
            && (!known || self.otlp_endpoint.parse::<axum::http::Uri>().is_err())
        {
            return Err(ConfigError::new(
                "telemetry.otlp_endpoint is not a URL such as http://127.0.0.1:4318",
            ));
        }
        let dsn = self.sentry_dsn.expose_secret();
        if !dsn.is_empty() && dsn.parse::<sentry::types::Dsn>().is_err() {
            // The text is a secret, and so is what a parser says of it.
            return Err(ConfigError::new(
                "telemetry.sentry_dsn is not a DSN such as https://KEY@sentry.example/PROJECT",
            ));
        }
        Ok(())
    }
}
