//! API keys, by the hash of their text.

use serde::Serialize;
use uuid::Uuid;

use super::named::{Arg, Named};
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

const COUNT: &str = "SELECT COUNT(*) FROM api_keys WHERE user_id = $1";

const INSERT: &str = "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, created_at_us) \
                      VALUES ($1, $2, $3, $4, $5, $6)";

/// Stores a key unless `user` has `most` of them already; whether it was stored.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such user.
pub async fn insert(store: &Store, user: Uuid, key: &ApiKey, hash: &TokenHash, most: i64) -> Result<bool> {
    store
        .timed(Op::ApiKeyInsert, async {
            Ok::<_, StoreError>(in_tx!(store.of(user), tx => {
                let count: i64 = sqlx::query_scalar(COUNT).bind(user).fetch_one(&mut *tx).await?;
                if count < most {
                    sqlx::query(INSERT).bind(key.id).bind(user).bind(&key.name).bind(&key.prefix).bind(hash.as_slice())
                        .bind(key.created_at).execute(&mut *tx).await?;
                }
                count < most
            }))
        })
        .await
}

const LIST: &str = "SELECT id, name, prefix, created_at_us, last_used_at_us FROM api_keys \
                    WHERE user_id = $1 AND SUBSTR(prefix, 1, LENGTH($2)) = $2 \
                    ORDER BY created_at_us DESC, id DESC";

/// The keys of `user` whose text begins with `prefix`, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(store: &Store, user: Uuid, prefix: Option<&str>) -> Result<Vec<ApiKey>> {
    store
        .timed(Op::ApiKeyList, async {
            Ok(ro!(store.of(user), p => sqlx::query_as(LIST).bind(user).bind(prefix.unwrap_or("")).fetch_all(p).await?))
        })
        .await
}

const DELETE: &str = "DELETE FROM api_keys WHERE id = $1 AND user_id = $2";

/// Removes a key of `user`; whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(store: &Store, user: Uuid, id: Uuid) -> Result<bool> {
    store
        .timed(Op::ApiKeyDelete, async {
            Ok(rw!(store.of(user), p => sqlx::query(DELETE).bind(id).bind(user).execute(p).await?.rows_affected() > 0))
        })
        .await
}

const FIND: &str = "SELECT id, last_used_at_us FROM api_keys WHERE key_hash = $1 AND user_id = $2";

/// The key of `user` with this hash: its id and when it was last used.
///
/// # Errors
/// When the database does not answer.
pub async fn find(store: &Store, user: Uuid, hash: &TokenHash) -> Result<Option<(Uuid, Option<Timestamp>)>> {
    store
        .timed(Op::ApiKeyGet, async {
            Ok(ro!(store.of(user), p => sqlx::query_as(FIND).bind(hash.as_slice()).bind(user).fetch_optional(p).await?))
        })
        .await
}

const NOTE_USE: &str = "UPDATE api_keys SET last_used_at_us = $3 WHERE id = $1 AND user_id = $2 \
                        AND (last_used_at_us IS NULL OR last_used_at_us < $3)";

/// Notes that a key of `user` was used at `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn note_use(store: &Store, user: Uuid, id: Uuid, now: Timestamp) -> Result<()> {
    store
        .timed(Op::ApiKeyUpdate, async {
            rw!(store.of(user), p => sqlx::query(NOTE_USE).bind(id).bind(user).bind(now).execute(p).await?
                .rows_affected());
            Ok(())
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Bytes, Id, Int, Text, User};
    vec![
        Named::hot("API keys: count", COUNT, &[User]),
        Named::hot("API keys: insert", INSERT, &[User, User, Text("explain"), Text("hak_"), Bytes, Int(1)]),
        Named::hot("API keys: list", LIST, &[User, Text("hak_")]),
        Named::hot("API keys: delete", DELETE, &[Id, User]),
        Named::hot("API keys: find", FIND, &[Bytes, User]),
        Named::hot("API keys: note a use", NOTE_USE, &[Id, User, Int(1)]),
    ]
}
