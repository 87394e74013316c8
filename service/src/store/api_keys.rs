//! API keys, by the hash of their text.

use serde::Serialize;
use uuid::Uuid;

use super::sessions::TokenHash;
use super::{Op, Result, Store, StoreError, Timestamp, in_tx, ro, rw};

/// An API key as its owner sees it after it was made.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Identity.
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// How its text begins, so that a key that turns up somewhere can be told from the others.
    pub prefix: String,
    /// When it was made.
    #[sqlx(rename = "created_at_us")]
    pub created_at: Timestamp,
    /// When it was last used, to the minute; null as long as it was not.
    #[sqlx(rename = "last_used_at_us")]
    pub last_used_at: Option<Timestamp>,
}

/// Stores a key unless `user` has `most` of them already; whether it was stored.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such user.
pub async fn insert(store: &Store, user: Uuid, key: &ApiKey, hash: &TokenHash, most: i64) -> Result<bool> {
    const COUNT: &str = "SELECT COUNT(*) FROM api_keys WHERE user_id = $1";
    const SQL: &str = "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, created_at_us) \
                       VALUES ($1, $2, $3, $4, $5, $6)";
    store
        .timed(Op::ApiKeyInsert, async {
            Ok::<_, StoreError>(in_tx!(&store.db, tx => {
                let count: i64 = sqlx::query_scalar(COUNT).bind(user).fetch_one(&mut *tx).await?;
                if count < most {
                    sqlx::query(SQL).bind(key.id).bind(user).bind(&key.name).bind(&key.prefix).bind(hash.as_slice())
                        .bind(key.created_at).execute(&mut *tx).await?;
                }
                count < most
            }))
        })
        .await
}

/// The keys of `user` whose text begins with `prefix`, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(store: &Store, user: Uuid, prefix: Option<&str>) -> Result<Vec<ApiKey>> {
    const SQL: &str = "SELECT id, name, prefix, created_at_us, last_used_at_us FROM api_keys \
                       WHERE user_id = $1 AND SUBSTR(prefix, 1, LENGTH($2)) = $2 \
                       ORDER BY created_at_us DESC, id DESC";
    store
        .timed(Op::ApiKeyList, async {
            Ok(ro!(&store.db, p => sqlx::query_as(SQL).bind(user).bind(prefix.unwrap_or("")).fetch_all(p).await?))
        })
        .await
}

/// Removes a key of `user`; whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(store: &Store, user: Uuid, id: Uuid) -> Result<bool> {
    const SQL: &str = "DELETE FROM api_keys WHERE id = $1 AND user_id = $2";
    store
        .timed(Op::ApiKeyDelete, async {
            Ok(rw!(&store.db, p => sqlx::query(SQL).bind(id).bind(user).execute(p).await?.rows_affected() > 0))
        })
        .await
}

/// The key of `user` with this hash: its id and when it was last used.
///
/// # Errors
/// When the database does not answer.
pub async fn find(store: &Store, user: Uuid, hash: &TokenHash) -> Result<Option<(Uuid, Option<Timestamp>)>> {
    const SQL: &str = "SELECT id, last_used_at_us FROM api_keys WHERE key_hash = $1 AND user_id = $2";
    store
        .timed(Op::ApiKeyGet, async {
            Ok(ro!(&store.db, p => sqlx::query_as(SQL).bind(hash.as_slice()).bind(user).fetch_optional(p).await?))
        })
        .await
}

/// Notes that a key of `user` was used at `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn note_use(store: &Store, user: Uuid, id: Uuid, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE api_keys SET last_used_at_us = $3 WHERE id = $1 AND user_id = $2 \
                       AND (last_used_at_us IS NULL OR last_used_at_us < $3)";
    store
        .timed(Op::ApiKeyUpdate, async {
            rw!(&store.db, p => sqlx::query(SQL).bind(id).bind(user).bind(now).execute(p).await?);
            Ok(())
        })
        .await
}
