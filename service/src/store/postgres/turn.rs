//! One question on its way: which server is asked, and who is asked next when that one fails.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, Postgres};
use sqlx::{AssertSqlSafe, Transaction};

use super::Cluster;
use super::server::Server;
use crate::clock;
use crate::store::meters::{self, Role};
use crate::store::place::Rows;
use crate::store::shards::Home;
use crate::store::{Result, StoreError};

/// A transaction that lost against others is tried this often in all.
const CONTENDED_TRIES: u32 = 5;
/// What did nothing yet is tried this often in all when its connection turns out to be dead.
const LOST_TRIES: u32 = 3;

/// A connection for one write.
pub enum Link {
    /// Each statement is a transaction of its own.
    Free(PoolConnection<Postgres>),
    /// In a transaction that holds a bucket.
    Held(Transaction<'static, Postgres>),
}

impl Link {
    /// Ends the transaction if there is one.
    ///
    /// # Errors
    /// As the server says; then nothing was done, or nobody knows.
    pub async fn done(self) -> Result<()> {
        match self {
            Self::Free(_) => Ok(()),
            Self::Held(transaction) => Ok(transaction.commit().await?),
        }
    }
}

impl Deref for Link {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Free(connection) => connection,
            Self::Held(transaction) => transaction,
        }
    }
}

impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Free(connection) => connection,
            Self::Held(transaction) => transaction,
        }
    }
}

/// What `question` comes to, unless the pool is closed before, because its server went away: a pool would go on trying to
/// connect for as long as a request may wait.
///
/// # Errors
/// [`StoreError::Unreachable`] then, or what the question comes to.
pub async fn unless_away<T>(pool: &PgPool, question: impl Future<Output = Result<T>>) -> Result<T> {
    // In a box, for it would lie in several places of every caller's future, large as it is.
    pool.close_event().do_until(Box::pin(question)).await.unwrap_or_else(|closed| Err(closed.into()))
}

