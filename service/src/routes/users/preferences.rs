use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::auth::User;
use crate::error::Error;
use crate::input::Json;
use crate::store::preferences::{self, Preferences};
use crate::store::{StoreError, Timestamp};
use crate::{clock, out};

/// The user's preferences; the defaults as long as none were set.
#[utoipa::path(get, path = "/api/v1/users/me/preferences", tag = "users", operation_id = "getPreferences",
    security(("token" = []), ("key" = [])),
    responses(
        (status = 200, description = "The preferences", body = Preferences),
        (status = 401, description = "No valid token", body = crate::error::Problem)))]
pub async fn get(State(app): State<Arc<App>>, User(me): User) -> Result<Response, Error> {
    out::json(StatusCode::OK, &preferences::get(&app.store, me.user_id).await?)
}

/// Replaces the user's preferences.
#[utoipa::path(put, path = "/api/v1/users/me/preferences", tag = "users", operation_id = "putPreferences",
    security(("token" = []), ("key" = [])), request_body = Preferences,
    responses(
        (status = 200, description = "The preferences as they are now", body = Preferences),
        (status = 422, description = "Fields are not acceptable", body = crate::error::Problem)))]
pub async fn put(
    State(app): State<Arc<App>>,
    User(me): User,
    Json(wanted): Json<Preferences>,
) -> Result<Response, Error> {
    preferences::put(&app.store, me.user_id, &wanted, Timestamp(clock::now_us())).await.map_err(
        |e| match e {
            StoreError::Dangling => Error::Unauthenticated("this account does not exist any more"),
            other => other.into(),
        },
    )?;
    out::json(StatusCode::OK, &wanted)
}
