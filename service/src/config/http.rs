//! `[http]`: listening, time limits, sizes, proxies.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::list::list;
use super::{Cidr, ConfigError, within};

/// How the service listens and what it accepts.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address and port to listen on; port 0 takes a free one and announces it.
    #[serde(deserialize_with = "listen")]
    pub listen: SocketAddr,
    /// Whether other processes may listen on the same address and port: the system then shares connections out among them
    /// (SO_REUSEPORT). All must have it on. A way past one process's limit of open files.
    pub reuse_port: bool,
    /// Threads that serve requests; 0 is one per core.
    pub workers: usize,
    /// Requests in progress beyond which new ones are answered 503 at once. Probes and metrics are exempt. While more is asked
    /// than this service holds, each answer waits for so many others: fewer make it sooner and refuse more of a burst.
    pub max_in_flight: usize,
    /// A request that takes longer is answered 503, in milliseconds.
    pub request_timeout_ms: u64,
    /// A connection that stays silent for this long is closed, in seconds.
    pub idle_timeout_s: u64,
    /// A request whose headers are not there this long after its first byte loses its connection, in milliseconds.
    pub header_timeout_ms: u64,
    /// A request whose body is not there this long after its headers is answered 408, in milliseconds.
    pub body_timeout_ms: u64,
    /// Largest accepted request body, in bytes.
    pub body_limit_bytes: usize,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    #[serde(deserialize_with = "list")]
    pub trusted_proxies: Vec<Cidr>,
    /// Origins that browsers may call from, such as `https://app.example`.
    #[serde(deserialize_with = "list")]
    pub cors_origins: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            reuse_port: false,
            workers: 0,
            max_in_flight: 1024,
            request_timeout_ms: 10_000,
            idle_timeout_s: 75,
            header_timeout_ms: 10_000,
            body_timeout_ms: 8_000,
            body_limit_bytes: 256 * 1024,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
        }
    }
}

/// Reads an address with its port.
///
/// # Errors
/// A message that shows a right one.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an address with a port, such as 127.0.0.1:8080 or [::1]:8080"))
}

fn listen<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    address(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

impl HttpConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("http.workers", self.workers, 0..=1024)?;
        within("http.max_in_flight", self.max_in_flight, 1..=1_000_000)?;
        within("http.request_timeout_ms", self.request_timeout_ms, 10..=600_000)?;
        within("http.idle_timeout_s", self.idle_timeout_s, 1..=86_400)?;
        within("http.header_timeout_ms", self.header_timeout_ms, 10..=600_000)?;
        within("http.body_timeout_ms", self.body_timeout_ms, 10..=600_000)?;
        within("http.body_limit_bytes", self.body_limit_bytes, 1024..=64 * 1024 * 1024)?;
        for origin in &self.cors_origins {
            let named = origin.starts_with("https://") || origin.starts_with("http://");
            if !named || axum::http::HeaderValue::from_str(origin).is_err() {
                return Err(ConfigError::new(format!(
                    "http.cors_origins: `{origin}` is not an origin such as https://app.example"
                )));
            }
        }
        Ok(())
    }
}
