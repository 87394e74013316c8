use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;

use super::{TokenPair, pair, session_end};
use crate::app::App;
use crate::auth::refresh::{hash, new_token, owner};
use crate::auth::tokens::Identity;
use crate::error::Error;
use crate::input::Json;
use crate::store::Timestamp;
use crate::store::sessions::{self, Rotation};
use crate::{clock, out};

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refresh {
    /// The latest refresh token of the session.
    #[garde(length(min = 1, max = 256))]
    #[schema(min_length = 1, max_length = 256)]
    refresh_token: String,
}

const REFUSED: Error = Error::Unauthenticated("the refresh token is not valid; log in again");

/// Exchanges a refresh token for a new pair. A token that was used before ends its session: somebody has a copy.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", operation_id = "refresh", request_body = Refresh,
    responses(
        (status = 200, description = "A new pair; the old refresh token is used up", body = TokenPair),
        (status = 401, description = "Unknown, expired, ended, or used before", body = crate::error::Problem)))]
pub async fn post(State(app): State<Arc<App>>, Json(request): Json<Refresh>) -> Result<Response, Error> {
    let now_us = clock::now_us();
    let old_hash = hash(&request.refresh_token);
    let user = match owner(&request.refresh_token) {
        Some(user) => user,
        None => sessions::owner(&app.store, &old_hash).await?.ok_or(REFUSED)?,
    };
    let (refresh_token, new_hash) = new_token(user);
    let expires_at = session_end(&app, now_us);
    match sessions::rotate(&app.store, user, &old_hash, &new_hash, Timestamp(now_us), expires_at).await? {
        Rotation::Rotated { session_id, user_id, role } => {
            let identity = Identity { user_id, session_id, role };
            out::json(StatusCode::OK, &pair(&app, identity, refresh_token, now_us)?)
        }
        Rotation::Replayed(session) => {
            tracing::warn!(session = %session.0, "a refresh token was used twice; its session is ended");
            app.revocations.add([session]).await;
            Err(REFUSED)
        }
        Rotation::Refused => Err(REFUSED),
    }
}
