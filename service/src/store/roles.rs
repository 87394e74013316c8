//! Accounts as an admin sees them: all of them, page by page, and what each may do.

use uuid::Uuid;

use super::named::{Arg, Named};
use super::sessions::Revoked;
use super::users::{Role, User};
use super::{Db, Op, Result, Store, StoreError, Timestamp, in_tx, ro_typed};

/// The accounts behind the position `after`, newest first; with `email`, only those whose address begins so.
///
/// # Errors
/// When the database does not answer.
pub async fn page(
    store: &Store,
    email: Option<&str>,
    after: Option<(i64, Uuid)>,
    limit: i64,
) -> Result<Vec<User>> {
    store
        .timed(Op::UserList, async {
            let mut page: Vec<User> = Vec::new();
            for db in store.databases() {
                page.extend(page_of(db, email, after, limit).await?);
            }
            page.sort_unstable_by_key(|user| std::cmp::Reverse((user.created_at, user.id)));
            // Between two questions a user may have moved from one database to the other.
            page.dedup_by_key(|user| user.id);
            page.truncate(usize::try_from(limit).unwrap_or(0));
            Ok(page)
        })
        .await
}

fn page_sql<DB>(email: Option<&str>, after: Option<(i64, Uuid)>, limit: i64) -> sqlx::QueryBuilder<DB>
where
    DB: sqlx::Database,
    for<'q> Uuid: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> String: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut sql = sqlx::QueryBuilder::new(
        "SELECT id, email, name, role, created_at_us, updated_at_us FROM users WHERE 1 = 1",
    );
    if let Some(email) = email {
        // A range of the unique index; addresses are kept in lower case, and none holds U+10FFFF.
        sql.push(" AND email >= ").push_bind(email.to_owned());
        sql.push(" AND email < ").push_bind(format!("{email}\u{10FFFF}"));
    }
    if let Some((created, id)) = after {
        sql.push(" AND (created_at_us, id) < (").push_bind(created).push(", ").push_bind(id).push(")");
    }
    sql.push(" ORDER BY created_at_us DESC, id DESC LIMIT ").push_bind(limit);
    sql
}

async fn page_of(db: &Db, email: Option<&str>, after: Option<(i64, Uuid)>, limit: i64) -> Result<Vec<User>> {
    Ok(ro_typed!(db, p, Kind => {
        page_sql::<Kind>(email, after, limit).build_query_as().fetch_all(p).await?
    }))
}

const FIND: &str = "SELECT id, email, name, role, created_at_us, updated_at_us FROM users WHERE id = $1";
const SET: &str = "UPDATE users SET role = $2, updated_at_us = $3 WHERE id = $1 AND role <> $2 \
                   RETURNING id, email, name, role, created_at_us, updated_at_us";
const REVOKE: &str = "UPDATE sessions SET revoked_at_us = $2 WHERE user_id = $1 AND revoked_at_us IS NULL \
                      RETURNING id, expires_at_us";

/// Gives the account `id` another role. Ends its sessions, whose tokens name the old one, and returns those that were
/// live; an account that has the role keeps them. `None` when there is no such account.
///
/// # Errors
/// When the database does not answer.
pub async fn set(
    store: &Store,
    id: Uuid,
    role: Role,
    now: Timestamp,
) -> Result<Option<(User, Vec<Revoked>)>> {
    store
        .timed(Op::UserRole, async {
            Ok::<_, StoreError>(in_tx!(store.of(id), tx => {
                let changed: Option<User> = sqlx::query_as(SET).bind(id).bind(role.as_str()).bind(now)
                    .fetch_optional(&mut *tx).await?;
                match changed {
                    Some(user) => {
                        let ended = sqlx::query_as(REVOKE).bind(id).bind(now).fetch_all(&mut *tx).await?;
                        Some((user, ended))
                    }
                    None => {
                        let same: Option<User> = sqlx::query_as(FIND).bind(id).fetch_optional(&mut *tx).await?;
                        same.map(|user| (user, Vec::new()))
                    }
                }
            }))
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Int, Text, User};
    let page = |email, after| page_sql::<sqlx::Postgres>(email, after, 1);
    vec![
        Named::hot("roles: page of accounts", page(None, None), &[Int(21)]),
        Named::hot(
            "roles: page of accounts behind a position",
            page(None, Some((0, Uuid::nil()))),
            &[Int(i64::MAX), User, Int(21)],
        ),
        Named::hot(
            "roles: page of accounts by e-mail",
            page(Some("ada"), None),
            &[Text("ada"), Text("ada\u{10FFFF}"), Int(21)],
        ),
        Named::hot("roles: find", FIND, &[User]),
        Named::hot("roles: set", SET, &[User, Text("admin"), Int(1)]),
        Named::hot("roles: revoke sessions", REVOKE, &[User, Int(1)]),
    ]
}
