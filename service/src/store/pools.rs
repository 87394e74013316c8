//! Which databases there are and how they are connected: the topology, and nothing else.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::in_flight::InFlight;
use super::postgres::Cluster;
use crate::config::DatabaseConfig;
use crate::redis::Redis;

/// The database, by kind.
#[derive(Clone)]
pub enum Db {
    /// One file. SQLite has one writer at a time: one connection writes, and waiting happens in the pool's fair queue
    /// instead of in busy loops; the others read snapshots beside it (WAL).
    Sqlite {
        /// The one connection that writes.
        rw: SqlitePool,
        /// The connections that read.
        ro: SqlitePool,
        /// Requests with an idempotency key that are being done.
        in_flight: Arc<InFlight>,
    },
    /// A primary that writes and replicas that read.
    Postgres(Arc<Cluster>),
}

/// Pages are read, not mapped: SQLite throws a reader's mapping away after every write.
const PAGE_CACHE_KIB: u32 = 16 * 1024;
/// Pages in SQLite's log at which whoever commits moves them into the file, while all who want to write wait: 16 MiB. Four
/// times the usual, so that a page which is written often goes there less often: at 8,500 iterations/s on one core, with
/// favourites being counted in longer steps than now, p99 was 87 to 850 ms in five runs instead of 220 to 960 ms.
const LOG_PAGES: u32 = 4000;

static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

impl Db {
    pub(super) async fn open(config: &DatabaseConfig, redis: Option<&Arc<Redis>>) -> anyhow::Result<Self> {
        if !config.url.is_empty() {
            return Ok(Self::Postgres(Cluster::open(&config.url, &config.replicas, config, redis).await?));
        }
        let acquire = Duration::from_millis(config.acquire_timeout_ms);
        if config.in_memory() {
            // Each connection to :memory: is a database of its own, so there is one for everything.
            let options = SqliteConnectOptions::from_str("sqlite::memory:")?.foreign_keys(true);
            let pool = pool(1, acquire).connect_with(options).await?;
            return Ok(Self::Sqlite { rw: pool.clone(), ro: pool, in_flight: Arc::default() });
        }
        let options = SqliteConnectOptions::new()
            .filename(&config.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL mode a commit is in the file system's cache before it is acknowledged: it survives the death of
            // the process. FULL would add an fsync per commit for the death of the machine.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_millis(config.busy_timeout_ms))
            .foreign_keys(true)
            .statement_cache_capacity(256)
            .row_buffer_size(128)
            .pragma("cache_size", format!("-{PAGE_CACHE_KIB}"))
            .pragma("wal_autocheckpoint", LOG_PAGES.to_string())
            .pragma("temp_store", "MEMORY");
        // sqlx's message holds its cause already.
        let cannot_open = |e: sqlx::Error| anyhow::anyhow!("cannot open the database {}: {e}", config.path);
        // The writer first: it makes the file and turns WAL on, which a reader may not.
        let rw = pool(1, acquire).connect_with(options.clone()).await.map_err(cannot_open)?;
        let readers = match config.readers {
            0 => {
                std::thread::available_parallelism().map_or(2, |n| u32::try_from(n.get()).unwrap_or(2)).max(2)
            }
            n => n,
        };
        let options = options.pragma("query_only", "ON");
        let ro = pool(readers, acquire).connect_with(options).await.map_err(cannot_open)?;
        Ok(Self::Sqlite { rw, ro, in_flight: Arc::default() })
    }

    pub(super) async fn migrate(&self) -> anyhow::Result<()> {
        let migrated = match self {
            Self::Sqlite { rw, .. } => SQLITE.run(rw).await,
            Self::Postgres(cluster) => POSTGRES.run(&mut cluster.patient().await?).await,
        };
        migrated.map_err(|e| anyhow::anyhow!("cannot migrate the database: {e}"))
    }

    pub(super) async fn ensure_migrated(&self) -> anyhow::Result<()> {
        const SQL: &str = "SELECT version FROM _sqlx_migrations WHERE success";
        // Without its table no migration ever ran.
        let done: Vec<i64> = match self {
            Self::Sqlite { ro, .. } => sqlx::query_scalar(SQL).fetch_all(ro).await.unwrap_or_default(),
            Self::Postgres(cluster) => {
                sqlx::query_scalar(SQL).fetch_all(&mut cluster.patient().await?).await.unwrap_or_default()
            }
        };
        let wanted = match self {
            Self::Sqlite { .. } => &SQLITE,
            Self::Postgres(_) => &POSTGRES,
        };
        let pending: Vec<_> = wanted.iter().filter(|migration| !done.contains(&migration.version)).collect();
        anyhow::ensure!(
            pending.is_empty(),
            "the database is not up to date: {} of {} migrations are pending; run `service migrate`",
            pending.len(),
            wanted.iter().count()
        );
        Ok(())
    }

    pub(super) fn connections(&self) -> (u32, u32) {
        let count = |size: u32, idle: usize| {
            let idle = u32::try_from(idle).unwrap_or(u32::MAX);
            (size.saturating_sub(idle), idle)
        };
        match self {
            Self::Sqlite { rw, ro, .. } => count(rw.size() + ro.size(), rw.num_idle() + ro.num_idle()),
            Self::Postgres(cluster) => {
                let (size, idle) = cluster.connections();
                count(size, idle)
            }
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { rw, ro, .. } => {
                ro.close().await;
                rw.close().await;
            }
            Self::Postgres(cluster) => cluster.close().await,
        }
    }
}

fn pool(connections: u32, acquire: Duration) -> SqlitePoolOptions {
    PoolOptions::new()
        .min_connections(connections)
        .max_connections(connections)
        .acquire_timeout(acquire)
        // A file does not hang up: no ping before use, no retirement.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}
