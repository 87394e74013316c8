//! One server of PostgreSQL and the pool of connections to it.

use std::str::FromStr as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Notify;

use crate::config::{DatabaseConfig, SecretUrl};
use crate::store::meters::Role;

/// A server that takes longer than this to accept a connection is taken for absent when a service starts.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Longer than any request; whoever holds a transaction open for this long has forgotten it, and its locks with it.
const IDLE_IN_TRANSACTION: &str = "30s";

/// One server.
pub struct Server {
    /// What people call it, such as `replica 1 at 127.0.0.1:5433`.
    pub name: String,
    /// What it is to the cluster.
    pub role: Role,
    options: PgConnectOptions,
    pools: PgPoolOptions,
    /// `None` while the server is away, so that nobody waits for it.
    pool: RwLock<Option<PgPool>>,
    /// Somebody lost a connection: the watch should look at once.
    pub suspected: Notify,
    /// How far a replica has come.
    pub standing: Standing,
}

/// How far a replica has come, as its watch saw it last.
#[derive(Default)]
pub struct Standing {
    /// The position in the primary's log up to which it shows everything.
    pub replayed: AtomicU64,
    /// It shows all that was committed at this instant, in microseconds of the cluster's clock.
    pub fresh_us: AtomicU64,
    /// Whether reads may go to it.
    pub in_rotation: AtomicBool,
}

impl Server {
    /// A server that is not connected yet.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn new(
        url: &SecretUrl,
        role: Role,
        number: usize,
        config: &DatabaseConfig,
        application_name: &str,
    ) -> anyhow::Result<Self> {
        let options = PgConnectOptions::from_str(url.expose())
            .map_err(|e| anyhow::anyhow!("database: `{}` cannot be understood: {e}", url.masked()))?
            .application_name(application_name)
            .options([
                ("statement_timeout", config.statement_timeout_ms.to_string().as_str()),
                ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION),
                // "already exists, skipping" is nobody's news.
                ("client_min_messages", "warning"),
            ])
            .statement_cache_capacity(256)
            // How long statements take is in the metrics, by question.
            .disable_statement_logging();
        // Who gets no connection to a replica has to have time to get one to the primary.
        let acquire_ms = match role {
            Role::Primary => config.acquire_timeout_ms,
            Role::Replica => config.acquire_timeout_ms / 4 + 1,
        };
        let pools = PgPoolOptions::new()
            .min_connections(config.min_connections)
            .max_connections(config.max_connections)
            .acquire_timeout(Duration::from_millis(acquire_ms))
            // A ping before each use would double the round trips; the watch pings what is idle.
            .test_before_acquire(false);
        let place = format!("{}:{}", options.get_host(), options.get_port());
        let name = match role {
            Role::Primary => format!("the primary at {place}"),
            Role::Replica => format!("replica {number} at {place}"),
        };
        let (pool, suspected, standing) = (RwLock::new(None), Notify::new(), Standing::default());
        Ok(Self { name, role, options, pools, pool, suspected, standing })
    }

    /// The pool, unless the server is away.
    pub fn pool(&self) -> Option<PgPool> {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A connection beside the pool.
    ///
    /// # Errors
    /// As the server says.
    pub async fn connect(&self) -> sqlx::Result<PgConnection> {
        PgConnection::connect_with(&self.options).await
    }

    /// Like [`Self::connect`], for work that may take its time: no limit on a statement.
    ///
    /// # Errors
    /// One clear line when the server cannot be reached.
    pub async fn connect_patiently(&self) -> anyhow::Result<PgConnection> {
        let options = self.options.clone().options([("statement_timeout", "0")]);
        let connecting = tokio::time::timeout(CONNECT_LIMIT, PgConnection::connect_with(&options)).await;
        let connected = connecting.map_err(|_| anyhow::anyhow!("no answer within {CONNECT_LIMIT:?}"));
        connected.and_then(|c| c.map_err(|e| anyhow::anyhow!("{}", plain(&e)))).with_context(|| {
            let (user, database) = (self.options.get_username(), self.options.get_database());
            format!(
                "cannot connect to PostgreSQL: {} (user {user}, database {})",
                self.name,
                database.unwrap_or(user)
            )
        })
    }

    /// The server answers, by a process that was started anew if `restarted`: its old connections are dead then.
    pub fn arrived(&self, restarted: bool) {
        let mut slot = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        if slot.is_some() && !restarted {
            return;
        }
        let new = self.pools.clone().connect_lazy_with(self.options.clone());
        if let Some(old) = slot.replace(new) {
            tokio::spawn(async move { old.close().await });
        }
        drop(slot);
        self.open_least();
    }

    /// Begins to open the connections that a primary is to keep open, as far as they are missing. A pool that is made
    /// without waiting does so only in place of those that it retired; the rest would be opened one per waiting request
    /// when all of them come at once, as when a cache is lost, and that takes seconds just then.
    pub fn open_least(&self) {
        let Some(pool) = self.pool().filter(|_| self.role == Role::Primary) else { return };
        tokio::spawn(async move {
            while pool.size() < pool.options().get_min_connections() {
                // What is idle would be handed out instead of a new one.
                let idle: Vec<_> = std::iter::from_fn(|| pool.try_acquire()).collect();
                if pool.acquire().await.is_err() {
                    return;
                }
                drop(idle);
            }
        });
    }

    /// The server is away: whoever waits for a connection stops waiting.
    pub fn left(&self) {
        if let Some(old) = self.pool.write().unwrap_or_else(PoisonError::into_inner).take() {
            tokio::spawn(async move { old.close().await });
        }
    }

    /// Asks every idle connection for a sign of life; the pool drops those that give none.
    pub async fn ping_idle(&self) {
        const LIMIT: Duration = Duration::from_secs(2);
        let Some(pool) = self.pool() else { return };
        // The pool hands out the one that was idle for the longest time, so that this meets each of them.
        for _ in 0..pool.num_idle() {
            let Some(mut connection) = pool.try_acquire() else { return };
            if !matches!(tokio::time::timeout(LIMIT, connection.ping()).await, Ok(Ok(()))) {
                drop(connection.detach());
            }
        }
    }

    /// Connections, and how many of them are idle.
    pub fn connections(&self) -> (u32, usize) {
        self.pool().map_or((0, 0), |pool| (pool.size(), pool.num_idle()))
    }

    /// Closes the pool for good.
    pub async fn close(&self) {
        let pool = self.pool.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pool) = pool {
            pool.close().await;
        }
    }

    /// Whether reads may go to this replica that have to see everything up to `position`. At `now_us` its news must not be
    /// older than `max_lag_us`.
    pub fn shows(&self, position: u64, now_us: u64, max_lag_us: u64) -> bool {
        let Standing { replayed, fresh_us, in_rotation } = &self.standing;
        in_rotation.load(Ordering::Acquire)
            && replayed.load(Ordering::Acquire) >= position
            && now_us.saturating_sub(fresh_us.load(Ordering::Acquire)) <= max_lag_us
    }
}

/// What went wrong, without the words of the driver around it.
pub fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(e) => e.message().to_owned(),
        sqlx::Error::Io(e) => e.to_string(),
        other => other.to_string(),
    }
}
