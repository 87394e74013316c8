//! Counting which products users marked together, all over the databases that users are in, for recommendations.
//!
//! Every user's marks lie in one database, so that counts of several databases add up. A walk goes through all users in
//! steps of bounded size; each adds to the counts and moves on in one transaction, so that it may be broken off and gone
//! on with anywhere. What is read are the counts of the last whole walk. A user whose data move to another database
//! meanwhile may be met twice or not at all; the next walk is right again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::named::{Arg, Named};
use super::{Db, Op, Result, Store, in_tx, ro, rw};

/// Marks that are counted in one step. SQLite's other writers wait for it.
const MARKS_PER_STEP: i64 = 200;
/// Marks that are read at once where nothing is written.
const MARKS_PER_LOOK: i64 = 1000;
/// Marks of a user that count, the latest: pairs grow with their square.
const MARKS_PER_USER: usize = 20;
/// SQLite takes 32,766 parameters, of which a pair has four.
const PAIRS_PER_STATEMENT: usize = 2000;
/// Products whose outdated counts are forgotten in one statement, more or less.
const PRODUCTS_PER_STATEMENT: i64 = 200;

/// What a step of the walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to count.
    More,
    /// A walk is over and its counts are read from now on.
    Whole {
        /// Whether they were made from other marks than those before.
        changed: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, sqlx::FromRow)]
struct Walk {
    generation: i64,
    checksum: i64,
    place: i64,
    after_user: Uuid,
    so_far: i64,
}

const WALK: &str =
    "SELECT generation, checksum, place, after_user, so_far FROM co_favorites_walk WHERE alone = TRUE";
const MARKS: &str = "SELECT user_id, product_id FROM favorites WHERE user_id > $1 \
                     ORDER BY user_id, created_at_us DESC, product_id DESC LIMIT $2";
// The condition decides between two who are at the same step: one of them counts.
const ADVANCE: &str = "UPDATE co_favorites_walk SET place = $4, after_user = $5, so_far = $6 \
                       WHERE generation = $1 AND place = $2 AND after_user = $3";
const FINISH: &str = "UPDATE co_favorites_walk SET generation = generation + 1, checksum = so_far, place = 0, \
                      after_user = $3, so_far = 0 WHERE generation = $1 AND place = $2";
const FORGET: &str = "DELETE FROM co_favorites WHERE generation < $1 AND product_id IN \
                      (SELECT product_id FROM co_favorites WHERE generation < $1 LIMIT $2)";

/// Whether the counts are of other marks than there are, as far as that can be told `within` a time; else they may be. A
/// walk that has begun is gone on with. This only reads: no writer waits for it.
///
/// # Errors
/// When a database does not answer.
pub async fn are_outdated(store: &Store, within: Duration) -> Result<bool> {
    let begun = Instant::now();
    let outdated = async {
        let walk = walk(store).await?;
        if walk.place != 0 || !walk.after_user.is_nil() {
            return Ok(true);
        }
        let mut checksum = 0i64;
        for db in store.everywhere() {
            let mut behind = Some(Uuid::nil());
            while let Some(user) = behind {
                if begun.elapsed() > within {
                    return Ok(true);
                }
                let (marks, more) = marks(db, user, MARKS_PER_LOOK).await?;
                let users = || whole_users(&marks, more);
                checksum = users()
                    .flatten()
                    .fold(checksum, |sum, (user, product)| sum.wrapping_add(hash(*user, *product)));
                behind = users().last().filter(|_| more).map(|of_user| of_user[0].0);
            }
        }
        Ok(checksum != walk.checksum)
    };
    store.timed(Op::CoFavoriteCount, Box::pin(outdated)).await
}

/// Takes the next step of the walk.
///
/// # Errors
/// When a database does not answer.
pub async fn step(store: &Store) -> Result<Step> {
    store.timed(Op::CoFavoriteCount, Box::pin(take_step(store))).await
}

