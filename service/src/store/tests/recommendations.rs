//! What is recommended, from favourites wherever their users are.

use std::time::Duration;

use super::*;
use crate::store::co_favorites::{Step, are_outdated, forget, step};
use crate::store::recommendations;

async fn product(store: &Store, number: u128) -> Uuid {
    let product = testing::product(number);
    products::insert(store, Uuid::nil(), &product, None).await.unwrap();
    product.id
}

/// `who` marks, one after the other.
async fn mark(store: &Store, who: u128, marked: &[u128]) {
    for (at, number) in (1..).zip(marked) {
        favorites::put(store, Uuid::from_u128(who), Uuid::from_u128(*number), Timestamp(at)).await.unwrap();
    }
}

/// Counts everything once; whether from other marks than before.
async fn count(store: &Store) -> bool {
    loop {
        if let Step::Whole { changed } = step(store).await.unwrap() {
            return changed;
        }
    }
}

/// Whether there is anything to count, with time enough to tell.
async fn outdated(store: &Store) -> bool {
    are_outdated(store, Duration::from_secs(60)).await.unwrap()
}

async fn recommended(store: &Store, who: u128, limit: i64) -> Vec<u128> {
    let list = recommendations::list(store, Uuid::from_u128(who), limit).await.unwrap();
    list.iter().map(|product| product.id.as_u128()).collect()
}

/// Users 1 to 12, on all databases there are, and products 100 to 119.
async fn furnish(store: &Store) {
    for number in 1..=12 {
        user(store, number).await;
    }
    for number in 100..120 {
        product(store, number).await;
    }
}

async fn what_others_marked_along_comes_first_and_then_what_most_marked(store: &Store) {
    furnish(store).await;
    assert_eq!(recommended(store, 1, 10).await, [0; 0], "nothing was counted yet");
    for who in 2..=5 {
        mark(store, who, &[100, 101]).await;
    }
    for who in 4..=6 {
        mark(store, who, &[100, 102]).await;
    }
    for who in 7..=12 {
        mark(store, who, &[110]).await;
    }
    mark(store, 1, &[100]).await;
    assert!(count(store).await);
    // With 100 four marked 101 and three 102; 110 was marked by six, but not along with 100.
    assert_eq!(recommended(store, 1, 10).await, [101, 102, 110]);
    assert_eq!(recommended(store, 1, 2).await, [101, 102]);
    // Who marked nothing, or only what nobody else did, gets what most marked.
    assert_eq!(recommended(store, 404, 10).await, [100, 110, 101, 102]);
    // What is one's own or gone is not recommended, whenever it was counted.
    mark(store, 1, &[101]).await;
    products::delete(store, Uuid::from_u128(110)).await.unwrap();
    assert_eq!(recommended(store, 1, 10).await, [102]);
}

async fn what_is_counted_again_counts_once_and_what_was_unmarked_no_more(store: &Store) {
    furnish(store).await;
    mark(store, 1, &[100]).await;
    mark(store, 2, &[100, 101]).await;
    mark(store, 3, &[100, 102]).await;
    mark(store, 4, &[100, 102]).await;
    assert!(count(store).await);
    assert_eq!(recommended(store, 1, 10).await, [102, 101]);
    for _ in 0..3 {
        assert!(!outdated(store).await);
        assert!(!count(store).await, "the same marks");
        assert_eq!(recommended(store, 1, 10).await, [102, 101]);
    }
    for who in [3, 4] {
        favorites::delete(store, Uuid::from_u128(who), Uuid::from_u128(102)).await.unwrap();
    }
    assert!(outdated(store).await);
    assert!(count(store).await);
    assert!(!outdated(store).await);
    assert!(are_outdated(store, Duration::ZERO).await.unwrap(), "no time to tell: they may be");
    assert_eq!(recommended(store, 1, 10).await, [101]);
    assert!(generations(store).await > 1);
    forget(store).await.unwrap();
    assert_eq!((generations(store).await, recommended(store, 1, 10).await), (1, vec![101]));
}

/// Walks whose counts are there.
async fn generations(store: &Store) -> i64 {
    const SQL: &str = "SELECT COUNT(DISTINCT generation) FROM co_favorites";
    let ask = async || -> crate::store::Result<i64> {
        Ok(crate::store::ro!(store.directory(), p => sqlx::query_scalar(SQL).fetch_one(p).await?))
    };
    ask().await.unwrap()
}

async fn counts_of_any_number_of_steps_and_processes_add_up(store: &Store) {
    for number in 100..104 {
        product(store, number).await;
    }
    // More marks than one step reads, in any one database.
    const USERS: u128 = 400;
    let all: Vec<(Uuid, Uuid, Timestamp)> = (1..=USERS)
        .flat_map(|who| [100, 101, 102].map(|p| (Uuid::from_u128(who), Uuid::from_u128(p), Timestamp(1))))
        .collect();
    let users = (1..=USERS).map(|who| users::User {
        id: Uuid::from_u128(who),
        email: format!("{who}@headroom.example"),
        name: "Test".to_owned(),
        role: users::Role::User,
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
    });
    let batch = crate::store::bulk::Batch { users: users.collect(), favorites: all, ..Default::default() };
    crate::store::bulk::insert(store, batch, "").await.unwrap();
    mark(store, 7, &[103]).await;
    assert!(outdated(store).await);
    assert_eq!(step(store).await.unwrap(), Step::More);
    assert!(outdated(store).await, "a walk that has begun is gone on with");
    assert_eq!(recommended(store, 404, 10).await, [0; 0], "nobody sees a part");
    // Several at the same step: one of them counts.
    let mut rounds = 0;
    loop {
        let (one, other, third) = tokio::join!(step(store), step(store), step(store));
        if [one, other, third].iter().any(|step| matches!(step, Ok(Step::Whole { .. }))) {
            break;
        }
        rounds += 1;
        assert!(rounds < 20, "it comes to its end");
    }
    assert_eq!(users_of_pair(store, 100, 100).await, i64::try_from(USERS).unwrap());
    assert_eq!(users_of_pair(store, 100, 102).await, i64::try_from(USERS).unwrap());
    assert_eq!(users_of_pair(store, 103, 101).await, 1);
}

async fn users_of_pair(store: &Store, product: u128, other: u128) -> i64 {
    const SQL: &str = "SELECT users FROM co_favorites WHERE product_id = $1 AND other_id = $2 AND generation = \
                       (SELECT generation FROM co_favorites_walk)";
    let ask = async || -> crate::store::Result<i64> {
        Ok(crate::store::ro!(store.directory(), p => sqlx::query_scalar(SQL).bind(Uuid::from_u128(product))
            .bind(Uuid::from_u128(other)).fetch_one(p).await?))
    };
    ask().await.unwrap()
}

on_all! {
    what_others_marked_along_comes_first_and_then_what_most_marked,
    what_is_counted_again_counts_once_and_what_was_unmarked_no_more,
    counts_of_any_number_of_steps_and_processes_add_up,
}
