//! Accounts.

use serde::Serialize;
use uuid::Uuid;

use super::named::{Arg, Named};
use super::outbox::NewJob;
use super::{Op, Result, Store, StoreError, Timestamp, directory, in_tx, outbox, ro, rw};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Own data only.
    User,
    /// The catalogue too.
    Admin,
}

impl Role {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        match text.as_str() {
            "user" => Ok(Self::User),
            "admin" => Ok(Self::Admin),
            _ => Err(format!("`{text}` is no role")),
        }
    }
}

/// An account, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Identity.
    pub id: Uuid,
    /// E-mail address, in lower case.
    pub email: String,
    /// Display name.
    pub name: String,
    /// What the user may do.
    #[sqlx(try_from = "String")]
    pub role: Role,
    /// When the account was made.
    #[sqlx(rename = "created_at_us")]
    pub created_at: Timestamp,
    /// When the account was last changed.
    #[sqlx(rename = "updated_at_us")]
    pub updated_at: Timestamp,
}

/// What a login needs to know.
#[derive(Clone, sqlx::FromRow)]
pub struct Credentials {
    /// Identity.
    pub id: Uuid,
    /// PHC string of the password's hash.
    pub password_hash: String,
    /// What the user may do.
    #[sqlx(try_from = "String")]
    pub role: Role,
}

const INSERT: &str = "INSERT INTO users (id, email, name, password_hash, role, created_at_us, updated_at_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Stores a new account, and with it the job that welcomes its owner.
///
/// # Errors
/// [`StoreError::Taken`] when the e-mail has one already.
pub async fn insert(store: &Store, user: &User, password_hash: &str, welcome: Option<&NewJob>) -> Result<()> {
    directory::reserve(store, &user.email, user.id, user.created_at).await?;
    let inserted = store
        .timed(Op::UserInsert, async {
            in_tx!(store.of(user.id), tx => {
                sqlx::query(INSERT).bind(user.id).bind(&user.email).bind(&user.name).bind(password_hash)
                    .bind(user.role.as_str()).bind(user.created_at).bind(user.updated_at).execute(&mut *tx).await?;
                if let Some(welcome) = welcome {
                    outbox::enqueue!(tx, welcome);
                }
            });
            Ok::<_, StoreError>(())
        })
        .await;
    match inserted {
        Ok(()) => {}
        // Where the answer is missing the account may exist: whoever wants the address finds out.
        Err(error @ StoreError::Unreachable(_)) => return Err(error),
        Err(error) => {
            directory::withdraw(store, &user.email, user.id).await?;
            return Err(error);
        }
    }
    if directory::confirm(store, &user.email, user.id).await? {
        return Ok(());
    }
    // Somebody took the address over: this account never was.
    remove(store, user.id).await?;
    Err(StoreError::Taken)
}

async fn remove(store: &Store, id: Uuid) -> Result<()> {
    store
        .timed(Op::UserDelete, async {
            let _its_email: Option<String> =
                rw!(store.of(id), p => sqlx::query_scalar(DELETE).bind(id).fetch_optional(p).await?);
            Ok(())
        })
        .await
}

const GET: &str = "SELECT id, email, name, role, created_at_us, updated_at_us FROM users WHERE id = $1";

/// The account with this id.
///
/// # Errors
/// When the database does not answer.
pub async fn get(store: &Store, id: Uuid) -> Result<Option<User>> {
    store
        .timed(Op::UserGet, async {
            Ok(ro!(store.of(id), p => sqlx::query_as(GET).bind(id).fetch_optional(p).await?))
        })
        .await
}

const CREDENTIALS: &str = "SELECT id, password_hash, role FROM users WHERE email = $1";
const CREDENTIALS_OF: &str = "SELECT id, password_hash, role FROM users WHERE id = $1 AND email = $2";

/// What a login with this e-mail (in lower case) needs to know.
///
/// # Errors
/// When the database does not answer.
pub async fn credentials(store: &Store, email: &str) -> Result<Option<Credentials>> {
    if !store.is_sharded() {
        return store
            .timed(Op::UserGet, async {
                Ok(ro!(store.directory(), p => sqlx::query_as(CREDENTIALS).bind(email).fetch_optional(p).await?))
            })
            .await;
    }
    let Some(id) = directory::find(store, email).await? else { return Ok(None) };
    store
        .timed(Op::UserGet, async {
            Ok(ro!(store.of(id).fresh(), p => sqlx::query_as(CREDENTIALS_OF).bind(id).bind(email)
                .fetch_optional(p).await?))
        })
        .await
}

