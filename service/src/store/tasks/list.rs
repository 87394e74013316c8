//! Lists of tasks: which, in which order, and behind which.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Status, Task};
use crate::store::products::contains;
use crate::store::{Op, Place, Result, Store, ro_typed};

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

pub(super) fn list_sql<DB>(user: Uuid, filter: &Filter<'_>) -> sqlx::QueryBuilder<DB>
where
    DB: sqlx::Database,
    for<'q> Uuid: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> &'q str: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> String: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut sql = sqlx::QueryBuilder::new(concat!("SELECT ", columns!(), " FROM tasks WHERE user_id = "));
    sql.push_bind(user);
    if let Some(status) = filter.status {
        sql.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(q) = filter.q {
        sql.push(" AND LOWER(title) LIKE ").push_bind(contains(q)).push(" ESCAPE '\\'");
    }
    let (key, comparison, order) = match filter.sort {
        Sort::Newest => ("created_at_us", "<", "created_at_us DESC, id DESC"),
        Sort::Oldest => ("created_at_us", ">", "created_at_us, id"),
        Sort::DueSoonest => {
            ("COALESCE(due_at_us, 9223372036854775807)", ">", "COALESCE(due_at_us, 9223372036854775807), id")
        }
    };
    if let Some((position, id)) = filter.after {
        sql.push(" AND (").push(key).push(", id) ").push(comparison).push(" (").push_bind(position);
        sql.push(", ").push_bind(id).push(")");
    }
    sql.push(" ORDER BY ").push(order).push(" LIMIT ").push_bind(filter.limit);
    sql
}

/// The tasks of `user` that `filter` wants, in its order.
///
/// # Errors
/// When the database does not answer.
pub async fn list(store: &Store, user: Uuid, filter: &Filter<'_>) -> Result<Vec<Task>> {
    list_in(store, store.of(user), user, filter).await
}

/// Like [`list`], at a place that the caller names.
///
/// # Errors
/// When the database does not answer.
pub async fn list_in(store: &Store, place: Place<'_>, user: Uuid, filter: &Filter<'_>) -> Result<Vec<Task>> {
    store
        .timed(Op::TaskList, async {
            Ok(ro_typed!(place, p, Kind => {
                list_sql::<Kind>(user, filter).build_query_as().fetch_all(p).await?
            }))
        })
        .await
}
