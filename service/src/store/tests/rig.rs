//! Real servers of PostgreSQL that tests make lag, die and return, and one or more processes' stores over them.

use std::sync::Arc;
use std::time::Duration;

use stack::{Postgres, Replica};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::auth::revocations::Revocations;
use crate::config::DatabaseConfig;
use crate::redis::{Members, Redis, keep};
use crate::store::Store;
use crate::store::tasks::{self, Filter, Task};
use crate::telemetry::metrics::Metrics;
use crate::testing;

/// For what must come about by itself, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A primary, a replica, and the migrated database in them.
pub struct Servers {
    pub config: DatabaseConfig,
    pub replica: Replica,
    // Dropped last: a replica needs it.
    pub primary: Postgres,
}

/// What one process has of its own.
pub struct Process {
    pub store: Arc<Store>,
    metrics: Metrics,
    member: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Servers {
    pub async fn start(change: impl FnOnce(&mut DatabaseConfig)) -> Self {
        let (primary, url, replica) = block_in_place(|| {
            let primary = Postgres::start().unwrap();
            let url = primary.create_database("app").unwrap();
            let replica = primary.replica().unwrap();
            (primary, url, replica)
        });
        let mut config = DatabaseConfig {
            url: url.parse().unwrap_or_default(),
            replicas: vec![replica.url("app").parse().unwrap_or_default()],
            // A busy machine takes seconds to make ten connections, which is not what this is about.
            acquire_timeout_ms: 60_000,
            min_connections: 1,
            ..DatabaseConfig::default()
        };
        change(&mut config);
        let store = Store::open(&config, &Metrics::default()).await.unwrap();
        store.migrate().await.unwrap();
        store.close().await;
        Self { config, replica, primary }
    }

    /// A process that tells nobody what it writes.
    pub async fn process(&self) -> Process {
        let metrics = Metrics::default();
        let store = Arc::new(Store::open(&self.config, &metrics).await.unwrap());
        Process { store, metrics, member: None }
    }

    /// A process that tells the others by `redis`.
    pub async fn member(&self, redis: &stack::Redis) -> Process {
        let metrics = Metrics::default();
        let config =
            serde_json::from_value(serde_json::json!({ "urls": [redis.url()], "timeout_ms": 300 })).unwrap();
        let redis = Redis::new(&config, &metrics).unwrap();
        let store = Store::open_among(&self.config, &metrics, redis.as_ref()).await.unwrap();
        let store = Arc::new(store);
        let (stop, revocations) = (CancellationToken::new(), Arc::new(Revocations::new(redis.clone())));
        let members = Members { store: Arc::clone(&store), revocations };
        let keeper = tokio::spawn(keep(redis.unwrap(), Some(members), stop.clone()));
        Process { store, metrics, member: Some((stop, keeper)) }
    }
}

impl Process {
    /// Questions that a replica answered so far.
    pub fn answered_by_replica(&self) -> f64 {
        testing::answered_by_replicas(&self.metrics)
    }

    /// Reads until a replica answers.
    pub async fn until_the_replica_answers(&self, user: Uuid) {
        let before = self.answered_by_replica();
        until("a replica answers", async || {
            self.newest(user).await;
            self.answered_by_replica() > before
        })
        .await;
    }

    /// The newest task of `user`.
    pub async fn newest(&self, user: Uuid) -> Option<Task> {
        let filter = Filter { limit: 1, ..Filter::default() };
        tasks::list(&self.store, user, &filter).await.unwrap().pop()
    }

    /// Ends in good order.
    pub async fn close(self) {
        if let Some((stop, keeper)) = self.member {
            stop.cancel();
            keeper.await.unwrap();
        }
        self.store.close().await;
    }
}

/// Waits for what must come about by itself.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "{what} within {PATIENCE:?}");
        sleep(Duration::from_millis(20)).await;
    }
}
