use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;

use crate::app::App;
use crate::auth::User;
use crate::error::Error;
use crate::input::JsonAndBytes;
use crate::routes::created::{Created, IdempotencyKey, claim, settle};
use crate::routes::jobs::Job;
use crate::store::jobs::ExportFormat;
use crate::store::outbox::{self, NewJob, Work};
use crate::store::{StoreError, Timestamp};
use crate::{clock, out};

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Export {
    /// The form of the file; `csv` if not given.
    #[garde(skip)]
    #[serde(default)]
    format: ExportFormat,
}

/// Asks for all tasks of the user as a file. The file is made in the background: the job says when it is done, and
/// where the file is. With an `Idempotency-Key`, repeating the request within 24 h makes no second one.
#[utoipa::path(post, path = "/api/v1/tasks/export", tag = "tasks", operation_id = "exportTasks",
    security(("token" = []), ("key" = [])), request_body = Export,
    params(IdempotencyKey),
    responses(
        (status = 202, description = "The job, with its place in Location", body = Job),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 409, description = "The same request is in progress", body = crate::error::Problem),
        (status = 422, description = "Fields are not acceptable, or the key was used for another request",
            body = crate::error::Problem)))]
pub async fn post(
    State(app): State<Arc<App>>,
    User(me): User,
    IdempotencyKey(key): IdempotencyKey,
    JsonAndBytes(wanted, bytes): JsonAndBytes<Export>,
) -> Result<Response, Error> {
    let now = Timestamp(clock::now_us());
    let work = Work::ExportTasks { format: wanted.format };
    let job = NewJob { id: clock::new_id(), user_id: me.user_id, work, now };
    let body = serde_json::to_vec(&Job::from(&job)).map_err(Error::internal)?;
    let claim = key.as_deref().map(|key| claim("POST /api/v1/tasks/export", key, &bytes, &body, now));
    let outcome = outbox::append(&app.store, &job, claim.as_ref()).await.map_err(|e| match e {
        StoreError::Dangling => Error::Unauthenticated("this account does not exist any more"),
        other => other.into(),
    })?;
    let Created { body, replayed } = settle(outcome, &body)?;
    app.queue.ring();
    let mut response = out::json_bytes(StatusCode::ACCEPTED, body);
    if !replayed && let Ok(location) = HeaderValue::from_str(&format!("/api/v1/jobs/{}", job.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
