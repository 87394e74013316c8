//! Leave to set a new password, by the hash of the token that was mailed.

use uuid::Uuid;

use super::named::{Arg, Named};
use super::outbox::{self, NewJob};
use super::sessions::{Revoked, TokenHash};
use super::{Op, Result, Store, StoreError, Timestamp, in_tx, ro, rw};

const INSERT: &str = "INSERT INTO password_resets (token_hash, user_id, created_at_us, expires_at_us) \
                       VALUES ($1, $2, $3, $4)";

/// Stores leave for the user of `mail` and puts the mail into the outbox, both or neither.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such user.
pub async fn insert(store: &Store, hash: &TokenHash, expires_at: Timestamp, mail: &NewJob) -> Result<()> {
    store
        .timed(Op::ResetInsert, async {
            in_tx!(store.of(mail.user_id), tx => {
                sqlx::query(INSERT).bind(hash.as_slice()).bind(mail.user_id).bind(mail.now).bind(expires_at)
                    .execute(&mut *tx).await?;
                outbox::enqueue!(tx, mail);
            });
            Ok::<_, StoreError>(())
        })
        .await
}

const LIVE: &str = "SELECT COUNT(*) FROM password_resets WHERE token_hash = $1 AND user_id = $2 \
                       AND used_at_us IS NULL AND expires_at_us > $3";

/// Whether the token still gives leave to set the password of `user`.
///
/// # Errors
/// When the database does not answer.
pub async fn is_live(store: &Store, user: Uuid, hash: &TokenHash, now: Timestamp) -> Result<bool> {
    store
        .timed(Op::ResetGet, async {
            let live: i64 = ro!(store.of(user), p => sqlx::query_scalar(LIVE).bind(hash.as_slice()).bind(user).bind(now)
                .fetch_one(p).await?);
            Ok(live > 0)
        })
        .await
}

// Whoever comes second finds it used, also where two transactions run side by side.
const USE: &str = "UPDATE password_resets SET used_at_us = $3 WHERE token_hash = $1 AND user_id = $2 \
                   AND used_at_us IS NULL AND expires_at_us > $3";
const OTHERS: &str = "UPDATE password_resets SET used_at_us = $2 WHERE user_id = $1 AND used_at_us IS NULL";
const SET: &str = "UPDATE users SET password_hash = $2, updated_at_us = $3 WHERE id = $1";
const REVOKE: &str = "UPDATE sessions SET revoked_at_us = $2 WHERE user_id = $1 AND revoked_at_us IS NULL \
                      RETURNING id, expires_at_us";

/// Uses the token up: sets the password of `user`, ends every session and makes other tokens useless, all or nothing.
/// Returns the sessions that were live; `None` when the token gives no leave.
///
/// # Errors
/// When the database does not answer.
pub async fn redeem(
    store: &Store,
    user: Uuid,
    hash: &TokenHash,
    password_hash: &str,
    now: Timestamp,
) -> Result<Option<Vec<Revoked>>> {
    store
        .timed(Op::ResetRedeem, async {
            Ok::<_, StoreError>(in_tx!(store.of(user), tx => {
                let used = sqlx::query(USE).bind(hash.as_slice()).bind(user).bind(now).execute(&mut *tx).await?;
                if used.rows_affected() == 0 {
                    None
                } else {
                    sqlx::query(OTHERS).bind(user).bind(now).execute(&mut *tx).await?;
                    sqlx::query(SET).bind(user).bind(password_hash).bind(now).execute(&mut *tx).await?;
                    Some(sqlx::query_as(REVOKE).bind(user).bind(now).fetch_all(&mut *tx).await?)
                }
            }))
        })
        .await
}

const FORGET: &str = "DELETE FROM password_resets WHERE expires_at_us <= $1";

/// Forgets tokens that expired before `now`. Returns how many.
///
/// # Errors
/// When a database does not answer.
pub async fn forget_expired(store: &Store, now: Timestamp) -> Result<u64> {
    store
        .timed(Op::ResetForget, async {
            let mut forgotten = 0;
            for db in store.databases() {
                forgotten += rw!(db, p => sqlx::query(FORGET).bind(now).execute(p).await?.rows_affected());
            }
            Ok(forgotten)
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Bytes, Int, Text, User};
    vec![
        Named::hot("password resets: insert", INSERT, &[Bytes, User, Int(1), Int(2)]),
        Named::hot("password resets: is live", LIVE, &[Bytes, User, Int(1)]),
        Named::hot("password resets: use", USE, &[Bytes, User, Int(1)]),
        Named::hot("password resets: use others", OTHERS, &[User, Int(1)]),
        Named::hot("password resets: set the password", SET, &[User, Text("hash"), Int(1)]),
        Named::hot("password resets: revoke sessions", REVOKE, &[User, Int(1)]),
        Named::hot("password resets: forget the expired", FORGET, &[Int(1)]),
    ]
}
