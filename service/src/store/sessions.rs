//! Sessions and the refresh tokens that were rotated within them.

use uuid::Uuid;

use super::named::{Arg, Named};
use super::users::Role;
use super::{Op, Result, Store, StoreError, Timestamp, in_tx, ro, rw};

/// SHA-256 of a refresh token; the token itself is never stored.
pub type TokenHash = [u8; 32];

/// A session to be stored.
pub struct NewSession<'a> {
    /// Identity, the `sid` of its access tokens.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// Where the login came from.
    pub ip: &'a str,
    /// What the client called itself.
    pub device: &'a str,
    /// Its first refresh token.
    pub refresh: TokenHash,
    /// Now.
    pub now: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
}

/// A session that was ended, and until when its access tokens have to be refused.
pub type Revoked = (Uuid, Timestamp);

const INSERT: &str = "INSERT INTO sessions (id, user_id, ip, device, created_at_us, expires_at_us) \
                       VALUES ($1, $2, $3, $4, $5, $6)";

const CAP: &str = "UPDATE sessions SET revoked_at_us = $2 WHERE id IN (SELECT id FROM sessions \
                   WHERE user_id = $1 AND revoked_at_us IS NULL AND expires_at_us > $2 \
                   ORDER BY created_at_us DESC, id DESC LIMIT 1000 OFFSET $3) RETURNING id, expires_at_us";

/// Stores a session. Ends the oldest beyond `most` per user and returns those.
///
/// # Errors
/// When the database does not answer.
pub async fn insert(store: &Store, session: &NewSession<'_>, most: u32) -> Result<Vec<Revoked>> {
    store
        .timed(Op::SessionInsert, async {
            Ok::<_, StoreError>(in_tx!(store.of(session.user_id), tx => {
                sqlx::query(INSERT).bind(session.id).bind(session.user_id).bind(session.ip).bind(session.device)
                    .bind(session.now).bind(session.expires_at).execute(&mut *tx).await?;
                sqlx::query(INSERT_REFRESH).bind(session.refresh.as_slice()).bind(session.id)
                    .bind(session.expires_at).execute(&mut *tx).await?;
                sqlx::query_as(CAP).bind(session.user_id).bind(session.now).bind(i64::from(most))
                    .fetch_all(&mut *tx).await?
            }))
        })
        .await
}

const INSERT_REFRESH: &str =
    "INSERT INTO refresh_tokens (token_hash, session_id, expires_at_us) VALUES ($1, $2, $3)";

/// What became of a refresh token that was presented.
#[derive(Debug, PartialEq)]
pub enum Rotation {
    /// It was live: it is used up now and the next one is stored.
    Rotated {
        /// The session it belongs to.
        session_id: Uuid,
        /// Whose session.
        user_id: Uuid,
        /// What the user may do now.
        role: Role,
    },
    /// It had been used before: somebody has a copy. The whole family is revoked now.
    Replayed(Revoked),
    /// Unknown, expired, or of a session that was ended.
    Refused,
}

#[derive(sqlx::FromRow)]
struct Presented {
    session_id: Uuid,
    user_id: Uuid,
    role: String,
    used: bool,
    live: bool,
    session_expires_at: Timestamp,
}

const FIND: &str = "SELECT s.id AS session_id, s.user_id, u.role, r.used_at_us IS NOT NULL AS used, \
                    (r.expires_at_us > $2 AND s.revoked_at_us IS NULL) AS live, \
                    s.expires_at_us AS session_expires_at \
                    FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id JOIN users u ON u.id = s.user_id \
                    WHERE r.token_hash = $1 AND s.user_id = $3";

// The condition decides between two who present the same token at the same time.
const USE: &str = "UPDATE refresh_tokens SET used_at_us = $2 WHERE token_hash = $1 AND used_at_us IS NULL";

const EXTEND: &str = "UPDATE sessions SET last_seen_at_us = $3, \
                      expires_at_us = CASE WHEN expires_at_us < $2 THEN $2 ELSE expires_at_us END WHERE id = $1";

const REVOKE_FAMILY: &str = "UPDATE sessions SET revoked_at_us = COALESCE(revoked_at_us, $2) WHERE id = $1";

/// Ends the session of a token that was presented twice.
macro_rules! revoke_family {
    ($tx:ident, $token:ident, $now:ident) => {{
        sqlx::query(REVOKE_FAMILY).bind($token.session_id).bind($now).execute(&mut *$tx).await?;
        Rotation::Replayed(($token.session_id, $token.session_expires_at))
    }};
}

const OWNER: &str = "SELECT s.user_id FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id \
                     WHERE r.token_hash = $1";

