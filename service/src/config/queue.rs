//! `[queue]`: background work.

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::{ConfigError, SecretUrl, within};

/// How jobs are handed to workers, and how often they are tried.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueConfig {
    /// What carries jobs from the outbox to the workers.
    pub kind: QueueKind,
    /// The broker, such as `amqp://user:password@host:5672/%2f`; for `rabbitmq`.
    pub url: SecretUrl,
    /// The broker's queue. Its dead letters are in the queue of this name with `.dead` behind it.
    pub name: String,
    /// Jobs that one process works on at the same time.
    pub workers: u16,
    /// How often a job is tried before it is given up.
    pub attempts: u32,
    /// Wait before the second attempt, in milliseconds; it doubles with each, and up to half of it is left to chance.
    pub backoff_ms: u64,
    /// The longest wait between attempts, in milliseconds.
    pub backoff_max_ms: u64,
    /// The job of a process that was silent for this long is given to another, in seconds.
    pub lease_s: u64,
    /// An attempt that takes longer has failed, in seconds.
    pub attempt_timeout_s: u64,
    /// How often the outbox is looked into when nothing rings, in milliseconds.
    pub poll_ms: u64,
    /// Finished and dead jobs are forgotten after so many days.
    pub keep_days: u32,
    /// How often recommendations are made anew from everybody's favourites, in seconds.
    pub recommend_every_s: u64,
}

/// What carries jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum QueueKind {
    /// The table of jobs itself.
    Table,
    /// RabbitMQ, with publisher confirms and manual acknowledgements.
    RabbitMq,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            kind: QueueKind::Table,
            url: SecretUrl::default(),
            name: "headroom.jobs".to_owned(),
            workers: 4,
            attempts: 8,
            backoff_ms: 1000,
            backoff_max_ms: 5 * 60 * 1000,
            lease_s: 30,
            attempt_timeout_s: 300,
            poll_ms: 500,
            keep_days: 7,
            recommend_every_s: 300,
        }
    }
}

impl QueueConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.kind == QueueKind::RabbitMq && !self.url.has_scheme(&["amqp", "amqps"]) {
            return Err(ConfigError::new(
                "queue.kind is rabbitmq, so that queue.url has to be such as amqp://user:password@host:5672/%2f",
            ));
        }
        if self.name.is_empty() || self.name.len() > 200 {
            return Err(ConfigError::new("queue.name must have 1 to 200 bytes"));
        }
        within("queue.workers", self.workers, 1..=1024)?;
        within("queue.attempts", self.attempts, 1..=100)?;
        within("queue.backoff_ms", self.backoff_ms, 1..=3_600_000)?;
        within("queue.backoff_max_ms", self.backoff_max_ms, self.backoff_ms..=24 * 3_600_000)?;
        within("queue.lease_s", self.lease_s, 1..=3600)?;
        within("queue.attempt_timeout_s", self.attempt_timeout_s, 1..=24 * 3600)?;
        within("queue.poll_ms", self.poll_ms, 5..=60_000)?;
        within("queue.keep_days", self.keep_days, 1..=3650)?;
        within("queue.recommend_every_s", self.recommend_every_s, 1..=24 * 3600)
    }
}

impl TryFrom<String> for QueueKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("table", Self::Table), ("rabbitmq", Self::RabbitMq)])
    }
}
