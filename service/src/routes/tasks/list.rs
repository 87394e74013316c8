use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::User;
use crate::cache::keys;
use crate::cursor::List;
use crate::error::Error;
use crate::input::Query;
use crate::out::{self, Audience, Wants};
use crate::routes::{DEFAULT_LIMIT, cut};
use crate::store::tasks::{self, Filter, Sort, Status, Task};

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// Only tasks in this status.
    #[garde(skip)]
    status: Option<Status>,
    /// Only tasks whose title contains this, whatever the case.
    #[garde(length(chars, min = 1, max = 100))]
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
    /// The order; newest first if not given.
    #[garde(skip)]
    #[serde(default)]
    #[param(inline)]
    sort: Option<Sort>,
    /// The `nextCursor` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Tasks per page, 20 if not given.
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// One page of tasks.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskPage {
    /// In the order asked for.
    pub tasks: Vec<Task>,
    /// For the next page; null on the last.
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

fn list_of(sort: Sort) -> List {
    match sort {
        Sort::Newest => List::TasksNewest,
        Sort::Oldest => List::TasksOldest,
        Sort::DueSoonest => List::TasksDue,
    }
}

/// The user's tasks, page by page. Pages stay in step when tasks are added meanwhile.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", operation_id = "listTasks",
    security(("token" = []), ("key" = [])),
    params(TaskQuery),
    responses(
        (status = 200, description = "One page", body = TaskPage),
        (status = 304, description = "The client has it already"),
        (status = 400, description = "The cursor is not one of this list", body = crate::error::Problem),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 422, description = "Parameters are not acceptable", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    User(me): User,
    Query(query): Query<TaskQuery>,
    wants: Wants,
) -> Result<Response, Error> {
    let sort = query.sort.unwrap_or_default();
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let (cursor, q) = (query.cursor.as_deref(), query.q.as_deref());
    let after = cursor.map(|cursor| app.cursors.open(list_of(sort), cursor)).transpose()?;
    let key = keys::tasks(me.user_id, query.status, sort, limit.into(), cursor, q);
    let load = async {
        // One more than asked for tells whether there is a next page.
        let filter = Filter { status: query.status, q, sort, after, limit: i64::from(limit) + 1 };
        let mut tasks = tasks::list(&app.store, me.user_id, &filter).await?;
        let has_more = cut(&mut tasks, limit);
        let last = tasks.last().filter(|_| has_more);
        let next_cursor = last.map(|task| app.cursors.seal(list_of(sort), sort.position(task)));
        Ok(TaskPage { tasks, next_cursor, has_more })
    };
    let (page, outcome) = app.cache.read(key, load).await?;
    Ok(out::page(&page, outcome, &wants, Audience::Private))
}
