use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;

use crate::app::App;
use crate::auth::User;
use crate::cache::Scope;
use crate::error::Error;
use crate::input::JsonAndBytes;
use crate::routes::created::{Created, IdempotencyKey, claim, settle};
use crate::store::tasks::{self, Priority, Status, Task};
use crate::store::{StoreError, Timestamp};
use crate::{clock, out};

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewTask {
    /// What is to be done.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// In more words.
    #[garde(length(chars, max = 5000))]
    #[schema(max_length = 5000)]
    #[serde(default)]
    description: Option<String>,
    /// Where it stands; `todo` if not given.
    #[garde(skip)]
    #[serde(default)]
    status: Status,
    /// How much it matters; `medium` if not given.
    #[garde(skip)]
    #[serde(default)]
    priority: Priority,
    /// When it should be done.
    #[garde(skip)]
    #[serde(default)]
    due_at: Option<Timestamp>,
}

impl NewTask {
    /// The task that is made of it at `now`.
    pub(super) fn at(self, now: Timestamp) -> Task {
        Task {
            id: clock::new_id(),
            title: self.title,
            description: self.description,
            status: self.status,
            priority: self.priority,
            due_at: self.due_at,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Makes a task. With an `Idempotency-Key`, repeating the request within 24 h makes no second one.
#[utoipa::path(post, path = "/api/v1/tasks", tag = "tasks", operation_id = "createTask",
    security(("token" = []), ("key" = [])),
    request_body = NewTask,
    params(IdempotencyKey),
    responses(
        (status = 201, description = "The new task", body = Task),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 409, description = "The same request is in progress", body = crate::error::Problem),
        (status = 422, description = "Fields are not acceptable, or the key was used for another request",
            body = crate::error::Problem)))]
pub async fn post(
    State(app): State<Arc<App>>,
    User(me): User,
    IdempotencyKey(key): IdempotencyKey,
    JsonAndBytes(new, bytes): JsonAndBytes<NewTask>,
) -> Result<Response, Error> {
    let now = Timestamp(clock::now_us());
    let task = new.at(now);
    let body = serde_json::to_vec(&task).map_err(Error::internal)?;
    let claim = key.as_deref().map(|key| claim("POST /api/v1/tasks", key, &bytes, &body, now));
    let outcome =
        tasks::insert(&app.store, me.user_id, &task, claim.as_ref()).await.map_err(|e| match e {
            StoreError::Dangling => Error::Unauthenticated("this account does not exist any more"),
            other => other.into(),
        })?;
    let Created { body, replayed } = settle(outcome, &body)?;
    // Also after a replay: the first try may have ended between its commit and this.
    app.cache.invalidate(&[Scope::TasksOf(me.user_id)]).await;
    let mut response = out::json_bytes(StatusCode::CREATED, body);
    if !replayed && let Ok(location) = HeaderValue::from_str(&format!("/api/v1/tasks/{}", task.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
