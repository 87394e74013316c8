//! `[redis]`: the server or cluster that the cache, rate limits and revocations may live in.

use redis::IntoConnectionInfo as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::list::list;
use super::{ConfigError, SecretUrl, within};

/// How Redis is reached.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisConfig {
    /// One address is a server, several are nodes of one cluster, none is no Redis: `redis://[:password@]host:port[/db]`.
    #[serde(deserialize_with = "addresses")]
    pub urls: Vec<SecretUrl>,
    /// Commands under way at the same time, per node; further ones wait, within `timeout_ms`.
    pub concurrency: usize,
    /// A command that takes longer counts as failed, in milliseconds. Five in a row open the circuit breaker.
    pub timeout_ms: u64,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self { urls: Vec::new(), concurrency: 512, timeout_ms: 100 }
    }
}

impl RedisConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        within("redis.concurrency", self.concurrency, 1..=100_000)?;
        within("redis.timeout_ms", self.timeout_ms, 1..=10_000)
    }

    /// Refuses `key = value` when there is no Redis for it.
    pub(super) fn needed_by(&self, key: &str, value: &str, without: &str) -> Result<(), ConfigError> {
        if self.urls.is_empty() {
            return Err(ConfigError::new(format!(
                "{key} is {value}, but redis.urls is empty; set redis.urls=redis://127.0.0.1:6379, or {key}={without}"
            )));
        }
        Ok(())
    }
}

/// A wrong address is told by its place and not by its text, which may hold a password.
fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretUrl>, D::Error> {
    let urls: Vec<SecretUrl> = list(deserializer)?;
    let check = |(at, url): (usize, SecretUrl)| match url.expose().into_connection_info() {
        Ok(_) => Ok(url),
        Err(_) => Err(serde::de::Error::custom(format!(
            "redis.urls: address {} is not one such as redis://127.0.0.1:6379 or redis://:password@host:6379/0",
            at + 1
        ))),
    };
    urls.into_iter().enumerate().map(check).collect()
}
