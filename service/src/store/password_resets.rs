//! Leave to set a new password, by the hash of the token that was mailed.

use uuid::Uuid;

use super::sessions::{Revoked, TokenHash};
use super::{Op, Result, Store, StoreError, Timestamp, in_tx, ro, rw};

/// Stores leave for `user`. The same token a second time changes nothing.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such user.
pub async fn insert(
    store: &Store,
    user: Uuid,
    hash: &TokenHash,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<()> {
    const SQL: &str = "INSERT INTO password_resets (token_hash, user_id, created_at_us, expires_at_us) \
                       VALUES ($1, $2, $3, $4) ON CONFLICT (token_hash) DO NOTHING";
    store
        .timed(Op::ResetInsert, async {
            rw!(&store.db, p => sqlx::query(SQL).bind(hash.as_slice()).bind(user).bind(now).bind(expires_at)
                .execute(p).await?);
            Ok(())
        })
        .await
}

/// Whether the token still gives leave to set the password of `user`.
///
/// # Errors
/// When the database does not answer.
pub async fn is_live(store: &Store, user: Uuid, hash: &TokenHash, now: Timestamp) -> Result<bool> {
    const SQL: &str = "SELECT COUNT(*) FROM password_resets WHERE token_hash = $1 AND user_id = $2 \
                       AND used_at_us IS NULL AND expires_at_us > $3";
    store
        .timed(Op::ResetGet, async {
            let live: i64 = ro!(&store.db, p => sqlx::query_scalar(SQL).bind(hash.as_slice()).bind(user).bind(now)
                .fetch_one(p).await?);
            Ok(live > 0)
        })
        .await
}

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
    // Whoever comes second finds it used, also where two transactions run side by side.
    const USE: &str = "UPDATE password_resets SET used_at_us = $3 WHERE token_hash = $1 AND user_id = $2 \
                       AND used_at_us IS NULL AND expires_at_us > $3";
    const OTHERS: &str =
        "UPDATE password_resets SET used_at_us = $2 WHERE user_id = $1 AND used_at_us IS NULL";
    const SET: &str = "UPDATE users SET password_hash = $2, updated_at_us = $3 WHERE id = $1";
    const REVOKE: &str = "UPDATE sessions SET revoked_at_us = $2 WHERE user_id = $1 AND revoked_at_us IS NULL \
                          RETURNING id, expires_at_us";
    store
        .timed(Op::ResetRedeem, async {
            Ok::<_, StoreError>(in_tx!(&store.db, tx => {
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

/// Forgets tokens that expired before `now`. Returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_expired(store: &Store, now: Timestamp) -> Result<u64> {
    const SQL: &str = "DELETE FROM password_resets WHERE expires_at_us <= $1";
    store
        .timed(Op::ResetForget, async {
            Ok(rw!(&store.db, p => sqlx::query(SQL).bind(now).execute(p).await?.rows_affected()))
        })
        .await
}
