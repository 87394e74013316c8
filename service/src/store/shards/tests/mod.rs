//! Shards that are real databases.

mod accounts;
mod dying;
mod replicas;

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::Sharding;
use super::bucket::Bucket;
use super::moving::{Mover, Outcome};
use super::tables::{STAYING, TABLES};
use crate::store::postgres::Cluster;
use crate::store::tasks::{self, Filter, Priority, Status, Task};
use crate::store::users::{self, Role, User};
use crate::store::{Db, Store, StoreError, Timestamp, directory};
use crate::telemetry::metrics::Metrics;
use crate::testing::{self, user};

/// Two processes over the same databases.
async fn two(shards: usize) -> (Store, Store) {
    let config = testing::sharded(shards);
    let first = Store::open(&config, &Metrics::default()).await.unwrap();
    first.migrate().await.unwrap();
    let second = Store::open(&config, &Metrics::default()).await.unwrap();
    second.ensure_migrated().await.unwrap();
    (first, second)
}

fn sharding(store: &Store) -> &Sharding {
    store.sharding().unwrap()
}

fn cluster(db: &Db) -> &Cluster {
    match db {
        Db::Postgres(cluster) => cluster,
        Db::Sqlite { .. } => unreachable!("shards are PostgreSQL's"),
    }
}

/// What `sql` counts on each shard.
async fn counts(store: &Store, sql: &'static str) -> Vec<i64> {
    let mut all = Vec::new();
    for db in store.everywhere() {
        let pool = cluster(db).primary_pool().unwrap();
        all.push(sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap());
    }
    all
}

fn task(number: u128) -> Task {
    Task {
        id: Uuid::from_u128(number),
        title: format!("Task {number}"),
        description: Some("tab\there, \\ there".to_owned()),
        status: Status::Todo,
        priority: Priority::High,
        due_at: None,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
    }
}

async fn add(store: &Store, user: Uuid, number: u128) {
    tasks::insert(store, user, &task(number), None).await.unwrap();
}

async fn seen(store: &Store, user: Uuid) -> usize {
    let filter = Filter { limit: 1000, ..Filter::default() };
    tasks::list(store, user, &filter).await.unwrap().len()
}

/// The mover of a process, the bucket of `user`, the shard it is on and another one.
async fn about(store: &Store, user: Uuid) -> (Mover, Bucket, u16, u16) {
    let bucket = Bucket::of(user);
    let mut mover = sharding(store).mover().await.unwrap();
    let from = mover.places().await.unwrap()[bucket.index()].shard;
    (mover, bucket, from, 1 - from)
}

async fn shift(store: &Store, user: Uuid) -> Outcome {
    let (mut mover, bucket, _, to) = about(store, user).await;
    let leaves = mover.announce([(bucket, to)].into_iter()).await.unwrap();
    mover.shift(bucket, to, leaves).await.unwrap()
}

#[tokio::test]
async fn the_database_puts_a_user_into_the_same_bucket() {
    let store = testing::postgres_store().await;
    let Db::Postgres(cluster) = store.databases().next().unwrap() else { unreachable!("it is PostgreSQL") };
    let ids: Vec<Uuid> = (0..500u128).map(|n| Uuid::from_u128(n.wrapping_mul(u128::MAX / 499))).collect();
    let theirs: Vec<i32> = sqlx::query_scalar("SELECT bucket_of(id) FROM unnest($1::uuid[]) id")
        .bind(&ids)
        .fetch_all(&cluster.primary_pool().unwrap())
        .await
        .unwrap();
    let ours: Vec<i32> = ids.iter().map(|id| Bucket::of(*id).stored()).collect();
    assert_eq!(theirs, ours);
    store.close().await;
}

/// A table that is in neither list would be left behind by a bucket that moves.
#[tokio::test]
async fn every_table_either_moves_with_its_user_or_is_known_to_stay() {
    let store = testing::postgres_store().await;
    let Db::Postgres(cluster) = store.databases().next().unwrap() else { unreachable!("it is PostgreSQL") };
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' \
         AND table_type = 'BASE TABLE'",
    )
    .fetch_all(&cluster.primary_pool().unwrap())
    .await
    .unwrap();
    let known = |name: &str| TABLES.iter().any(|table| table.name == name) != STAYING.contains(&name);
    let unknown: Vec<&String> = tables.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "list them in store/shards/tables.rs: {unknown:?}");
    for table in TABLES {
        assert!(tables.iter().any(|name| name == table.name), "{} is no table", table.name);
    }
    store.close().await;
}

