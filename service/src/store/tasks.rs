//! Tasks. Ownership is part of every `WHERE`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::list::{Filter, Sort, list};
use super::idempotency::{self, Claim};
use super::named::{Arg, Named};
use super::{Op, Result, Store, StoreError, Timestamp, in_tx, ro, rw};

/// Where a task stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not begun.
    #[default]
    Todo,
    /// Begun.
    InProgress,
    /// Finished.
    Done,
}

/// How much a task matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Little.
    Low,
    /// Some.
    #[default]
    Medium,
    /// Much.
    High,
}

impl Status {
    /// As stored and as sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::InProgress => "in_progress",
            Self::Done => "done",
        }
    }
}

impl Priority {
    /// As stored and as sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl TryFrom<String> for Status {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let known = [Self::Todo, Self::InProgress, Self::Done];
        known.into_iter().find(|s| s.as_str() == text).ok_or_else(|| format!("`{text}` is no status"))
    }
}

impl TryFrom<String> for Priority {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let known = [Self::Low, Self::Medium, Self::High];
        known.into_iter().find(|p| p.as_str() == text).ok_or_else(|| format!("`{text}` is no priority"))
    }
}

/// A task, as stored and as sent.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Identity.
    pub id: Uuid,
    /// What is to be done.
    pub title: String,
    /// In more words.
    pub description: Option<String>,
    /// Where it stands.
    #[sqlx(try_from = "String")]
    pub status: Status,
    /// How much it matters.
    #[sqlx(try_from = "String")]
    pub priority: Priority,
    /// When it should be done.
    #[sqlx(rename = "due_at_us")]
    pub due_at: Option<Timestamp>,
    /// When it was made.
    #[sqlx(rename = "created_at_us")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[sqlx(rename = "updated_at_us")]
    pub updated_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, title, description, status, priority, due_at_us, created_at_us, updated_at_us"
    };
}

// After the macro that it uses.
mod list;

const GET: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1 AND user_id = $2");

/// One task of `user`.
///
/// # Errors
/// When the database does not answer.
pub async fn get(store: &Store, user: Uuid, id: Uuid) -> Result<Option<Task>> {
    store
        .timed(Op::TaskGet, async {
            Ok(ro!(store.of(user), p => sqlx::query_as(GET).bind(id).bind(user).fetch_optional(p).await?))
        })
        .await
}

const INSERT: &str = "INSERT INTO tasks (id, user_id, title, description, status, priority, due_at_us, \
                   created_at_us, updated_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";

/// Stores a new task of `user`; with a claim, at most once.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such user.
pub async fn insert(
    store: &Store,
    user: Uuid,
    task: &Task,
    claim: Option<&Claim<'_>>,
) -> Result<idempotency::Outcome> {
    macro_rules! insert_by {
        ($executor:expr) => {
            sqlx::query(INSERT)
                .bind(task.id)
                .bind(user)
                .bind(&task.title)
                .bind(&task.description)
                .bind(task.status.as_str())
                .bind(task.priority.as_str())
                .bind(task.due_at)
                .bind(task.created_at)
                .execute($executor)
                .await?
                .rows_affected()
        };
    }
    store
        .timed(Op::TaskInsert, async {
            // One statement is a transaction of its own, at half the price.
            let Some(claim) = claim else {
                rw!(store.of(user), p => insert_by!(p));
                return Ok(idempotency::Outcome::Done);
            };
            Ok::<_, StoreError>(in_tx!(store.of(user).claiming(user, Some(claim)), tx => {
                let outcome = idempotency::claim!(tx, user, claim);
                if matches!(outcome, idempotency::Outcome::Done) {
                    insert_by!(&mut *tx);
                }
                outcome
            }))
        })
        .await
}

/// Changes to a task; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct Changes {
    /// New title.
    pub title: Option<String>,
    /// New description, or none.
    pub description: Option<Option<String>>,
    /// New status.
    pub status: Option<Status>,
    /// New priority.
    pub priority: Option<Priority>,
    /// New due date, or none.
    pub due_at: Option<Option<Timestamp>>,
}

const UPDATE: &str = concat!(
    "UPDATE tasks SET title = COALESCE($3, title), \
     description = CASE WHEN $4 THEN $5 ELSE description END, \
     status = COALESCE($6, status), priority = COALESCE($7, priority), \
     due_at_us = CASE WHEN $8 THEN $9 ELSE due_at_us END, updated_at_us = $10 \
     WHERE id = $1 AND user_id = $2 RETURNING ",
    columns!()
);

