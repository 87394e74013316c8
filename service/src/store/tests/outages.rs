//! What becomes of questions while servers of PostgreSQL lag, die and return. Nothing here depends on how fast.

use std::future::Future;
use std::time::Duration;

use stack::{Postgres, Replica};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use super::*;
use crate::config::DatabaseConfig;
use crate::telemetry::metrics::Metrics;

/// For what must come about by itself, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

struct Rig {
    store: Store,
    config: DatabaseConfig,
    metrics: Metrics,
    replica: Replica,
    // Dropped last: a replica needs it.
    primary: Postgres,
}

impl Rig {
    async fn start(change: impl FnOnce(&mut DatabaseConfig)) -> Self {
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
            ..DatabaseConfig::default()
        };
        change(&mut config);
        let metrics = Metrics::default();
        let store = Store::open(&config, &metrics).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, config, metrics, replica, primary }
    }

    /// Reads until a replica answers.
    async fn until_the_replica_answers(&self, user: Uuid) {
        let before = testing::answered_by_replicas(&self.metrics);
        until("a replica answers", async || {
            tasks::list(&self.store, user, &Filter { limit: 1, ..Filter::default() }).await.unwrap();
            testing::answered_by_replicas(&self.metrics) > before
        })
        .await;
    }
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "{what} within {PATIENCE:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_every_own_write_at_once_while_the_replica_is_seconds_behind_and_after() {
    let rig = Rig::start(|_| {}).await;
    let (store, owner) = (&rig.store, user(&rig.store, 1).await);
    rig.until_the_replica_answers(owner).await;
    for (lag_s, first) in [(0, 100), (3, 200), (0, 300)] {
        block_in_place(|| rig.replica.lag(lag_s)).unwrap();
        for number in first..first + 40 {
            let new = task(number, i64::try_from(number).unwrap(), None);
            tasks::insert(store, owner, &new, None).await.unwrap();
            assert_eq!(tasks::get(store, owner, new.id).await.unwrap().map(|task| task.id), Some(new.id));
            let newest = tasks::list(store, owner, &Filter { limit: 1, ..Filter::default() }).await.unwrap();
            assert_eq!(newest[0].id, new.id);
            sleep(Duration::from_millis(10)).await;
        }
    }
    rig.until_the_replica_answers(owner).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_wrote_is_read_from_the_primary_as_long_as_there_is_one() {
    let rig = Rig::start(|_| {}).await;
    let owner = user(&rig.store, 1).await;
    rig.until_the_replica_answers(owner).await;
    block_in_place(|| rig.replica.lag(600)).unwrap();
    let other = Store::open(&rig.config, &Metrics::default()).await.unwrap();
    for number in 100..140 {
        let new = task(number, 1, None);
        tasks::insert(&other, owner, &new, None).await.unwrap();
        assert!(tasks::get(&rig.store, owner, new.id).await.unwrap().is_some());
        sleep(Duration::from_millis(10)).await;
    }
    other.close().await;
    block_in_place(|| rig.replica.lag(0)).unwrap();
    rig.until_the_replica_answers(owner).await;
    rig.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_primary_is_away_writes_fail_at_once_and_afterwards_all_that_was_acknowledged_is_there() {
    let rig = Rig::start(|config| config.acquire_timeout_ms = 600_000).await;
    let (store, owner) = (&rig.store, user(&rig.store, 1).await);
    let (mut number, mut acknowledged) = (1000, Vec::new());
    let mut write = async || {
        number += 1;
        let new = task(number, 1, None);
        let outcome = tasks::insert(store, owner, &new, None).await;
        if outcome.is_ok() {
            acknowledged.push(new.id);
        }
        outcome
    };
    for round in 0..2 {
        for _ in 0..20 {
            write().await.unwrap();
        }
        block_in_place(|| if round == 0 { rig.primary.kill() } else { rig.primary.stop().unwrap() });
        // With an acquire timeout of ten minutes only a pool that is known to be gone answers.
        for _ in 0..20 {
            assert!(matches!(write().await, Err(StoreError::Unreachable(_))));
        }
        block_in_place(|| rig.primary.start_again()).unwrap();
        let started = Instant::now();
        while write().await.is_err() {
            assert!(started.elapsed() < PATIENCE, "the store finds the primary again");
            sleep(Duration::from_millis(20)).await;
        }
        for _ in 0..20 {
            write().await.unwrap();
        }
    }
    let there = tasks::list(store, owner, &Filter { limit: 1000, ..Filter::default() }).await.unwrap();
    for id in &acknowledged {
        assert!(there.iter().any(|task| task.id == *id), "{id} was acknowledged");
    }
    store.close().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let mut config = testing::postgres();
    config.url = "postgres://app:s3cret@127.0.0.1:1/app".parse().unwrap_or_default();
    let error = Store::open(&config, &Metrics::default()).await.err().expect("nobody listens there");
    let message = format!("{error:#}");
    assert!(message.contains("127.0.0.1:1") && message.contains("user app"), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
}

#[tokio::test]
async fn a_database_that_was_not_migrated_says_what_to_run() {
    let store = Store::open(&testing::postgres(), &Metrics::default()).await.unwrap();
    let message = store.ensure_migrated().await.unwrap_err().to_string();
    assert!(message.contains("service migrate"), "{message}");
    store.migrate().await.unwrap();
    store.ensure_migrated().await.unwrap();
    store.close().await;
}
