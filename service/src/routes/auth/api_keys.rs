use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Session;
use crate::error::Error;
use crate::input::{Json, Query};
use crate::store::api_keys::{self, ApiKey};
use crate::store::{StoreError, Timestamp};
use crate::{clock, input, out};

/// Keys that one user may have.
const MOST_PER_USER: i64 = 20;

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewApiKey {
    /// What its owner calls it.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "Phone")]
    name: String,
}

/// An API key that was just made.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MadeApiKey {
    /// For the header `X-Api-Key`. It is shown this once.
    key: String,
    /// What is kept of it.
    #[serde(flatten)]
    kept: ApiKey,
}

/// The user's API keys.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeys {
    /// Newest first.
    api_keys: Vec<ApiKey>,
}

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApiKeyQuery {
    /// Only keys whose text begins so.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    prefix: Option<String>,
}

/// The user's API keys, without the secret part.
#[utoipa::path(get, path = "/api/v1/auth/api-keys", tag = "auth", operation_id = "listApiKeys",
    security(("token" = [])), params(ApiKeyQuery),
    responses(
        (status = 200, description = "Every key", body = ApiKeys),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 403, description = "An API key is not enough", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Session(me): Session,
    Query(query): Query<ApiKeyQuery>,
) -> Result<Response, Error> {
    // A whole key may be given; no more of it is kept than its beginning.
    let prefix = query.prefix.as_deref().map(|prefix| prefix.get(..12).unwrap_or(prefix));
    let api_keys = api_keys::list(&app.store, me.user_id, prefix).await?;
    out::json(StatusCode::OK, &ApiKeys { api_keys })
}

/// Makes an API key: for a program that acts for the user and never for an admin. At most 20 per user.
#[utoipa::path(post, path = "/api/v1/auth/api-keys", tag = "auth", operation_id = "createApiKey",
    security(("token" = [])), request_body = NewApiKey,
    responses(
        (status = 201, description = "The key, shown this once", body = MadeApiKey),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 403, description = "An API key is not enough", body = crate::error::Problem),
        (status = 409, description = "There are 20 already", body = crate::error::Problem)))]
pub async fn post(
    State(app): State<Arc<App>>,
    Session(me): Session,
    Json(new): Json<NewApiKey>,
) -> Result<Response, Error> {
    let fresh = app.api_keys.make(me.user_id);
    let now = Timestamp(clock::now_us());
    let kept = ApiKey {
        id: clock::new_id(),
        name: new.name,
        prefix: fresh.prefix,
        created_at: now,
        last_used_at: None,
    };
    let stored = api_keys::insert(&app.store, me.user_id, &kept, &fresh.hash, MOST_PER_USER).await;
    let stored = stored.map_err(|e| match e {
        StoreError::Dangling => Error::Unauthenticated("this account does not exist any more"),
        other => other.into(),
    })?;
    if !stored {
        return Err(Error::Conflict("there are 20 API keys already; remove one first"));
    }
    out::json(StatusCode::CREATED, &MadeApiKey { key: fresh.text, kept })
}

/// Removes an API key.
#[utoipa::path(delete, path = "/api/v1/auth/api-keys/{id}", tag = "auth", operation_id = "deleteApiKey",
    security(("token" = [])), params(("id" = uuid::Uuid, Path, description = "The key's id")),
    responses(
        (status = 204, description = "Gone: it does not work any more"),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 403, description = "An API key is not enough", body = crate::error::Problem),
        (status = 404, description = "No such key of this user", body = crate::error::Problem)))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Session(me): Session,
    path: Path<String>,
) -> Result<StatusCode, Error> {
    let id = input::id(path, "API key")?;
    if !api_keys::delete(&app.store, me.user_id, id).await? {
        return Err(Error::NotFound("API key"));
    }
    app.api_keys.revoke(&app, id).await;
    Ok(StatusCode::NO_CONTENT)
}