async fn take_step(store: &Store) -> Result<Step> {
    let walk = walk(store).await?;
    let place = usize::try_from(walk.place).unwrap_or(usize::MAX);
    let Some(db) = store.everywhere().nth(place) else { return finish(store, walk).await };
    let (marks, more) = marks(db, walk.after_user, MARKS_PER_STEP).await?;
    let counted = Counted::of(&marks, more);
    let (place, after_user) = match counted.until {
        Some(user) => (walk.place, user),
        None => (walk.place + 1, Uuid::nil()),
    };
    let so_far = walk.so_far.wrapping_add(counted.checksum);
    let pairs: Vec<((Uuid, Uuid), i64)> = counted.pairs.into_iter().collect();
    // Nobody reads these counts yet: no replica has to hurry.
    in_tx!(store.catalog().fresh(), tx => {
        let advanced = sqlx::query(ADVANCE).bind(walk.generation).bind(walk.place).bind(walk.after_user)
            .bind(place).bind(after_user).bind(so_far).execute(&mut *tx).await?.rows_affected();
        if advanced == 1 {
            for rows in pairs.chunks(PAIRS_PER_STATEMENT) {
                // Hardly two statements have the same length: none is worth remembering.
                add_sql(walk.generation + 1, rows).build().persistent(false).execute(&mut *tx).await?;
            }
        }
    });
    Ok(Step::More)
}

async fn walk(store: &Store) -> Result<Walk> {
    Ok(ro!(store.catalog().fresh(), p => sqlx::query_as(WALK).fetch_one(p).await?))
}

/// At `most` so many marks of users behind `user`, user by user, of each the latest first; whether there may be more.
async fn marks(db: &Db, user: Uuid, most: i64) -> Result<(Vec<(Uuid, Uuid)>, bool)> {
    let marks: Vec<(Uuid, Uuid)> =
        ro!(db, p => sqlx::query_as(MARKS).bind(user).bind(most).fetch_all(p).await?);
    let more = marks.len() as i64 == most;
    Ok((marks, more))
}

/// The marks that count of each user. Where there are `more` behind them the last user's may be cut off, who is left for the
/// next step unless there are enough of them.
fn whole_users(marks: &[(Uuid, Uuid)], more: bool) -> impl Iterator<Item = &[(Uuid, Uuid)]> {
    let last = marks.last().map(|mark| mark.0);
    let users = marks.chunk_by(|a, b| a.0 == b.0);
    let whole = move |of_user: &&[(Uuid, Uuid)]| {
        !more || Some(of_user[0].0) != last || of_user.len() >= MARKS_PER_USER
    };
    users.filter(whole).map(|of_user| &of_user[..of_user.len().min(MARKS_PER_USER)])
}

/// The statement that adds to the counts of `pairs`. Its placeholders are those that the kind of database likes: SQLite would
/// look each numbered one up among all before it.
fn add_sql<DB>(generation: i64, pairs: &[((Uuid, Uuid), i64)]) -> sqlx::QueryBuilder<DB>
where
    DB: sqlx::Database,
    for<'q> Uuid: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut sql =
        sqlx::QueryBuilder::new("INSERT INTO co_favorites (generation, product_id, other_id, users) ");
    sql.push_values(pairs, |mut row, ((product, other), users)| {
        row.push_bind(generation).push_bind(*product).push_bind(*other).push_bind(*users);
    });
    sql.push(
        " ON CONFLICT (generation, product_id, other_id) DO UPDATE SET users = co_favorites.users + excluded.users",
    );
    sql
}

/// What was counted is read from now on.
async fn finish(store: &Store, walk: Walk) -> Result<Step> {
    rw!(store.catalog(), p => sqlx::query(FINISH).bind(walk.generation).bind(walk.place).bind(Uuid::nil()).execute(p)
        .await?.rows_affected());
    Ok(Step::Whole { changed: walk.so_far != walk.checksum })
}

/// Forgets the counts that were read before the last whole walk.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(store: &Store) -> Result<()> {
    let forgotten = async {
        let generation = walk(store).await?.generation;
        loop {
            let forgotten = rw!(store.catalog().fresh(), p => sqlx::query(FORGET).bind(generation)
                .bind(PRODUCTS_PER_STATEMENT).execute(p).await?.rows_affected());
            if forgotten == 0 {
                return Ok(());
            }
        }
    };
    store.timed(Op::CoFavoriteCount, Box::pin(forgotten)).await
}

