//! What becomes of questions while servers of PostgreSQL lag, die and return. Nothing here depends on how fast.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::rig::{PATIENCE, Servers, until};
use super::*;
use crate::config::DatabaseConfig;
use crate::telemetry::metrics::Metrics;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_every_own_write_at_once_while_the_replica_is_seconds_behind_and_after() {
    let servers = Servers::start(|_| {}).await;
    let process = servers.process().await;
    let (store, owner) = (&process.store, user(&process.store, 1).await);
    process.until_the_replica_answers(owner).await;
    for (lag_s, first) in [(0, 100), (3, 200), (0, 300)] {
        block_in_place(|| servers.replica.lag(lag_s)).unwrap();
        for number in first..first + 40 {
            let new = task(number, i64::try_from(number).unwrap(), None);
            tasks::insert(store, owner, &new, None).await.unwrap();
            assert_eq!(tasks::get(store, owner, new.id).await.unwrap().map(|task| task.id), Some(new.id));
            assert_eq!(process.newest(owner).await.map(|task| task.id), Some(new.id));
            sleep(Duration::from_millis(10)).await;
        }
    }
    process.until_the_replica_answers(owner).await;
    process.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_fails_when_a_replica_dies_and_it_is_read_again_when_it_is_back() {
    let servers = Servers::start(|_| {}).await;
    let process = servers.process().await;
    let owner = user(&process.store, 1).await;
    process.until_the_replica_answers(owner).await;
    let stop = CancellationToken::new();
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (store, stop) = (Arc::clone(&process.store), stop.clone());
            tokio::spawn(async move {
                let mut reads = 0;
                while !stop.is_cancelled() {
                    tasks::list(&store, owner, &Filter { limit: 1, ..Filter::default() }).await.unwrap();
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    for _ in 0..3 {
        sleep(Duration::from_millis(300)).await;
        block_in_place(|| servers.replica.kill());
        sleep(Duration::from_millis(300)).await;
        block_in_place(|| servers.replica.start()).unwrap();
        process.until_the_replica_answers(owner).await;
    }
    stop.cancel();
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    process.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_primary_is_away_writes_fail_at_once_and_afterwards_all_that_was_acknowledged_is_there() {
    let servers = Servers::start(|config| config.acquire_timeout_ms = 600_000).await;
    let process = servers.process().await;
    let (store, owner) = (&process.store, user(&process.store, 1).await);
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
        block_in_place(|| if round == 0 { servers.primary.kill() } else { servers.primary.stop().unwrap() });
        // With an acquire timeout of ten minutes only a pool that is known to be gone answers.
        for _ in 0..20 {
            assert!(matches!(write().await, Err(StoreError::Unreachable(_))));
        }
        block_in_place(|| servers.primary.start_again()).unwrap();
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
    process.close().await;
}

#[tokio::test]
async fn the_connections_that_are_to_be_kept_open_are_made_before_anybody_asks_for_one() {
    let config = DatabaseConfig { min_connections: 5, ..testing::postgres() };
    let store = Store::open(&config, &Metrics::default()).await.unwrap();
    until("five are open and idle", async || store.connections() == (0, 5)).await;
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
