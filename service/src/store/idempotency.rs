//! `Idempotency-Key`: the row is written in the transaction of the business it protects. A repetition that comes while that
//! transaction is open is refused (`in_flight.rs`); one that comes later is answered as the first was.

use super::named::{Arg, Named};
use super::{Op, Result, Store, Timestamp, rw};

/// Keys are kept for this long, in microseconds.
pub const KEPT_US: i64 = 24 * 3600 * 1_000_000;

/// The wish to do something at most once.
pub struct Claim<'a> {
    /// The client's key.
    pub key: &'a str,
    /// SHA-256 of the request, so that a key used for something else is noticed.
    pub body_hash: [u8; 32],
    /// What will be answered, now and to every repetition.
    pub response: &'a [u8],
    /// Now.
    pub now: Timestamp,
}

/// What became of a claim.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// Nobody had done it: it is done now.
    Done,
    /// It was done before, with this response.
    Replayed(Vec<u8>),
    /// The key was used for another request.
    Mismatch,
}

pub(super) const FIND: &str =
    "SELECT body_hash, response FROM idempotency_keys WHERE user_id = $1 AND key = $2";
/// Takes the place of a row that is too old, and of no other.
pub(super) const KEEP: &str = "INSERT INTO idempotency_keys (user_id, key, body_hash, response, created_at_us) \
                               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, key) DO UPDATE SET \
                               body_hash = excluded.body_hash, response = excluded.response, \
                               created_at_us = excluded.created_at_us \
                               WHERE idempotency_keys.created_at_us <= $6";

/// Decides, within a transaction of any kind of database, whether the business is still to be done. The transaction is at
/// a place that [claims](super::Place::claiming) the request: of two that come at the same time one is refused before
/// this.
macro_rules! claim {
    ($tx:ident, $user:expr, $claim:expr) => {{
        use $crate::store::idempotency::{Claim, FIND, KEEP, KEPT_US, Outcome};
        let claim: &Claim<'_> = $claim;
        let kept = sqlx::query(KEEP)
            .bind($user)
            .bind(claim.key)
            .bind(claim.body_hash.as_slice())
            .bind(claim.response)
            .bind(claim.now)
            .bind(claim.now.0 - KEPT_US)
            .execute(&mut *$tx)
            .await?;
        if kept.rows_affected() > 0 {
            Outcome::Done
        } else {
            let found: Option<(Vec<u8>, Vec<u8>)> =
                sqlx::query_as(FIND).bind($user).bind(claim.key).fetch_optional(&mut *$tx).await?;
            match found {
                Some((hash, response)) if hash == claim.body_hash => Outcome::Replayed(response),
                _ => Outcome::Mismatch,
            }
        }
    }};
}

pub(super) use claim;

const FORGET_OLD: &str = "DELETE FROM idempotency_keys WHERE created_at_us <= $1";

/// Forgets the keys whose time is over. Returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_old(store: &Store, now: Timestamp) -> Result<u64> {
    store
        .timed(Op::IdempotencyForget, async {
            let (mut all, oldest) = (0, now.0 - KEPT_US);
            for db in store.databases() {
                all += rw!(db, p => sqlx::query(FORGET_OLD).bind(oldest).execute(p).await?.rows_affected());
            }
            Ok(all)
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Bytes, Int, Text, User};
    vec![
        Named::hot("idempotency keys: find", FIND, &[User, Text("key")]),
        Named::hot("idempotency keys: keep", KEEP, &[User, Text("key"), Bytes, Bytes, Int(2), Int(1)]),
        Named::hot("idempotency keys: forget the old", FORGET_OLD, &[Int(1)]),
    ]
}