const UPDATE: &str = "UPDATE users SET email = COALESCE($2, email), name = COALESCE($3, name), updated_at_us = $4 \
                   WHERE id = $1 RETURNING id, email, name, role, created_at_us, updated_at_us";

/// Changes the given fields; `None` when there is no such account.
///
/// # Errors
/// [`StoreError::Taken`] when the new e-mail has an account already.
pub async fn update(
    store: &Store,
    id: Uuid,
    email: Option<&str>,
    name: Option<&str>,
    now: Timestamp,
) -> Result<Option<User>> {
    // Without shards the table itself knows what is taken.
    let Some(new) = email.filter(|_| store.is_sharded()) else {
        return set(store, id, email, name, now).await;
    };
    let Some(old) = store.timed(Op::UserGet, current_email(store, id)).await? else { return Ok(None) };
    if old == new {
        return set(store, id, None, name, now).await;
    }
    directory::reserve(store, new, id, now).await?;
    let changed = set(store, id, email, name, now).await;
    match &changed {
        Ok(Some(_)) => {}
        Err(StoreError::Unreachable(_)) => return changed,
        Ok(None) | Err(_) => {
            directory::release(store, new, id).await?;
            return changed;
        }
    }
    if !directory::confirm(store, new, id).await? {
        set(store, id, Some(&old), None, now).await?;
        return Err(StoreError::Taken);
    }
    directory::release(store, &old, id).await?;
    changed
}

const EMAIL_OF: &str = "SELECT email FROM users WHERE id = $1";

async fn current_email(store: &Store, id: Uuid) -> Result<Option<String>> {
    Ok(ro!(store.of(id).fresh(), p => sqlx::query_scalar(EMAIL_OF).bind(id)
        .fetch_optional(p).await?))
}

async fn set(
    store: &Store,
    id: Uuid,
    email: Option<&str>,
    name: Option<&str>,
    now: Timestamp,
) -> Result<Option<User>> {
    store
        .timed(Op::UserUpdate, async {
            Ok(rw!(store.of(id), p => sqlx::query_as(UPDATE).bind(id).bind(email).bind(name).bind(now)
                .fetch_optional(p).await?))
        })
        .await
}

const DELETE: &str = "DELETE FROM users WHERE id = $1 RETURNING email";
const REVOKE: &str = "UPDATE sessions SET revoked_at_us = $2 WHERE user_id = $1 AND revoked_at_us IS NULL \
                      RETURNING id, expires_at_us";

/// Removes the account with everything it owns and revokes its sessions. Returns the sessions that were live, with
/// the time at which each would have expired.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(store: &Store, id: Uuid, now: Timestamp) -> Result<Vec<(Uuid, Timestamp)>> {
    let (email, ended) = store
        .timed(Op::UserDelete, async {
            Ok::<_, StoreError>(in_tx!(store.of(id), tx => {
                let email: Option<String> =
                    sqlx::query_scalar(DELETE).bind(id).fetch_optional(&mut *tx).await?;
                let ended = sqlx::query_as(REVOKE).bind(id).bind(now).fetch_all(&mut *tx).await?;
                (email, ended)
            }))
        })
        .await?;
    if let Some(email) = email {
        directory::release(store, &email, id).await?;
    }
    Ok(ended)
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Email, Int, Text, User};
    vec![
        Named::hot(
            "users: insert",
            INSERT,
            &[User, Email, Text("A"), Text("hash"), Text("user"), Int(1), Int(1)],
        ),
        Named::hot("users: get", GET, &[User]),
        Named::hot("users: credentials by e-mail", CREDENTIALS, &[Email]),
        Named::hot("users: credentials by id and e-mail", CREDENTIALS_OF, &[User, Email]),
        Named::hot("users: the e-mail", EMAIL_OF, &[User]),
        Named::hot("users: update", UPDATE, &[User, Email, Text("A"), Int(1)]),
        Named::hot("users: delete", DELETE, &[User]),
        Named::hot("users: revoke the sessions", REVOKE, &[User, Int(1)]),
    ]
}
