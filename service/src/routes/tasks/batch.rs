use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};

use super::create::NewTask;
use crate::app::App;
use crate::auth::User;
use crate::cache::Scope;
use crate::error::Error;
use crate::input::JsonAndBytes;
use crate::routes::created::{Created, IdempotencyKey, claim, settle};
use crate::store::tasks::Task;
use crate::store::{StoreError, Timestamp, task_batch};
use crate::{clock, out};

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewTasks {
    /// The tasks, 1 to 500.
    #[garde(length(min = 1, max = 500), dive)]
    #[schema(min_items = 1, max_items = 500)]
    tasks: Vec<NewTask>,
}

/// Tasks that were made together.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MadeTasks {
    /// In the order of the request.
    tasks: Vec<Task>,
}

/// Makes up to 500 tasks, all or none. With an `Idempotency-Key`, repeating the request within 24 h makes no more.
#[utoipa::path(post, path = "/api/v1/tasks/batch", tag = "tasks", operation_id = "createTasks",
    security(("token" = []), ("key" = [])), request_body = NewTasks,
    params(IdempotencyKey),
    responses(
        (status = 201, description = "The new tasks", body = MadeTasks),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 409, description = "The same request is in progress", body = crate::error::Problem),
        (status = 422, description = "Fields are not acceptable, or the key was used for another request",
            body = crate::error::Problem)))]
pub async fn post(
    State(app): State<Arc<App>>,
    User(me): User,
    IdempotencyKey(key): IdempotencyKey,
    JsonAndBytes(new, bytes): JsonAndBytes<NewTasks>,
) -> Result<Response, Error> {
    let now = Timestamp(clock::now_us());
    let made = MadeTasks { tasks: new.tasks.into_iter().map(|task| task.at(now)).collect() };
    let body = serde_json::to_vec(&made).map_err(Error::internal)?;
    let claim = key.as_deref().map(|key| claim("POST /api/v1/tasks/batch", key, &bytes, &body, now));
    let stored = task_batch::insert(&app.store, me.user_id, &made.tasks, claim.as_ref()).await;
    let outcome = stored.map_err(|e| match e {
        StoreError::Dangling => Error::Unauthenticated("this account does not exist any more"),
        other => other.into(),
    })?;
    let Created { body, .. } = settle(outcome, &body)?;
    // Also after a replay: the first try may have ended between its commit and this.
    app.cache.invalidate(&[Scope::TasksOf(me.user_id)]).await;
    Ok(out::json_bytes(StatusCode::CREATED, body))
}
