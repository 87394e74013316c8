//! Tasks. Ownership is part of every `WHERE`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::idempotency::{self, Claim};
use super::{Op, Result, Store, StoreError, Timestamp, in_tx, ro, ro_typed, rw};

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

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Sort {
    /// Newest first.
    #[default]
    #[serde(rename = "-created_at")]
    Newest,
    /// Oldest first.
    #[serde(rename = "created_at")]
    Oldest,
    /// Due soonest first; tasks without a due date last.
    #[serde(rename = "due_at")]
    DueSoonest,
}

/// The sort key of a task without a due date.
const NEVER_DUE: i64 = i64::MAX;

impl Sort {
    /// As sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "-created_at",
            Self::Oldest => "created_at",
            Self::DueSoonest => "due_at",
        }
    }

    /// Where `task` stands in this order; ids make it total.
    pub fn position(self, task: &Task) -> (i64, Uuid) {
        match self {
            Self::Newest | Self::Oldest => (task.created_at.0, task.id),
            Self::DueSoonest => (task.due_at.map_or(NEVER_DUE, |due| due.0), task.id),
        }
    }
}

/// Which tasks of a user are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// Only those in this status.
    pub status: Option<Status>,
    /// Only those whose title contains this, whatever the case.
    pub q: Option<&'a str>,
    /// In this order.
    pub sort: Sort,
    /// Only those behind this position.
    pub after: Option<(i64, Uuid)>,
    /// At most this many.
    pub limit: i64,
}

/// The tasks of `user` that `filter` wants, in its order.
///
/// # Errors
/// When the database does not answer.
pub async fn list(store: &Store, user: Uuid, filter: &Filter<'_>) -> Result<Vec<Task>> {
    store
        .timed(Op::TaskList, async {
            Ok(ro_typed!(&store.db, p, Kind => {
                let mut sql = sqlx::QueryBuilder::<Kind>::new(concat!("SELECT ", columns!(), " FROM tasks WHERE user_id = "));
                sql.push_bind(user);
                if let Some(status) = filter.status {
                    sql.push(" AND status = ").push_bind(status.as_str());
                }
                if let Some(q) = filter.q {
                    sql.push(" AND LOWER(title) LIKE ").push_bind(super::products::contains(q)).push(" ESCAPE '\\'");
                }
                let (key, comparison, order) = match filter.sort {
                    Sort::Newest => ("created_at_us", "<", "created_at_us DESC, id DESC"),
                    Sort::Oldest => ("created_at_us", ">", "created_at_us, id"),
                    Sort::DueSoonest => (
                        "COALESCE(due_at_us, 9223372036854775807)",
                        ">",
                        "COALESCE(due_at_us, 9223372036854775807), id",
                    ),
                };
                if let Some((position, id)) = filter.after {
                    sql.push(" AND (").push(key).push(", id) ").push(comparison).push(" (").push_bind(position)
                        .push(", ").push_bind(id).push(")");
                }
                sql.push(" ORDER BY ").push(order).push(" LIMIT ").push_bind(filter.limit);
                sql.build_query_as().fetch_all(p).await?
            }))
        })
        .await
}

/// One task of `user`.
///
/// # Errors
/// When the database does not answer.
pub async fn get(store: &Store, user: Uuid, id: Uuid) -> Result<Option<Task>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1 AND user_id = $2");
    store
        .timed(Op::TaskGet, async {
            Ok(ro!(&store.db, p => sqlx::query_as(SQL).bind(id).bind(user).fetch_optional(p).await?))
        })
        .await
}

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
    const SQL: &str = "INSERT INTO tasks (id, user_id, title, description, status, priority, due_at_us, \
                       created_at_us, updated_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    macro_rules! insert_by {
        ($executor:expr) => {
            sqlx::query(SQL)
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
        };
    }
    store
        .timed(Op::TaskInsert, async {
            // One statement is a transaction of its own, at half the price.
            let Some(claim) = claim else {
                rw!(&store.db, p => insert_by!(p));
                return Ok(idempotency::Outcome::Done);
            };
            Ok::<_, StoreError>(in_tx!(&store.db, tx => {
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
    const SQL: &str = concat!(
        "UPDATE tasks SET title = COALESCE($3, title), \
         description = CASE WHEN $4 THEN $5 ELSE description END, \
         status = COALESCE($6, status), priority = COALESCE($7, priority), \
         due_at_us = CASE WHEN $8 THEN $9 ELSE due_at_us END, updated_at_us = $10 \
         WHERE id = $1 AND user_id = $2 RETURNING ",
        columns!()
    );
    store
        .timed(Op::TaskUpdate, async {
            Ok(rw!(&store.db, p => sqlx::query_as(SQL).bind(id).bind(user).bind(&changes.title)
                .bind(changes.description.is_some()).bind(changes.description.as_ref().and_then(Option::as_ref))
                .bind(changes.status.map(Status::as_str)).bind(changes.priority.map(Priority::as_str))
                .bind(changes.due_at.is_some()).bind(changes.due_at.flatten()).bind(now)
                .fetch_optional(p).await?))
        })
        .await
}

/// Removes a task of `user`; whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(store: &Store, user: Uuid, id: Uuid) -> Result<bool> {
    const SQL: &str = "DELETE FROM tasks WHERE id = $1 AND user_id = $2";
    store
        .timed(Op::TaskDelete, async {
            Ok(rw!(&store.db, p => sqlx::query(SQL).bind(id).bind(user).execute(p).await?.rows_affected() > 0))
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

/// The statistics of `user` at `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn stats(store: &Store, user: Uuid, now: Timestamp) -> Result<Stats> {
    const SQL: &str = "SELECT status, COUNT(*), \
                       COUNT(CASE WHEN status <> 'done' AND due_at_us < $2 THEN 1 END) \
                       FROM tasks WHERE user_id = $1 GROUP BY status";
    store
        .timed(Op::TaskStats, async {
            let rows: Vec<(String, i64, i64)> =
                ro!(&store.db, p => sqlx::query_as(SQL).bind(user).bind(now).fetch_all(p).await?);
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