/// Whose a refresh token is that does not say so itself: one of an earlier version, or none.
///
/// # Errors
/// When the database does not answer.
pub async fn owner(store: &Store, token: &TokenHash) -> Result<Option<Uuid>> {
    store
        .timed(Op::SessionRotate, async {
            for db in store.everywhere() {
                let found: Option<Uuid> =
                    ro!(db, p => sqlx::query_scalar(OWNER).bind(token.as_slice()).fetch_optional(p).await?);
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        })
        .await
}

/// Exchanges the refresh token `old` of `user` for `new`, in one transaction.
///
/// # Errors
/// When the database does not answer.
pub async fn rotate(
    store: &Store,
    user: Uuid,
    old: &TokenHash,
    new: &TokenHash,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Rotation> {
    store
        .timed(Op::SessionRotate, async {
            Ok::<_, StoreError>(in_tx!(store.of(user), tx => {
                let found: Option<Presented> = sqlx::query_as(FIND).bind(old.as_slice()).bind(now).bind(user)
                    .fetch_optional(&mut *tx).await?;
                match found {
                    Some(token) if token.used => revoke_family!(tx, token, now),
                    Some(token) if token.live => {
                        let used = sqlx::query(USE).bind(old.as_slice()).bind(now).execute(&mut *tx).await?;
                        if used.rows_affected() == 0 {
                            revoke_family!(tx, token, now)
                        } else {
                        sqlx::query(INSERT_REFRESH).bind(new.as_slice()).bind(token.session_id).bind(expires_at)
                            .execute(&mut *tx).await?;
                        sqlx::query(EXTEND).bind(token.session_id).bind(expires_at).bind(now).execute(&mut *tx).await?;
                        let role = Role::try_from(token.role).unwrap_or(Role::User);
                        Rotation::Rotated { session_id: token.session_id, user_id: token.user_id, role }
                        }
                    }
                    _ => Rotation::Refused,
                }
            }))
        })
        .await
}

/// A session as its user sees it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Session {
    /// Identity, the `sid` of its access tokens.
    pub id: Uuid,
    /// What the client called itself.
    pub device: String,
    /// Where the login came from.
    pub ip: String,
    /// When it began.
    #[sqlx(rename = "created_at_us")]
    pub created_at: Timestamp,
    /// When it was last given new tokens.
    #[sqlx(rename = "seen_at_us")]
    pub last_seen_at: Timestamp,
    /// When it ends unless it is refreshed.
    #[sqlx(rename = "expires_at_us")]
    pub expires_at: Timestamp,
}

const LIST: &str = "SELECT id, device, ip, created_at_us, COALESCE(last_seen_at_us, created_at_us) AS seen_at_us, \
                    expires_at_us FROM sessions WHERE user_id = $1 AND revoked_at_us IS NULL \
                    AND expires_at_us > $2 ORDER BY created_at_us DESC, id DESC LIMIT 1000";

/// The live sessions of `user`, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(store: &Store, user: Uuid, now: Timestamp) -> Result<Vec<Session>> {
    store
        .timed(Op::SessionList, async {
            Ok(ro!(store.of(user), p => sqlx::query_as(LIST).bind(user).bind(now).fetch_all(p).await?))
        })
        .await
}

const REVOKE: &str = "UPDATE sessions SET revoked_at_us = $3 WHERE user_id = $1 AND ($2 IS NULL OR id = $2) \
                   AND revoked_at_us IS NULL RETURNING id, expires_at_us";

/// Ends one session of `user`, or all of them, and returns those that were live.
///
/// # Errors
/// When the database does not answer.
pub async fn revoke(
    store: &Store,
    user: Uuid,
    session: Option<Uuid>,
    now: Timestamp,
) -> Result<Vec<Revoked>> {
    store
        .timed(Op::SessionRevoke, async {
            Ok::<_, StoreError>(in_tx!(store.of(user), tx => {
                sqlx::query_as(REVOKE).bind(user).bind(session).bind(now).fetch_all(&mut *tx).await?
            }))
        })
        .await
}

const REVOKED: &str =
    "SELECT id, expires_at_us FROM sessions WHERE revoked_at_us >= $1 AND expires_at_us > $2";

/// Every session that was ended before its time at `since` or later, for the revocation list of a process. It is read
/// where it is written: a replica may not know yet.
///
/// # Errors
/// When the database does not answer.
pub async fn revoked(store: &Store, since: Timestamp, now: Timestamp) -> Result<Vec<Revoked>> {
    store
        .timed(Op::SessionRevoked, async {
            let mut all = Vec::new();
            for db in store.databases() {
                let some: Vec<Revoked> =
                    rw!(db, p => sqlx::query_as(REVOKED).bind(since).bind(now).fetch_all(p).await?);
                all.extend(some);
            }
            Ok(all)
        })
        .await
}

const FORGET: &str = "DELETE FROM sessions WHERE expires_at_us <= $1";

/// Forgets sessions that expired before `now`, with their refresh tokens. Returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_expired(store: &Store, now: Timestamp) -> Result<u64> {
    store
        .timed(Op::SessionForget, async {
            let mut all = 0;
            for db in store.databases() {
                all += rw!(db, p => sqlx::query(FORGET).bind(now).execute(p).await?.rows_affected());
            }
            Ok(all)
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Int, NoId, Session, Text, Token, User};
    vec![
        Named::hot("sessions: list", LIST, &[User, Int(1)]),
        Named::hot(
            "sessions: insert",
            INSERT,
            &[Session, User, Text("127.0.0.1"), Text("explain"), Int(1), Int(2)],
        ),
        Named::hot("sessions: insert the refresh token", INSERT_REFRESH, &[Token, Session, Int(2)]),
        Named::hot("sessions: end those beyond the most", CAP, &[User, Int(1), Int(10)]),
        Named::hot("sessions: find a refresh token", FIND, &[Token, Int(1), User]),
        Named::hot("sessions: whose a refresh token is", OWNER, &[Token]),
        Named::hot("sessions: use a refresh token", USE, &[Token, Int(1)]),
        Named::hot("sessions: extend", EXTEND, &[Session, Int(2), Int(1)]),
        Named::hot("sessions: end a family", REVOKE_FAMILY, &[Session, Int(1)]),
        Named::hot("sessions: end all of a user", REVOKE, &[User, NoId, Int(1)]),
        Named::hot("sessions: all that were ended", REVOKED, &[Int(1), Int(1)]),
        Named::cold("sessions: forget the expired", FORGET, &[Int(1)]),
    ]
}
