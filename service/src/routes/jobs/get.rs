use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::Job;
use crate::app::App;
use crate::auth::User;
use crate::error::Error;
use crate::store::jobs;
use crate::{input, out};

/// A background job: where it stands, how far it is, and where to find what came of it.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs", operation_id = "getJob",
    security(("token" = []), ("key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = Job),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 404, description = "No such job of this user", body = crate::error::Problem)))]
pub async fn get(State(app): State<Arc<App>>, User(me): User, path: Path<String>) -> Result<Response, Error> {
    let id = input::id(path, "job")?;
    let job = jobs::get(&app.store, me.user_id, id).await?.ok_or(Error::NotFound("job"))?;
    out::json(StatusCode::OK, &Job::from(job))
}
