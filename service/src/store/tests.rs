//! The store against a real SQLite file.

use proptest::prelude::*;
use uuid::Uuid;

use super::tasks::{self, Filter, Priority, Sort, Status, Task};
use super::users;
use super::{Store, StoreError, Timestamp, favorites, products, sessions};
use crate::testing::{store, user};

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
            let (store, _dir) = store().await;
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

#[tokio::test]
async fn another_users_task_is_neither_read_nor_changed_nor_removed() {
    let (store, _dir) = store().await;
    let (owner, other) = (user(&store, 1).await, user(&store, 2).await);
    let mine = task(7, 1, None);
    tasks::insert(&store, owner, &mine, None).await.unwrap();
    assert_eq!(tasks::get(&store, other, mine.id).await.unwrap(), None);
    let changes = tasks::Changes { title: Some("Stolen".to_owned()), ..tasks::Changes::default() };
    assert_eq!(tasks::update(&store, other, mine.id, &changes, Timestamp(2)).await.unwrap(), None);
    assert!(!tasks::delete(&store, other, mine.id).await.unwrap());
    assert_eq!(tasks::get(&store, owner, mine.id).await.unwrap(), Some(mine));
}

#[tokio::test]
async fn a_change_leaves_alone_what_it_does_not_name_and_can_empty_a_field() {
    let (store, _dir) = store().await;
    let owner = user(&store, 1).await;
    let before = Task { description: Some("Text".to_owned()), ..task(7, 1, Some(5)) };
    tasks::insert(&store, owner, &before, None).await.unwrap();
    let changes =
        tasks::Changes { status: Some(Status::Done), due_at: Some(None), ..tasks::Changes::default() };
    let after = tasks::update(&store, owner, before.id, &changes, Timestamp(2)).await.unwrap().unwrap();
    assert_eq!(after, Task { status: Status::Done, due_at: None, updated_at: Timestamp(2), ..before });
}

#[tokio::test]
async fn statistics_count_by_status_and_what_is_overdue() {
    let (store, _dir) = store().await;
    let owner = user(&store, 1).await;
    for (number, status, due) in [
        (1, Status::Todo, Some(10)),
        (2, Status::Done, Some(10)),
        (3, Status::InProgress, None),
        (4, Status::Todo, Some(99)),
    ] {
        tasks::insert(&store, owner, &Task { status, ..task(number, 1, due) }, None).await.unwrap();
    }
    let stats = tasks::stats(&store, owner, Timestamp(50)).await.unwrap();
    assert_eq!(stats, tasks::Stats { total: 4, todo: 2, in_progress: 1, done: 1, overdue: 1 });
}

#[tokio::test]
async fn an_email_has_one_account() {
    let (store, _dir) = store().await;
    let first = user(&store, 1).await;
    user(&store, 2).await;
    let taken = users::update(&store, first, Some("2@headroom.example"), None, Timestamp(2)).await;
    assert!(matches!(taken, Err(StoreError::Taken)));
}

#[tokio::test]
async fn sessions_beyond_the_most_end_oldest_first() {
    let (store, _dir) = store().await;
    let owner = user(&store, 1).await;
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
        ended.extend(sessions::insert(&store, &session, 2).await.unwrap());
    }
    assert_eq!(ended, [(Uuid::from_u128(1), Timestamp(1000)), (Uuid::from_u128(2), Timestamp(1000))]);
    assert_eq!(sessions::revoked(&store, Timestamp(0), Timestamp(5)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_favourite_needs_its_product_and_goes_with_it() {
    let (store, _dir) = store().await;
    let owner = user(&store, 1).await;
    let id = Uuid::from_u128(9);
    assert!(matches!(favorites::put(&store, owner, id, Timestamp(1)).await, Err(StoreError::Dangling)));
    let product = products::Product {
        id,
        title: "Lamp".to_owned(),
        description: String::new(),
        category: "home".to_owned(),
        price_cents: 1,
        stock: 1,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
    };
    products::insert(&store, owner, &product, None).await.unwrap();
    for _ in 0..2 {
        favorites::put(&store, owner, id, Timestamp(1)).await.unwrap();
    }
    assert_eq!(favorites::list(&store, owner, None, 10).await.unwrap().len(), 1);
    products::delete(&store, id).await.unwrap();
    assert_eq!(favorites::list(&store, owner, None, 10).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_failed_transaction_leaves_nothing_behind() {
    let (store, _dir) = store().await;
    let claim =
        super::idempotency::Claim { key: "k", body_hash: [1; 32], response: b"{}", now: Timestamp(1) };
    let nobody = Uuid::from_u128(404);
    assert!(matches!(
        tasks::insert(&store, nobody, &task(1, 1, None), Some(&claim)).await,
        Err(StoreError::Dangling)
    ));
    let owner = user(&store, 404).await;
    let outcome = tasks::insert(&store, owner, &task(1, 1, None), Some(&claim)).await.unwrap();
    assert_eq!(outcome, super::idempotency::Outcome::Done);
}
