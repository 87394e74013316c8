use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;

use super::GONE;
use crate::app::App;
use crate::auth::User;
use crate::cache::keys;
use crate::error::Error;
use crate::input;
use crate::out::{self, Audience, Wants};
use crate::store::tasks::{self, Task};

/// One task.
#[utoipa::path(get, path = "/api/v1/tasks/{id}", tag = "tasks", operation_id = "getTask",
    security(("token" = []), ("key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The task's id")),
    responses(
        (status = 200, description = "The task", body = Task),
        (status = 304, description = "The client has it already"),
        (status = 404, description = "No such task of this user", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    User(me): User,
    path: Path<String>,
    wants: Wants,
) -> Result<Response, Error> {
    let id = input::id(path, "task")?;
    let key = keys::task(me.user_id, id);
    let load = async { tasks::get(&app.store, me.user_id, id).await?.ok_or(GONE) };
    let (page, outcome) = app.cache.read(key, load).await?;
    Ok(out::page(&page, outcome, &wants, Audience::Private))
}
