//! The store against real databases: an SQLite file and a PostgreSQL server, the same tests for both.

/// Makes a test of each function for each kind of database.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                let (store, _dir) = crate::testing::store().await;
                super::$name(&store).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                let store = crate::testing::postgres_store().await;
                super::$name(&store).await;
                store.close().await;
            })*
        }
    };
}

/// The same, and once more with users spread over two databases.
macro_rules! on_all {
    ($($name:ident),* $(,)?) => {
        on_both! { $($name),* }
        mod on_shards {
            $(#[tokio::test]
            async fn $name() {
                let store = crate::testing::sharded_store(2).await;
                super::$name(&store).await;
                store.close().await;
            })*
        }
    };
}

mod asked;
pub(crate) mod in_flight;
mod load;
mod outages;
mod plans;
mod recommendations;
mod rig;
mod same;
mod several;

use proptest::prelude::*;
use uuid::Uuid;

use super::tasks::{self, Filter, Priority, Sort, Status, Task};
use super::users;
use super::{Result, Store, StoreError, Timestamp, favorites, products, sessions};
use crate::testing::{self, user};

fn task(number: u128, created_us: i64, due_us: Option<i64>) -> Task {
    Task {
        id: Uuid::from_u128(number),
        title: format!("Task {number}"),
        description: None,
        status: Status::Todo,
        priority: Priority::Medium,
        due_at: due_us.map(Timestamp),
        created_at: Timestamp(created_us),
        updated_at: Timestamp(created_us),
    }
}

/// Walks a list to its end in pages of `limit`; before each further page `between` may write.
async fn walk(store: &Store, user: Uuid, sort: Sort, limit: i64, mut between: Vec<Task>) -> Vec<Uuid> {
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let filter = Filter { sort, after, limit, ..Filter::default() };
        let page = tasks::list(store, user, &filter).await.unwrap();
        let Some(last) = page.last() else { return seen };
        after = Some(sort.position(last));
        seen.extend(page.iter().map(|task| task.id));
        if let Some(new) = between.pop() {
            tasks::insert(store, user, &new, None).await.unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_walk_by_cursor_shows_every_old_task_once_in_order_whatever_is_added_meanwhile(
        times in proptest::collection::vec((0i64..6, proptest::option::of(0i64..6)), 1..20),
        added in proptest::collection::vec((0i64..6, proptest::option::of(0i64..6)), 0..6),
        limit in 1i64..5,
        sort in prop_oneof![Just(Sort::Newest), Just(Sort::Oldest), Just(Sort::DueSoonest)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (store, _dir) = testing::store().await;
            let user = user(&store, 1).await;
            let old: Vec<Task> =
                times.iter().zip(100u128..).map(|((created, due), n)| task(n, *created, *due)).collect();
            for task in &old {
                tasks::insert(&store, user, task, None).await.unwrap();
            }
            let new: Vec<Task> =
                added.iter().zip(50u128..).map(|((created, due), n)| task(n * 3, *created, *due)).collect();
            let seen = walk(&store, user, sort, limit, new).await;

            let mut expected = old.clone();
            expected.sort_by_key(|task| sort.position(task));
            if sort == Sort::Newest {
                expected.reverse();
            }
            let expected: Vec<Uuid> = expected.iter().map(|task| task.id).collect();
            let seen_old: Vec<Uuid> = seen.iter().copied().filter(|id| expected.contains(id)).collect();
            assert_eq!(seen_old, expected);
            let mut once = seen.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), seen.len(), "no task is shown twice");
        });
    }
}

on_all! {
    of_two_who_present_a_refresh_token_at_the_same_time_one_gets_the_next,
    of_requests_with_one_idempotency_key_at_the_same_time_one_is_done,
    another_users_task_is_neither_read_nor_changed_nor_removed,
    a_change_leaves_alone_what_it_does_not_name_and_can_empty_a_field,
    statistics_count_by_status_and_what_is_overdue,
    an_email_has_one_account,
    sessions_beyond_the_most_end_oldest_first,
    a_favourite_needs_its_product_and_goes_with_it,
    a_failed_transaction_leaves_nothing_behind,
}

async fn another_users_task_is_neither_read_nor_changed_nor_removed(store: &Store) {
    let (owner, other) = (user(store, 1).await, user(store, 2).await);
    let mine = task(7, 1, None);
    tasks::insert(store, owner, &mine, None).await.unwrap();
    assert_eq!(tasks::get(store, other, mine.id).await.unwrap(), None);
    let changes = tasks::Changes { title: Some("Stolen".to_owned()), ..tasks::Changes::default() };
    assert_eq!(tasks::update(store, other, mine.id, &changes, Timestamp(2)).await.unwrap(), None);
    assert!(!tasks::delete(store, other, mine.id).await.unwrap());
    assert_eq!(tasks::get(store, owner, mine.id).await.unwrap(), Some(mine));
}

async fn a_change_leaves_alone_what_it_does_not_name_and_can_empty_a_field(store: &Store) {
    let owner = user(store, 1).await;
    let before = Task { description: Some("Text".to_owned()), ..task(7, 1, Some(5)) };
    tasks::insert(store, owner, &before, None).await.unwrap();
    let changes =
        tasks::Changes { status: Some(Status::Done), due_at: Some(None), ..tasks::Changes::default() };
    let after = tasks::update(store, owner, before.id, &changes, Timestamp(2)).await.unwrap().unwrap();
    assert_eq!(after, Task { status: Status::Done, due_at: None, updated_at: Timestamp(2), ..before });
}

