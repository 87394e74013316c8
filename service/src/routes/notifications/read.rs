use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::app::App;
use crate::auth::User;
use crate::error::Error;
use crate::store::{Timestamp, notifications};
use crate::{clock, input};

/// Marks a notification as read. Doing so again changes nothing.
#[utoipa::path(post, path = "/api/v1/notifications/{id}/read", tag = "notifications",
    operation_id = "readNotification", security(("token" = []), ("key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The notification's id")),
    responses(
        (status = 204, description = "It is read"),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 404, description = "No such notification of this user", body = crate::error::Problem)))]
pub async fn post(
    State(app): State<Arc<App>>,
    User(me): User,
    path: Path<String>,
) -> Result<StatusCode, Error> {
    let id = input::id(path, "notification")?;
    match notifications::read(&app.store, me.user_id, id, Timestamp(clock::now_us())).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Error::NotFound("notification")),
    }
}
