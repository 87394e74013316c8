//! `Idempotency-Key`: the row is written in the transaction of the business it protects.

use super::{Op, Result, Store, StoreError, Timestamp, in_tx};

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

pub(super) const FORGET: &str =
    "DELETE FROM idempotency_keys WHERE user_id = $1 AND key = $2 AND created_at_us <= $3";
pub(super) const FIND: &str =
    "SELECT body_hash, response FROM idempotency_keys WHERE user_id = $1 AND key = $2";
pub(super) const KEEP: &str = "INSERT INTO idempotency_keys (user_id, key, body_hash, response, created_at_us) \
                               VALUES ($1, $2, $3, $4, $5)";

/// Decides, within a transaction of any kind of database, whether the business is still to be done.
macro_rules! claim {
    ($tx:ident, $user:expr, $claim:expr) => {{
        use $crate::store::idempotency::{Claim, FIND, FORGET, KEEP, KEPT_US, Outcome};
        let claim: &Claim<'_> = $claim;
        let oldest = claim.now.0 - KEPT_US;
        sqlx::query(FORGET).bind($user).bind(claim.key).bind(oldest).execute(&mut *$tx).await?;
        let found: Option<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as(FIND).bind($user).bind(claim.key).fetch_optional(&mut *$tx).await?;
        match found {
            Some((hash, response)) if hash == claim.body_hash => Outcome::Replayed(response),
            Some(_) => Outcome::Mismatch,
            None => {
                sqlx::query(KEEP)
                    .bind($user)
                    .bind(claim.key)
                    .bind(claim.body_hash.as_slice())
                    .bind(claim.response)
                    .bind(claim.now)
                    .execute(&mut *$tx)
                    .await?;
                Outcome::Done
            }
        }
    }};
}

pub(super) use claim;

/// Forgets the keys whose time is over. Returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_old(store: &Store, now: Timestamp) -> Result<u64> {
    const SQL: &str = "DELETE FROM idempotency_keys WHERE created_at_us <= $1";
    store
        .timed(Op::IdempotencyForget, async {
            Ok::<_, StoreError>(in_tx!(&store.db, tx => {
                sqlx::query(SQL).bind(now.0 - KEPT_US).execute(&mut *tx).await?.rows_affected()
            }))
        })
        .await
}