async fn statistics_count_by_status_and_what_is_overdue(store: &Store) {
    let owner = user(store, 1).await;
    for (number, status, due) in [
        (1, Status::Todo, Some(10)),
        (2, Status::Done, Some(10)),
        (3, Status::InProgress, None),
        (4, Status::Todo, Some(99)),
    ] {
        tasks::insert(store, owner, &Task { status, ..task(number, 1, due) }, None).await.unwrap();
    }
    let stats = tasks::stats(store, owner, Timestamp(50)).await.unwrap();
    assert_eq!(stats, tasks::Stats { total: 4, todo: 2, in_progress: 1, done: 1, overdue: 1 });
}

async fn an_email_has_one_account(store: &Store) {
    let first = user(store, 1).await;
    user(store, 2).await;
    let taken = users::update(store, first, Some("2@headroom.example"), None, Timestamp(2)).await;
    assert!(matches!(taken, Err(StoreError::Taken)));
}

async fn sessions_beyond_the_most_end_oldest_first(store: &Store) {
    let owner = user(store, 1).await;
    let mut ended = Vec::new();
    for number in 1..=4u8 {
        let session = sessions::NewSession {
            id: Uuid::from_u128(number.into()),
            user_id: owner,
            ip: "127.0.0.1",
            device: "test",
            refresh: [number; 32],
            now: Timestamp(number.into()),
            expires_at: Timestamp(1000),
        };
        ended.extend(sessions::insert(store, &session, 2).await.unwrap());
    }
    assert_eq!(ended, [(Uuid::from_u128(1), Timestamp(1000)), (Uuid::from_u128(2), Timestamp(1000))]);
    assert_eq!(sessions::revoked(store, Timestamp(0), Timestamp(5)).await.unwrap().len(), 2);
}

async fn a_favourite_needs_its_product_and_goes_with_it(store: &Store) {
    let owner = user(store, 1).await;
    let id = Uuid::from_u128(9);
    assert!(matches!(favorites::put(store, owner, id, Timestamp(1)).await, Err(StoreError::Dangling)));
    products::insert(store, owner, &testing::product(9), None).await.unwrap();
    for _ in 0..2 {
        favorites::put(store, owner, id, Timestamp(1)).await.unwrap();
    }
    assert_eq!(favorites::list(store, owner, None, 10).await.unwrap().len(), 1);
    products::delete(store, id).await.unwrap();
    assert_eq!(favorites::list(store, owner, None, 10).await.unwrap().len(), 0);
}

async fn a_failed_transaction_leaves_nothing_behind(store: &Store) {
    let claim =
        super::idempotency::Claim { key: "k", body_hash: [1; 32], response: b"{}", now: Timestamp(1) };
    let nobody = Uuid::from_u128(404);
    assert!(matches!(
        tasks::insert(store, nobody, &task(1, 1, None), Some(&claim)).await,
        Err(StoreError::Dangling)
    ));
    let owner = user(store, 404).await;
    let outcome = tasks::insert(store, owner, &task(1, 1, None), Some(&claim)).await.unwrap();
    assert_eq!(outcome, super::idempotency::Outcome::Done);
}

async fn of_two_who_present_a_refresh_token_at_the_same_time_one_gets_the_next(store: &Store) {
    let owner = user(store, 1).await;
    for round in 0..8u8 {
        let session = sessions::NewSession {
            id: Uuid::from_u128(round.into()),
            user_id: owner,
            ip: "127.0.0.1",
            device: "test",
            refresh: [round; 32],
            now: Timestamp(1),
            expires_at: Timestamp(1000),
        };
        sessions::insert(store, &session, 100).await.unwrap();
        let (one, other) = ([100 + round; 32], [200 + round; 32]);
        let present = |new| async move {
            sessions::rotate(store, owner, &[round; 32], &new, Timestamp(2), Timestamp(1000)).await.unwrap()
        };
        let outcomes = tokio::join!(present(one), present(other)).into();
        let outcomes: [sessions::Rotation; 2] = outcomes;
        let rotated = outcomes.iter().filter(|o| matches!(o, sessions::Rotation::Rotated { .. })).count();
        let replayed = outcomes.iter().filter(|o| matches!(o, sessions::Rotation::Replayed(_))).count();
        assert_eq!((rotated, replayed), (1, 1), "{outcomes:?}");
    }
}

async fn of_requests_with_one_idempotency_key_at_the_same_time_one_is_done(store: &Store) {
    let owner = user(store, 1).await;
    let (claims, tasks) = (0..6u8, 100..);
    let attempts = claims.zip(tasks).map(|(_, number)| async move {
        let claim =
            super::idempotency::Claim { key: "k", body_hash: [1; 32], response: b"{}", now: Timestamp(1) };
        tasks::insert(store, owner, &task(number, 1, None), Some(&claim)).await
    });
    let outcomes = futures_util::future::join_all(attempts).await;
    let done = outcomes.iter().filter(|o| matches!(o, Ok(super::idempotency::Outcome::Done))).count();
    let replayed = super::idempotency::Outcome::Replayed(b"{}".to_vec());
    let refused =
        |o: &&Result<_>| matches!(o, Err(StoreError::InFlight)) || matches!(o, Ok(o) if *o == replayed);
    assert_eq!((done, outcomes.iter().filter(refused).count()), (1, 5), "{outcomes:?}");
    assert_eq!(tasks::stats(store, owner, Timestamp(1)).await.unwrap().total, 1);
}
