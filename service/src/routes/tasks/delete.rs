use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::GONE;
use crate::app::App;
use crate::auth::User;
use crate::cache::Scope;
use crate::error::Error;
use crate::input;
use crate::store::tasks;

/// Removes a task.
#[utoipa::path(delete, path = "/api/v1/tasks/{id}", tag = "tasks", operation_id = "deleteTask",
    security(("token" = []), ("key" = [])), params(("id" = uuid::Uuid, Path, description = "The task's id")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "No such task of this user", body = crate::error::Problem)))]
pub async fn delete(
    State(app): State<Arc<App>>,
    User(me): User,
    path: Path<String>,
) -> Result<StatusCode, Error> {
    let id = input::id(path, "task")?;
    if !tasks::delete(&app.store, me.user_id, id).await? {
        return Err(GONE);
    }
    app.cache.invalidate(&[Scope::TasksOf(me.user_id), Scope::Task { owner: me.user_id, id }]).await;
    Ok(StatusCode::NO_CONTENT)
}
