//! Large loads: all or nothing, and everything around the rows as it was.

use super::*;
use crate::store::bulk::{Batch, Load};
use crate::store::users::{Role, User};
use crate::store::{Db, rw};

fn account(number: u128) -> User {
    let (id, at) = (Uuid::from_u128(number), Timestamp(1));
    let email = format!("{number}@headroom.example");
    User {
        id,
        email,
        name: "Name\twith\\signs\n".to_owned(),
        role: Role::User,
        created_at: at,
        updated_at: at,
    }
}

/// Accounts `from` to `to`, each with a task and a favourite.
fn batch(from: u128, to: u128) -> Batch {
    let mut batch = Batch::default();
    for number in from..to {
        let user = account(number);
        batch.tasks.push((user.id, task(number, 1, Some(5))));
        batch.favorites.push((user.id, Uuid::from_u128(1), Timestamp(1)));
        batch.users.push(user);
    }
    batch
}

/// Indexes, keys and triggers of every database, as text.
async fn shape(store: &Store) -> Vec<String> {
    const SQLITE: &str = "SELECT name || COALESCE(sql, '') FROM sqlite_master ORDER BY 1";
    const POSTGRES: &str = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' UNION ALL \
                            SELECT format('%s %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated) \
                            FROM pg_constraint UNION ALL SELECT format('%s %s %s', tgrelid::regclass, tgname, tgenabled) \
                            FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1";
    let mut all = Vec::new();
    for db in store.databases() {
        let some: Result<Vec<String>> = match db {
            Db::Sqlite { rw, .. } => Ok(sqlx::query_scalar(SQLITE).fetch_all(rw).await.unwrap()),
            Db::Postgres(_) => postgres_shape(db, POSTGRES).await,
        };
        all.extend(some.unwrap());
    }
    all
}

async fn postgres_shape(db: &Db, sql: &'static str) -> Result<Vec<String>> {
    Ok(rw!(db, p => sqlx::query_scalar(sql).fetch_all(p).await?))
}

async fn everything_is_there_and_around_it_all_as_it_was(store: &Store) {
    let before = shape(store).await;
    let mut load = Load::begin(store, "hash");
    load.add(Batch { products: vec![testing::product(1)], ..Batch::default() }).await.unwrap();
    for from in [1, 51, 101] {
        load.add(batch(from, from + 50)).await.unwrap();
    }
    load.finish().await.unwrap();
    assert_eq!(shape(store).await, before);
    for number in [1u128, 77, 150] {
        let user = users::get(store, Uuid::from_u128(number)).await.unwrap().unwrap();
        assert_eq!(user, account(number));
        assert_eq!(
            tasks::list(store, user.id, &Filter { limit: 10, ..Filter::default() }).await.unwrap().len(),
            1
        );
        assert_eq!(favorites::list(store, user.id, None, 10).await.unwrap().len(), 1);
        let known = users::credentials(store, &user.email).await.unwrap().unwrap();
        assert_eq!((known.id, known.password_hash.as_str()), (user.id, "hash"));
    }
}

async fn a_load_that_fails_or_is_given_up_leaves_nothing(store: &Store) {
    let before = shape(store).await;
    let mut given_up = Load::begin(store, "hash");
    given_up.add(batch(1, 10)).await.unwrap();
    drop(given_up);
    let present = user(store, 7).await;
    let mut load = Load::begin(store, "hash");
    load.add(Batch { products: vec![testing::product(1)], ..Batch::default() }).await.unwrap();
    let mut outcome = Ok(());
    for from in [100, 1, 200, 300, 400, 500] {
        outcome = load.add(batch(from, from + 50)).await;
        if outcome.is_err() {
            break;
        }
    }
    let outcome = match outcome {
        Ok(()) => load.finish().await,
        failed => failed,
    };
    assert!(matches!(outcome, Err(StoreError::Taken)), "{outcome:?}");
    assert_eq!(shape(store).await, before);
    for number in [1u128, 110, 210] {
        assert_eq!(users::get(store, Uuid::from_u128(number)).await.unwrap(), None, "{number}");
    }
    assert_eq!(products::get(store, Uuid::from_u128(1)).await.unwrap(), None);
    assert!(users::get(store, present).await.unwrap().is_some());
}

on_both! {
    everything_is_there_and_around_it_all_as_it_was,
    a_load_that_fails_or_is_given_up_leaves_nothing,
}

#[tokio::test]
async fn on_shards_every_row_is_where_it_belongs_and_the_guards_are_back() {
    let store = testing::sharded_store(3).await;
    everything_is_there_and_around_it_all_as_it_was(&store).await;
    store.close().await;
}