/// Changes a task of `user`; `None` when there is no such task.
///
/// # Errors
/// When the database does not answer.
pub async fn update(
    store: &Store,
    user: Uuid,
    id: Uuid,
    changes: &Changes,
    now: Timestamp,
) -> Result<Option<Task>> {
    store
        .timed(Op::TaskUpdate, async {
            Ok(rw!(store.of(user), p => sqlx::query_as(UPDATE).bind(id).bind(user).bind(&changes.title)
                .bind(changes.description.is_some()).bind(changes.description.as_ref().and_then(Option::as_ref))
                .bind(changes.status.map(Status::as_str)).bind(changes.priority.map(Priority::as_str))
                .bind(changes.due_at.is_some()).bind(changes.due_at.flatten()).bind(now)
                .fetch_optional(p).await?))
        })
        .await
}

const DELETE: &str = "DELETE FROM tasks WHERE id = $1 AND user_id = $2";

/// Removes a task of `user`; whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(store: &Store, user: Uuid, id: Uuid) -> Result<bool> {
    store
        .timed(Op::TaskDelete, async {
            Ok(rw!(store.of(user), p => sqlx::query(DELETE).bind(id).bind(user).execute(p).await?.rows_affected() > 0))
        })
        .await
}

/// How many tasks a user has, by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// All.
    pub total: i64,
    /// Not begun.
    pub todo: i64,
    /// Begun.
    pub in_progress: i64,
    /// Finished.
    pub done: i64,
    /// Not finished and past their due date.
    pub overdue: i64,
}

const STATS: &str = "SELECT status, COUNT(*), \
                   COUNT(CASE WHEN status <> 'done' AND due_at_us < $2 THEN 1 END) \
                   FROM tasks WHERE user_id = $1 GROUP BY status";

/// The statistics of `user` at `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn stats(store: &Store, user: Uuid, now: Timestamp) -> Result<Stats> {
    store
        .timed(Op::TaskStats, async {
            let rows: Vec<(String, i64, i64)> =
                ro!(store.of(user), p => sqlx::query_as(STATS).bind(user).bind(now).fetch_all(p).await?);
            Ok(rows.into_iter().fold(Stats::default(), |mut stats, (status, count, overdue)| {
                stats.total += count;
                stats.overdue += overdue;
                match status.as_str() {
                    "todo" => stats.todo += count,
                    "in_progress" => stats.in_progress += count,
                    _ => stats.done += count,
                }
                stats
            }))
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Bool, Int, NoText, Task, Text, User};
    let list = |filter: &Filter<'_>| list::list_sql::<sqlx::Postgres>(Uuid::nil(), filter);
    let sorted = |sort| Filter { sort, ..Filter::default() };
    let behind = |sort| Filter { sort, after: Some((0, Uuid::nil())), ..Filter::default() };
    let limit = Int(21);
    vec![
        Named::hot("tasks: list, newest first", list(&sorted(Sort::Newest)), &[User, limit]),
        Named::hot("tasks: list, oldest first", list(&sorted(Sort::Oldest)), &[User, limit]),
        Named::hot("tasks: list, due soonest first", list(&sorted(Sort::DueSoonest)), &[User, limit]),
        Named::hot(
            "tasks: list behind a position",
            list(&behind(Sort::Newest)),
            &[User, Int(i64::MAX), Task, limit],
        ),
        Named::hot(
            "tasks: list by due date behind a position",
            list(&behind(Sort::DueSoonest)),
            &[User, Int(0), Task, limit],
        ),
        Named::hot(
            "tasks: list of one status",
            list(&Filter { status: Some(Status::Todo), ..Filter::default() }),
            &[User, Text("todo"), limit],
        ),
        Named::hot(
            "tasks: list by part of the title",
            list(&Filter { q: Some("x"), ..Filter::default() }),
            &[User, Text("%report%"), limit],
        ),
        Named::hot("tasks: get", GET, &[Task, User]),
        Named::hot(
            "tasks: insert",
            INSERT,
            &[Task, User, Text("T"), NoText, Text("todo"), Text("low"), Int(1), Int(1)],
        ),
        Named::hot(
            "tasks: update",
            UPDATE,
            &[Task, User, NoText, Bool(false), NoText, Text("done"), NoText, Bool(false), Int(1), Int(1)],
        ),
        Named::hot("tasks: delete", DELETE, &[Task, User]),
        Named::hot("tasks: statistics", STATS, &[User, Int(1)]),
    ]
}
