//! All SQL. One file per family of tables, one function per question.
//!
//! `Db` has one arm per kind of database; `rw!` and `ro!` stamp the same body for each arm, so that a question is
//! written once: `$1` placeholders, `RETURNING`, `ON CONFLICT` and row values mean the same to all of them. Where the
//! rows are is asked of the store: [`Store::of`] a user, [`Store::catalog`], [`Store::directory`].

pub mod analytics;
pub mod api_keys;
pub mod bulk;
pub mod cache_processes;
pub mod co_favorites;
mod directory;
mod error;
pub mod events;
pub mod favorites;
pub mod idempotency;
mod in_flight;
pub mod jobs;
mod meters;
pub mod named;
pub mod notifications;
pub mod outbox;
pub mod password_resets;
mod place;
pub mod plans;
mod pools;
mod postgres;
pub mod preferences;
pub mod products;
pub mod recommendations;
pub mod roles;
pub mod schedules;
pub mod sessions;
pub mod shards;
mod stamp;
pub mod task_batch;
pub mod tasks;
mod timestamp;
pub mod users;

#[cfg(test)]
pub(crate) mod tests;

pub use error::StoreError;
pub use meters::{Meters, Op};
pub use place::Place;
pub use pools::Db;
pub(crate) use stamp::{by_kind, in_tx, ro, ro_typed, rw, rw_typed};
pub use timestamp::Timestamp;

use std::sync::Arc;

use self::shards::Sharding;
use crate::config::DatabaseConfig;
use crate::redis::Redis;
use crate::telemetry::metrics::Metrics;

/// The store: its databases and the histograms of what is asked of them.
pub struct Store {
    /// Everything; with shards, the catalogue and the directory.
    db: Db,
    sharding: Option<Sharding>,
    meters: Meters,
}

/// What a question to the store returns.
pub type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Connects to the database; an SQLite file is made if it is not there. Does not migrate.
    ///
    /// # Errors
    /// When the file cannot be opened or is no database, or the server cannot be reached.
    pub async fn open(config: &DatabaseConfig, metrics: &Metrics) -> anyhow::Result<Self> {
        Self::open_among(config, metrics, None).await
    }

    /// The same, as one of several processes that tell each other by `redis` what they write, so that all of them may read
    /// from replicas. The connection to Redis has to be kept with members, or writes wait.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_among(
        config: &DatabaseConfig,
        metrics: &Metrics,
        redis: Option<&Arc<Redis>>,
    ) -> anyhow::Result<Self> {
        let db = Db::open(config, redis).await?;
        let sharding = Box::pin(Sharding::open(config, &db, redis)).await?;
        Ok(Self { db, sharding, meters: Meters::new(metrics, config.has_replicas()) })
    }

    /// Runs the pending migrations.
    ///
    /// # Errors
    /// When one fails, or the database was made by a newer version.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        for db in self.databases() {
            db.migrate().await?;
        }
        if let Some(sharding) = &self.sharding {
            Box::pin(sharding.prepare()).await?;
            Box::pin(sharding.start()).await?;
        }
        Ok(())
    }

    /// Makes sure that no migration is pending.
    ///
    /// # Errors
    /// When one is, or the database does not answer.
    pub async fn ensure_migrated(&self) -> anyhow::Result<()> {
        for db in self.databases() {
            db.ensure_migrated().await?;
        }
        if let Some(sharding) = &self.sharding {
            Box::pin(sharding.start()).await?;
        }
        Ok(())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        for db in self.databases() {
            ro!(db, p => sqlx::query("SELECT 1").execute(p).await?.rows_affected());
        }
        Ok(())
    }

    /// Connections in use and idle, over all pools.
    pub fn connections(&self) -> (u32, u32) {
        self.databases().map(Db::connections).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    /// Writes what is pending and closes every connection.
    pub async fn close(&self) {
        if let Some(sharding) = &self.sharding {
            sharding.stop();
        }
        for db in self.databases() {
            db.close().await;
        }
    }
}