/// What marks say.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    /// Users who marked both of two products, in either order; of a product and itself, who marked it.
    pairs: BTreeMap<(Uuid, Uuid), i64>,
    /// Tells whether the same marks were counted; does not depend on the order of users.
    checksum: i64,
    /// The last user who was counted, where others may follow.
    until: Option<Uuid>,
}

impl Counted {
    /// Counts `marks`, user by user, of each the latest first, where there may be `more` behind them.
    fn of(marks: &[(Uuid, Uuid)], more: bool) -> Self {
        let mut counted = Self::default();
        for of_user in whole_users(marks, more) {
            for (user, product) in of_user {
                counted.checksum = counted.checksum.wrapping_add(hash(*user, *product));
                for (_, other) in of_user {
                    *counted.pairs.entry((*product, *other)).or_default() += 1;
                }
            }
            counted.until = more.then_some(of_user[0].0);
        }
        counted
    }
}

fn hash(user: Uuid, product: Uuid) -> i64 {
    let digest = Sha256::new().chain_update(user).chain_update(product).finalize();
    let mut beginning = [0; 8];
    beginning.copy_from_slice(&digest[..8]);
    i64::from_le_bytes(beginning)
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Int, Product, User};
    vec![
        Named::cold("co-favourites: how far the walk is", WALK, &[]),
        Named::cold("co-favourites: marks behind a user", MARKS, &[User, Int(1000)]),
        Named::cold("co-favourites: advance", ADVANCE, &[Int(1), Int(0), User, Int(0), User, Int(1)]),
        Named::cold(
            "co-favourites: add",
            add_sql::<sqlx::Postgres>(1, &[((Uuid::nil(), Uuid::nil()), 1)]),
            &[Int(1), Product, Product, Int(1)],
        ),
        Named::cold("co-favourites: finish", FINISH, &[Int(1), Int(0), User]),
        Named::cold("co-favourites: forget", FORGET, &[Int(1), Int(200)]),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u8) -> Uuid {
        Uuid::from_u128(u128::from(number) + 1)
    }

    /// Marks in the order of the walk.
    fn marks() -> impl Strategy<Value = Vec<(Uuid, Uuid)>> {
        let sets = proptest::collection::vec(proptest::collection::btree_set(0u8..40, 0..30), 0..12);
        sets.prop_map(|sets| {
            let of_user = |(user, products): (usize, std::collections::BTreeSet<u8>)| {
                products.into_iter().map(move |product| (Uuid::from_u128(user as u128 + 1), id(product)))
            };
            sets.into_iter().enumerate().flat_map(of_user).collect()
        })
    }

    proptest! {
        #[test]
        fn steps_of_any_size_count_what_one_step_counts(marks in marks(), size in MARKS_PER_USER..60) {
            let whole = Counted::of(&marks, false);
            let (mut sum, mut from) = (Counted::default(), 0);
            loop {
                let step = &marks[from..marks.len().min(from + size)];
                let counted = Counted::of(step, step.len() == size);
                for (pair, users) in counted.pairs {
                    *sum.pairs.entry(pair).or_default() += users;
                }
                sum.checksum = sum.checksum.wrapping_add(counted.checksum);
                let Some(until) = counted.until else { break };
                from = marks.iter().position(|mark| mark.0 > until).unwrap_or(marks.len());
            }
            prop_assert_eq!(sum, whole);
        }

        #[test]
        fn a_pair_counts_as_much_either_way_and_no_more_than_either_product(marks in marks()) {
            let pairs = Counted::of(&marks, false).pairs;
            for ((product, other), users) in &pairs {
                prop_assert_eq!(pairs[&(*other, *product)], *users);
                prop_assert!(*users <= pairs[&(*product, *product)]);
            }
        }
    }

    #[test]
    fn of_a_user_with_many_marks_the_latest_count() {
        let many: Vec<(Uuid, Uuid)> = (0..100).map(|product| (id(0), id(product))).collect();
        let counted = Counted::of(&many, false);
        assert_eq!(counted.pairs.len(), MARKS_PER_USER * MARKS_PER_USER);
        assert!(
            counted.pairs.contains_key(&(id(0), id(19))) && !counted.pairs.contains_key(&(id(0), id(20)))
        );
    }
}
