//! All SQL. One file per family of tables, one function per question.
//!
//! `Db` has one arm per kind of database; `rw!` and `ro!` stamp the same body for each arm, so that a question is
//! written once: `$1` placeholders, `RETURNING`, `ON CONFLICT` and row values mean the same to all of them.

pub mod analytics;
pub mod bulk;
pub mod events;
pub mod favorites;
pub mod idempotency;
pub mod jobs;
mod meters;
pub mod notifications;
pub mod outbox;
mod pools;
pub mod preferences;
pub mod products;
pub mod schedules;
pub mod sessions;
pub mod tasks;
mod timestamp;
pub mod users;

#[cfg(test)]
mod tests;

pub use meters::{Meters, Op};
pub use pools::Db;
pub use timestamp::Timestamp;

use crate::config::DatabaseConfig;
use crate::error::Error;
use crate::telemetry::metrics::Metrics;

/// Runs `$e` with `$p` bound to the pool that writes.
macro_rules! rw {
    ($db:expr, $p:ident => $e:expr) => {
        match $db {
            $crate::store::Db::Sqlite { rw: $p, .. } => $e,
        }
    };
}

/// Runs `$e` with `$p` bound to the pool that reads.
macro_rules! ro {
    ($db:expr, $p:ident => $e:expr) => {
        match $db {
            $crate::store::Db::Sqlite { ro: $p, .. } => $e,
        }
    };
}

/// Like `ro!`, with `$d` naming the database for `QueryBuilder`.
macro_rules! ro_typed {
    ($db:expr, $p:ident, $d:ident => $e:expr) => {
        match $db {
            $crate::store::Db::Sqlite { ro: $p, .. } => {
                type $d = sqlx::Sqlite;
                $e
            }
        }
    };
}

/// Like `rw!`, with a transaction `$tx` that takes the write lock at once: a transaction that began by reading could
/// not be upgraded while another process writes.
macro_rules! in_tx {
    ($db:expr, $tx:ident => $e:expr) => {
        match $db {
            $crate::store::Db::Sqlite { rw, .. } => {
                let mut $tx = rw.begin_with("BEGIN IMMEDIATE").await?;
                let outcome = $e;
                $tx.commit().await?;
                outcome
            }
        }
    };
}

/// What is said differently to each kind of database.
macro_rules! by_kind {
    ($db:expr, $sqlite:expr, $postgres:expr) => {
        match $db {
            $crate::store::Db::Sqlite { .. } => $sqlite,
        }
    };
}

pub(crate) use {by_kind, in_tx, ro, ro_typed, rw};

/// The store: a database and the histograms of what is asked of it.
pub struct Store {
    db: Db,
    meters: Meters,
}

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row contradicts a unique constraint.
    #[error("already there")]
    Taken,
    /// The row refers to one that does not exist.
    #[error("refers to something that does not exist")]
    Dangling,
    /// Every connection, or the write lock, stayed taken for as long as a request may wait.
    #[error("the database stayed busy for too long")]
    Exhausted,
    /// Anything else.
    #[error(transparent)]
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(e) if e.is_unique_violation() => Self::Taken,
            sqlx::Error::Database(e) if e.is_foreign_key_violation() => Self::Dangling,
            sqlx::Error::Database(e) if e.code().is_some_and(|code| is_busy(&code)) => Self::Exhausted,
            sqlx::Error::PoolTimedOut => Self::Exhausted,
            _ => Self::Failed(error),
        }
    }
}

/// SQLITE_BUSY in any of its extended forms: another process held the write lock for the whole busy timeout.
fn is_busy(code: &str) -> bool {
    matches!(code, "5" | "261" | "517" | "773")
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exhausted => Self::Busy("the database is overloaded"),
            other => Self::internal(other),
        }
    }
}

/// What a question to the store returns.
pub type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Opens the database, creating the file if it is not there. Does not migrate.
    ///
    /// # Errors
    /// When the file cannot be opened, or is no database.
    pub async fn open(config: &DatabaseConfig, metrics: &Metrics) -> anyhow::Result<Self> {
        Ok(Self { db: Db::open(config).await?, meters: Meters::new(metrics) })
    }

    /// Runs the pending migrations.
    ///
    /// # Errors
    /// When one fails, or the database was made by a newer version.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        self.db.migrate().await
    }

    /// The database of one user's rows.
    pub fn of(&self, _user: uuid::Uuid) -> &Db {
        &self.db
    }

    /// The database of products, events and what is counted of them.
    pub fn catalog(&self) -> &Db {
        &self.db
    }

    /// The database of what belongs to no user.
    pub fn directory(&self) -> &Db {
        &self.db
    }

    /// Every database, once.
    pub fn everywhere(&self) -> impl Iterator<Item = &Db> {
        std::iter::once(&self.db)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        ro!(&self.db, p => sqlx::query("SELECT 1").execute(p).await?);
        Ok(())
    }

    /// Connections in use and idle, over all pools.
    pub fn connections(&self) -> (u32, u32) {
        self.db.connections()
    }

    /// Writes what is pending and closes every connection.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