#[tokio::test]
async fn users_are_spread_and_an_address_has_one_account_all_over() {
    let store = testing::sharded_store(3).await;
    for number in 1..=30 {
        user(&store, number).await;
    }
    let held = counts(&store, "SELECT COUNT(*) FROM users").await;
    assert_eq!(held.iter().sum::<i64>(), 30);
    assert!(held.iter().all(|count| *count > 0), "{held:?}");
    for number in 1..=30u128 {
        let found = users::credentials(&store, &format!("{number}@headroom.example")).await.unwrap();
        assert_eq!(found.unwrap().id, Uuid::from_u128(number));
    }
    let again = account(31, "7@headroom.example", 5);
    assert!(matches!(users::insert(&store, &again, "", None).await, Err(StoreError::Taken)));
    assert_eq!(counts(&store, "SELECT COUNT(*) FROM users").await.iter().sum::<i64>(), 30);
    store.close().await;
}

fn account(number: u128, email: &str, at_us: i64) -> User {
    let at = Timestamp(at_us);
    let (id, name) = (Uuid::from_u128(number), "Test".to_owned());
    User { id, email: email.to_owned(), name, role: Role::User, created_at: at, updated_at: at }
}

#[tokio::test]
async fn a_changed_address_logs_in_and_the_old_one_is_free() {
    let store = testing::sharded_store(3).await;
    let (first, _) = (user(&store, 1).await, user(&store, 2).await);
    let (old, new) = ("1@headroom.example", "new@headroom.example");
    let taken = users::update(&store, first, Some("2@headroom.example"), None, Timestamp(2)).await;
    assert!(matches!(taken, Err(StoreError::Taken)));
    users::update(&store, first, Some(new), None, Timestamp(2)).await.unwrap().unwrap();
    assert_eq!(users::credentials(&store, new).await.unwrap().unwrap().id, first);
    assert!(users::credentials(&store, old).await.unwrap().is_none());
    users::insert(&store, &account(3, old, 3), "", None).await.unwrap();
    users::delete(&store, first, Timestamp(4)).await.unwrap();
    assert!(users::credentials(&store, new).await.unwrap().is_none());
    users::insert(&store, &account(4, new, 5), "", None).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn what_a_registration_that_died_left_behind_is_found_out_by_the_next() {
    let store = testing::sharded_store(3).await;
    let (email, died) = ("a@headroom.example", Uuid::from_u128(1));
    directory::reserve(&store, email, died, Timestamp(1)).await.unwrap();
    // It may still be at it.
    let early = users::insert(&store, &account(2, email, 1_000_000), "", None).await;
    assert!(matches!(early, Err(StoreError::Undecided)), "{early:?}");
    // It died before it stored the account.
    users::insert(&store, &account(2, email, 60_000_000), "", None).await.unwrap();
    // Had it woken up again, it would have found that out before it said anything.
    assert!(!directory::confirm(&store, email, died).await.unwrap());
    // One that died after it stored the account has the address.
    sqlx::query("UPDATE email_directory SET confirmed = FALSE")
        .execute(&cluster(&store.db).primary_pool().unwrap())
        .await
        .unwrap();
    let late = users::insert(&store, &account(3, email, 900_000_000), "", None).await;
    assert!(matches!(late, Err(StoreError::Taken)), "{late:?}");
    assert_eq!(users::credentials(&store, email).await.unwrap().unwrap().id, Uuid::from_u128(2));
    store.close().await;
}

#[tokio::test]
async fn a_bucket_that_moved_is_found_at_once_by_a_process_that_has_not_heard_of_it() {
    let (here, there) = two(2).await;
    let me = user(&here, 1).await;
    for number in 10..15 {
        add(&here, me, number).await;
    }
    assert_eq!(seen(&there, me).await, 5);
    let Outcome::Moved(moved) = shift(&here, me).await else { panic!("it was elsewhere") };
    assert_eq!((moved.users, moved.rows), (1, 6));
    // Whichever comes first: a read, a write that finds rows, one that finds none.
    assert!(!tasks::delete(&there, me, Uuid::from_u128(404)).await.unwrap());
    assert_eq!(seen(&there, me).await, 5);
    assert_eq!(tasks::get(&there, me, Uuid::from_u128(12)).await.unwrap(), Some(task(12)));
    add(&there, me, 15).await;
    assert_eq!(seen(&here, me).await, 6);
    let mut held = counts(&here, "SELECT COUNT(*) FROM tasks").await;
    held.sort_unstable();
    assert_eq!(held, [0, 6], "the rows that were left are removed");
    // And back.
    assert!(matches!(shift(&there, me).await, Outcome::Moved(_)));
    assert!(tasks::delete(&here, me, Uuid::from_u128(10)).await.unwrap());
    assert_eq!(seen(&there, me).await, 5);
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn a_row_of_a_bucket_that_is_elsewhere_is_refused_whoever_writes_it() {
    let store = testing::sharded_store(3).await;
    let me = user(&store, 1).await;
    let home = sharding(&store).number_of(me);
    for (number, db) in store.everywhere().enumerate() {
        let pool = cluster(db).primary_pool().unwrap();
        let written = sqlx::query("INSERT INTO sessions VALUES ($1, $2, '', '', 1, 1, NULL)")
            .bind(Uuid::from_u128(number as u128))
            .bind(me)
            .execute(&pool)
            .await;
        match written {
            Ok(_) => assert_eq!(number, home),
            Err(error) => {
                assert_ne!(number, home);
                assert!(matches!(StoreError::from(error), StoreError::Moved));
            }
        }
    }
    store.close().await;
}

/// What a mover does up to where `switch` would.
async fn copied(store: &Store, user: Uuid) -> (super::moving::Halfway, Bucket, u16) {
    let (mut mover, bucket, _, to) = about(store, user).await;
    mover.announce([(bucket, to)].into_iter()).await.unwrap();
    (mover.halfway(bucket, to).await.unwrap(), bucket, to)
}

#[tokio::test]
async fn two_movers_of_one_bucket_are_one_too_many() {
    let (here, there) = two(2).await;
    let me = user(&here, 1).await;
    let (mut first, bucket, from, to) = about(&here, me).await;
    let mut second = sharding(&there).mover().await.unwrap();
    first.announce([(bucket, to)].into_iter()).await.unwrap();
    let leaves = Instant::now() + Duration::from_secs(6);
    let (first, second) = tokio::join!(first.shift(bucket, to, leaves), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        second.shift(bucket, from, leaves).await
    });
    assert!(matches!(first.unwrap(), Outcome::Moved(_)));
    let refused = second.unwrap_err().to_string();
    assert!(refused.contains("another `service reshard`"), "{refused}");
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn shards_that_changed_places_are_refused() {
    let mut config = testing::sharded(2);
    let store = Store::open(&config, &Metrics::default()).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    config.shards.reverse();
    let store = Store::open(&config, &Metrics::default()).await.unwrap();
    let refused = format!("{:#}", store.ensure_migrated().await.unwrap_err());
    assert!(refused.contains("database.shards[0]") && refused.contains("is shard 1"), "{refused}");
    config.shards.truncate(1);
    config.shards.reverse();
    let fewer = Store::open(&config, &Metrics::default()).await.unwrap();
    let refused = format!("{:#}", fewer.migrate().await.unwrap_err());
    assert!(refused.contains("database.shards"), "{refused}");
}

#[tokio::test]
async fn a_shard_that_was_added_begins_empty_and_gets_its_part() {
    let mut config = testing::sharded(2);
    let more = testing::sharded(1);
    let store = Store::open(&config, &Metrics::default()).await.unwrap();
    store.migrate().await.unwrap();
    for number in 1..=40 {
        user(&store, number).await;
    }
    store.close().await;
    config.shards.extend(more.shards);
    let store = Store::open(&config, &Metrics::default()).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(counts(&store, "SELECT COUNT(*) FROM users").await[2], 0);
    let mut mover = sharding(&store).mover().await.unwrap();
    let full = (1..=40u128).map(|n| Bucket::of(Uuid::from_u128(n)));
    let steps: Vec<Bucket> = full.take(3).collect();
    let leaves = mover.announce(steps.iter().map(|bucket| (*bucket, 2))).await.unwrap();
    for bucket in &steps {
        mover.shift(*bucket, 2, leaves).await.unwrap();
    }
    assert!(counts(&store, "SELECT COUNT(*) FROM users").await[2] >= 3);
    for number in 1..=40u128 {
        assert!(users::get(&store, Uuid::from_u128(number)).await.unwrap().is_some());
    }
    store.close().await;
}
