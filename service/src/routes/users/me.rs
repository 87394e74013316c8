use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;

use crate::app::App;
use crate::auth::{Session, User};
use crate::cache::{Scope, keys};
use crate::clock;
use crate::error::Error;
use crate::input::Json;
use crate::out::{self, Audience, Wants};
use crate::routes::auth::taken;
use crate::store::{Timestamp, users};

const GONE: Error = Error::Unauthenticated("this account does not exist any more");

/// The account.
#[utoipa::path(get, path = "/api/v1/users/me", tag = "users", operation_id = "getMe",
    security(("token" = []), ("key" = [])),
    responses(
        (status = 200, description = "The account", body = users::User),
        (status = 401, description = "No valid token", body = crate::error::Problem)))]
pub async fn get(State(app): State<Arc<App>>, User(me): User, wants: Wants) -> Result<Response, Error> {
    let key = keys::user(me.user_id);
    let load = async { users::get(&app.store, me.user_id).await?.ok_or(GONE) };
    let (page, outcome) = app.cache.read(key, load).await?;
    Ok(out::page(&page, outcome, &wants, Audience::Private))
}

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountChanges {
    /// New login name and address.
    #[garde(email, length(max = 254))]
    #[schema(max_length = 254, format = Email)]
    #[serde(default)]
    email: Option<String>,
    /// New display name.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    #[serde(default)]
    name: Option<String>,
}

/// Changes the account; what is left out stays.
#[utoipa::path(patch, path = "/api/v1/users/me", tag = "users", operation_id = "updateMe", security(("token" = [])),
    request_body = AccountChanges,
    responses(
        (status = 200, description = "The account as it is now", body = users::User),
        (status = 409, description = "The e-mail has another account", body = crate::error::Problem),
        (status = 422, description = "Fields are not acceptable", body = crate::error::Problem)))]
pub async fn patch(
    State(app): State<Arc<App>>,
    Session(me): Session,
    Json(changes): Json<AccountChanges>,
) -> Result<Response, Error> {
    let email = changes.email.map(|email| email.trim().to_lowercase());
    let now = Timestamp(clock::now_us());
    let user = users::update(&app.store, me.user_id, email.as_deref(), changes.name.as_deref(), now)
        .await
        .map_err(taken)?
        .ok_or(GONE)?;
    app.cache.invalidate(&[Scope::User(me.user_id)]).await;
    out::json(StatusCode::OK, &user)
}

/// Removes the account with everything it owns, and ends its sessions.
#[utoipa::path(delete, path = "/api/v1/users/me", tag = "users", operation_id = "deleteMe", security(("token" = [])),
    responses(
        (status = 204, description = "Gone"),
        (status = 401, description = "No valid token", body = crate::error::Problem)))]
pub async fn delete(State(app): State<Arc<App>>, Session(me): Session) -> Result<StatusCode, Error> {
    let ended = users::delete(&app.store, me.user_id, Timestamp(clock::now_us())).await?;
    app.revocations.add(ended).await;
    let scopes = [Scope::User(me.user_id), Scope::TasksOf(me.user_id), Scope::FavoritesOf(me.user_id)];
    app.cache.invalidate(&scopes).await;
    Ok(StatusCode::NO_CONTENT)
}