/// One question on its way.
pub struct Turn<'a> {
    cluster: &'a Cluster,
    rows: Rows,
    server: &'a Server,
    /// The bucket that the rows are in, where there are several.
    home: Option<Home<'a>>,
    /// The request that must not be done by two at the same time.
    claim: Option<i64>,
    tries: u32,
    /// Whether it can be asked again although nobody knows what became of it.
    repeatable: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn new(cluster: &'a Cluster, rows: Rows, server: &'a Server) -> Self {
        Self {
            cluster,
            rows,
            server,
            home: None,
            claim: None,
            tries: 0,
            repeatable: server.role == Role::Replica,
        }
    }

    /// The same, about rows in a bucket.
    pub fn at(mut self, home: Option<Home<'a>>) -> Self {
        if home.is_some_and(|home| home.is_new()) {
            self.server = &self.cluster.primary;
        }
        self.home = home;
        self
    }

    /// The same, for a transaction that is refused while another with this number is in progress.
    pub fn claiming(mut self, claim: Option<i64>) -> Self {
        self.claim = claim;
        self
    }

    /// A connection for one write; where users are spread over several databases, in a transaction that holds the bucket.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn link(&mut self) -> Result<Link> {
        self.repeatable = true;
        let pool = self.pool()?;
        let hold = self.home.map(|home| home.hold());
        let link = unless_away(&pool, async {
            Ok(match hold {
                Some(hold) => Link::Held(pool.begin_with(AssertSqlSafe(hold + "BEGIN")).await?),
                None => Link::Free(pool.acquire().await?),
            })
        })
        .await?;
        self.repeatable = false;
        Ok(link)
    }

    /// The pool to ask.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] at once while the primary is away.
    pub fn pool(&mut self) -> Result<PgPool> {
        let pool = self.server.pool().or_else(|| {
            self.server = &self.cluster.primary;
            self.server.pool()
        });
        meters::served_by(self.server.role);
        pool.ok_or_else(StoreError::away)
    }

    /// A transaction; those of one user come one after another.
    ///
    /// # Errors
    /// When there is no connection, or the same request is in progress; then nothing has happened.
    pub async fn begin(&mut self) -> Result<Transaction<'static, Postgres>> {
        self.repeatable = true;
        let pool = self.pool()?;
        let hold = self.home.map(|home| home.hold()).unwrap_or_default();
        let claim = self.claim.map(|claim| format!("SELECT claim_request({claim}); ")).unwrap_or_default();
        let transaction = unless_away(&pool, async {
            let begin = match self.rows {
                // One round trip: the transaction of the message becomes the one that begins, and keeps the lock; a
                // wait that took too long leaves none behind. Users that share a key wait for each other in vain. Whether
                // the request is in progress is asked before the wait, in which it would end.
                Rows::Of(user) => {
                    let key = user.as_u64_pair().1 as i64;
                    format!("{hold}{claim}SELECT pg_advisory_xact_lock({key}); BEGIN")
                }
                Rows::Catalog | Rows::WithCatalog(_) | Rows::Any => format!("{hold}{claim}BEGIN"),
            };
            Ok(pool.begin_with(AssertSqlSafe(begin)).await?)
        })
        .await?;
        self.repeatable = false;
        Ok(transaction)
    }

    /// What a read came to; `None` to ask again.
    pub async fn read<T>(&mut self, outcome: Result<T>) -> Option<Result<T>> {
        let outcome = match &self.home {
            Some(home) if outcome.is_ok() && !home.vouches() => match Box::pin(home.is_there()).await {
                Ok(true) => outcome,
                Ok(false) => Err(StoreError::Moved),
                Err(error) => Err(error),
            },
            _ => outcome,
        };
        let Err(error) = &outcome else { return Some(outcome) };
        self.suspect(error);
        if matches!(error, StoreError::Moved) {
            return if Box::pin(self.again(error)).await { None } else { Some(outcome) };
        }
        if self.server.role == Role::Replica && !matches!(error, StoreError::Slow) {
            // Whatever a replica says, such as that it had to cancel, the primary knows better; but what takes long takes
            // long there, too.
            self.server = &self.cluster.primary;
            return None;
        }
        self.repeatable = true;
        if Box::pin(self.again(error)).await { None } else { Some(outcome) }
    }

    /// What a write came to; `None` to try again.
    pub async fn written<T>(&mut self, outcome: Result<T>) -> Option<Result<T>> {
        match &outcome {
            Ok(_) => {
                self.cluster.wrote(self.rows).await;
                Some(outcome)
            }
            Err(error) => {
                self.suspect(error);
                if Box::pin(self.again(error)).await { None } else { Some(outcome) }
            }
        }
    }

    fn suspect(&self, error: &StoreError) {
        if matches!(error, StoreError::Unreachable(_)) {
            self.server.suspected.notify_one();
        }
    }

    /// Whether it is worth and safe to try again; waits for the right moment.
    async fn again(&mut self, error: &StoreError) -> bool {
        self.tries += 1;
        match error {
            // It was rolled back.
            StoreError::Contended if self.tries < CONTENDED_TRIES => {
                let pause_ms = f64::from(self.tries) * clock::random_between(2.0..=12.0);
                tokio::time::sleep(Duration::from_secs_f64(pause_ms / 1000.0)).await;
                true
            }
            // Another connection may live; while the primary is away there is none, and the next attempt ends at once.
            StoreError::Unreachable(_) => self.repeatable && self.tries < LOST_TRIES,
            // Nothing was done, or what was read was not what it should have been.
            StoreError::Moved => match &mut self.home {
                Some(home) => {
                    let found = Box::pin(home.follow()).await;
                    self.cluster = home.cluster();
                    self.server = &self.cluster.primary;
                    found
                }
                None => false,
            },
            _ => false,
        }
    }
}
