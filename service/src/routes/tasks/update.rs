use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;

use super::GONE;
use crate::app::App;
use crate::auth::User;
use crate::cache::{Scope, keys};
use crate::error::Error;
use crate::input::{self, Json};
use crate::routes::present;
use crate::store::Timestamp;
use crate::store::tasks::{self, Changes, Priority, Status, Task};
use crate::{clock, out};

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskChanges {
    /// New title.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default)]
    title: Option<String>,
    /// New description; null removes it.
    #[garde(inner(inner(length(chars, max = 5000))))]
    #[serde(default, deserialize_with = "present")]
    #[schema(max_length = 5000, value_type = Option<String>)]
    description: Option<Option<String>>,
    /// New status.
    #[garde(skip)]
    #[serde(default)]
    status: Option<Status>,
    /// New priority.
    #[garde(skip)]
    #[serde(default)]
    priority: Option<Priority>,
    /// New due date; null removes it.
    #[garde(skip)]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    due_at: Option<Option<Timestamp>>,
}

/// Changes a task; what is left out stays.
#[utoipa::path(patch, path = "/api/v1/tasks/{id}", tag = "tasks", operation_id = "updateTask",
    security(("token" = []), ("key" = [])), params(("id" = uuid::Uuid, Path, description = "The task's id")),
    request_body = TaskChanges,
    responses(
        (status = 200, description = "The task as it is now", body = Task),
        (status = 404, description = "No such task of this user", body = crate::error::Problem),
        (status = 422, description = "Fields are not acceptable", body = crate::error::Problem)))]
pub async fn patch(
    State(app): State<Arc<App>>,
    User(me): User,
    path: Path<String>,
    Json(wanted): Json<TaskChanges>,
) -> Result<Response, Error> {
    let id = input::id(path, "task")?;
    let changes = Changes {
        title: wanted.title,
        description: wanted.description,
        status: wanted.status,
        priority: wanted.priority,
        due_at: wanted.due_at,
    };
    let ticket = app.cache.ticket(Scope::Task { owner: me.user_id, id }).await;
    let now = Timestamp(clock::now_us());
    let task = tasks::update(&app.store, me.user_id, id, &changes, now).await?.ok_or(GONE)?;
    let lists = [Scope::TasksOf(me.user_id)];
    let written = app.cache.write_through(&ticket, keys::task(me.user_id, id), &task);
    tokio::join!(app.cache.invalidate(&lists), written);
    out::json(StatusCode::OK, &task)
}
