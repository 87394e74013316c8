//! What users are told.

use serde::Serialize;
use uuid::Uuid;

use super::named::{Arg, Named};
use super::{Db, Op, Result, Store, StoreError, Timestamp, in_tx, ro_typed, rw};

/// Something a user is told.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Identity.
    pub id: Uuid,
    /// What it is about; `task_due`: a task is due within a day.
    #[schema(example = "task_due")]
    pub kind: String,
    /// The task it is about.
    pub task_id: Uuid,
    /// The task's title at the time.
    pub title: String,
    /// When the task is due.
    #[sqlx(rename = "due_at_us")]
    pub due_at: Timestamp,
    /// When it was made.
    #[sqlx(rename = "created_at_us")]
    pub created_at: Timestamp,
    /// When it was read, if it was.
    #[sqlx(rename = "read_at_us")]
    pub read_at: Option<Timestamp>,
}

/// The kind of a reminder of a due task.
const TASK_DUE: &str = "task_due";

fn list_sql<DB>(user: Uuid, unread: bool, after: Option<(i64, Uuid)>, limit: i64) -> sqlx::QueryBuilder<DB>
where
    DB: sqlx::Database,
    for<'q> Uuid: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut sql = sqlx::QueryBuilder::new(
        "SELECT id, kind, task_id, title, due_at_us, created_at_us, read_at_us FROM notifications \
         WHERE user_id = ",
    );
    sql.push_bind(user);
    if unread {
        sql.push(" AND read_at_us IS NULL");
    }
    if let Some((created, id)) = after {
        sql.push(" AND (created_at_us, id) < (").push_bind(created).push(", ").push_bind(id).push(")");
    }
    sql.push(" ORDER BY created_at_us DESC, id DESC LIMIT ").push_bind(limit);
    sql
}

/// The notifications of `user` behind the position `after`, newest first; with `unread`, only those.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    store: &Store,
    user: Uuid,
    unread: bool,
    after: Option<(i64, Uuid)>,
    limit: i64,
) -> Result<Vec<Notification>> {
    store
        .timed(Op::NotificationList, async {
            Ok(ro_typed!(store.of(user), p, Kind => {
                list_sql::<Kind>(user, unread, after, limit).build_query_as().fetch_all(p).await?
            }))
        })
        .await
}

const READ: &str =
    "UPDATE notifications SET read_at_us = COALESCE(read_at_us, $3) WHERE id = $1 AND user_id = $2";

/// Marks a notification of `user` as read; the first time counts. Whether there is such a one.
///
/// # Errors
/// When the database does not answer.
pub async fn read(store: &Store, user: Uuid, id: Uuid, now: Timestamp) -> Result<bool> {
    store
        .timed(Op::NotificationRead, async {
            Ok(rw!(store.of(user), p => sqlx::query(READ).bind(id).bind(user).bind(now).execute(p).await?
                .rows_affected() > 0))
        })
        .await
}

#[derive(sqlx::FromRow)]
struct DueTask {
    id: Uuid,
    user_id: Uuid,
    title: String,
    due_at_us: i64,
}

const FIND: &str = "SELECT t.id, t.user_id, t.title, t.due_at_us FROM tasks t WHERE t.due_at_us IS NOT NULL \
                    AND t.due_at_us > $1 AND t.due_at_us <= $2 AND t.status <> 'done' \
                    AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.task_id = t.id AND n.kind = $3 \
                    AND n.due_at_us = t.due_at_us) ORDER BY t.due_at_us LIMIT $4";
const MAKE: &str = "INSERT INTO notifications (id, user_id, kind, task_id, title, due_at_us, created_at_us) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (task_id, kind, due_at_us) DO NOTHING";

/// Makes reminders of tasks that are due between `now` and `until` and not done, at most `most` at once, with ids from
/// `new_id`. One task and due date is reminded of once. Returns how many were made.
///
/// # Errors
/// When the database does not answer.
pub async fn remind(
    store: &Store,
    db: &Db,
    now: Timestamp,
    until: Timestamp,
    most: i64,
    new_id: fn() -> Uuid,
) -> Result<usize> {
    store
        .timed(Op::NotificationMake, async {
            Ok::<_, StoreError>(in_tx!(db, tx => {
                let due: Vec<DueTask> = sqlx::query_as(FIND).bind(now).bind(until).bind(TASK_DUE).bind(most)
                    .fetch_all(&mut *tx).await?;
                for task in &due {
                    sqlx::query(MAKE).bind(new_id()).bind(task.user_id).bind(TASK_DUE).bind(task.id)
                        .bind(&task.title).bind(task.due_at_us).bind(now).execute(&mut *tx).await?;
                }
                due.len()
            }))
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Id, Int, Task, Text, User};
    let list = |unread, after| list_sql::<sqlx::Postgres>(Uuid::nil(), unread, after, 1);
    let behind = Some((0, Uuid::nil()));
    vec![
        Named::hot("notifications: list", list(false, None), &[User, Int(21)]),
        Named::hot("notifications: list of the unread", list(true, None), &[User, Int(21)]),
        Named::hot(
            "notifications: list behind a position",
            list(false, behind),
            &[User, Int(i64::MAX), Id, Int(21)],
        ),
        Named::hot("notifications: mark as read", READ, &[Id, User, Int(1)]),
        Named::hot("notifications: find what is due", FIND, &[Int(1), Int(2), Text(TASK_DUE), Int(100)]),
        Named::hot(
            "notifications: remind",
            MAKE,
            &[Id, User, Text(TASK_DUE), Task, Text("T"), Int(1), Int(1)],
        ),
    ]
}
