//! `[tls]`: serving HTTPS without a proxy in front.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// A certificate and its key, both or neither. Read again on SIGHUP.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// A PEM file with the certificate, followed by those between it and the root. Empty: HTTP without TLS.
    pub certificate: PathBuf,
    /// A PEM file with the private key.
    pub key: PathBuf,
}

impl TlsConfig {
    /// Whether connections are encrypted.
    pub fn enabled(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        match (self.enabled(), !self.key.as_os_str().is_empty()) {
            (true, false) => {
                Err(ConfigError::new("tls.certificate is set and tls.key is not; TLS needs both"))
            }
            (false, true) => {
                Err(ConfigError::new("tls.key is set and tls.certificate is not; TLS needs both"))
            }
            _ => Ok(()),
        }
    }
}
