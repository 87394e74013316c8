//! A request that comes again while it is being done: the first is kept open inside its transaction by a real lock.

use std::time::{Duration, Instant};

use sqlx::{Postgres, Sqlite, Transaction};

use super::*;
use crate::store::idempotency::{Claim, Outcome};
use crate::store::{Db, task_batch};

/// Keeps every new task from being stored, as another's slow transaction does.
pub(crate) enum Hold {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Hold {
    pub(crate) async fn on(store: &Store) -> Self {
        match &store.db {
            Db::Sqlite { rw, .. } => Self::Sqlite(rw.begin_with("BEGIN IMMEDIATE").await.unwrap()),
            Db::Postgres(cluster) => {
                let mut held = cluster.primary_pool().unwrap().begin().await.unwrap();
                sqlx::query("LOCK TABLE tasks IN SHARE MODE").execute(&mut *held).await.unwrap();
                Self::Postgres(held)
            }
        }
    }

    /// Returns when somebody waits for it.
    pub(crate) async fn is_waited_for(&self, store: &Store) {
        let end = Instant::now() + Duration::from_secs(10);
        while !waits(store).await {
            assert!(Instant::now() < end, "nobody waits");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn release(self) {
        match self {
            Self::Sqlite(held) => held.rollback().await.unwrap(),
            Self::Postgres(held) => held.rollback().await.unwrap(),
        }
    }
}

async fn waits(store: &Store) -> bool {
    const SQL: &str = "SELECT COUNT(*) FROM pg_locks WHERE relation = 'tasks'::regclass AND NOT granted";
    match &store.db {
        Db::Sqlite { in_flight, .. } => in_flight.any(),
        Db::Postgres(cluster) => {
            let pool = cluster.primary_pool().unwrap();
            let waiting: i64 = sqlx::query_scalar(SQL).fetch_one(&pool).await.unwrap();
            waiting > 0
        }
    }
}

async fn what_comes_again_while_it_is_done_is_refused_and_afterwards_answered_the_same(store: &Store) {
    let owner = user(store, 1).await;
    let claim = Claim { key: "k", body_hash: [1; 32], response: b"{}", now: Timestamp(1) };
    let (one, other) = (task(1, 1, None), task(2, 1, None));
    let hold = Hold::on(store).await;
    let first = tasks::insert(store, owner, &one, Some(&claim));
    let meanwhile = async {
        hold.is_waited_for(store).await;
        let again = tasks::insert(store, owner, &other, Some(&claim)).await;
        assert!(matches!(again, Err(StoreError::InFlight)), "{again:?}");
        let again = task_batch::insert(store, owner, std::slice::from_ref(&other), Some(&claim)).await;
        assert!(matches!(again, Err(StoreError::InFlight)), "{again:?}");
        hold.release().await;
    };
    let (first, ()) = tokio::join!(first, meanwhile);
    assert_eq!(first.unwrap(), Outcome::Done);
    let again = tasks::insert(store, owner, &other, Some(&claim)).await.unwrap();
    assert_eq!(again, Outcome::Replayed(b"{}".to_vec()));
    assert_eq!(tasks::stats(store, owner, Timestamp(1)).await.unwrap().total, 1);
}

async fn a_request_that_was_given_up_half_way_can_be_done_again(store: &Store) {
    let owner = user(store, 1).await;
    let claim = Claim { key: "k", body_hash: [1; 32], response: b"{}", now: Timestamp(1) };
    let one = task(1, 1, None);
    let hold = Hold::on(store).await;
    let first = tasks::insert(store, owner, &one, Some(&claim));
    // As a request is that takes too long.
    let cut = tokio::time::timeout(Duration::from_millis(100), first).await;
    assert!(cut.is_err());
    hold.release().await;
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match tasks::insert(store, owner, &one, Some(&claim)).await {
            Ok(outcome) => {
                assert_eq!(outcome, Outcome::Done);
                break;
            }
            // PostgreSQL hears of it when the connection is used again.
            Err(StoreError::InFlight) if Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

on_both! {
    what_comes_again_while_it_is_done_is_refused_and_afterwards_answered_the_same,
    a_request_that_was_given_up_half_way_can_be_done_again,
}
