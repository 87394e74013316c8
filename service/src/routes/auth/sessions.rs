use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::auth;
use crate::error::Error;
use crate::store::{Timestamp, sessions};
use crate::{clock, input, out};

/// One place where the user is logged in.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Identity.
    id: Uuid,
    /// What the client called itself when it logged in.
    device: String,
    /// The address it logged in from.
    ip: String,
    /// When it logged in.
    created_at: Timestamp,
    /// When it last took new tokens, which a client in use does before each access token expires.
    last_seen_at: Timestamp,
    /// When it ends unless it is refreshed.
    expires_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

/// All places where the user is logged in.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Sessions {
    /// Newest first.
    sessions: Vec<Session>,
}

/// Where the user is logged in.
#[utoipa::path(get, path = "/api/v1/auth/sessions", tag = "auth", operation_id = "listSessions",
    security(("token" = [])),
    responses(
        (status = 200, description = "Every live session", body = Sessions),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 403, description = "An API key is not enough", body = crate::error::Problem)))]
pub async fn get(State(app): State<Arc<App>>, auth::Session(me): auth::Session) -> Result<Response, Error> {
    let live = sessions::list(&app.store, me.user_id, Timestamp(clock::now_us())).await?;
    let shown = |session: sessions::Session| Session {
        current: session.id == me.session_id,
        id: session.id,
        device: session.device,
        ip: session.ip,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
    };
    out::json(StatusCode::OK, &Sessions { sessions: live.into_iter().map(shown).collect() })
}

/// Ends one session of the user.
#[utoipa::path(delete, path = "/api/v1/auth/sessions/{id}", tag = "auth", operation_id = "endSession",
    security(("token" = [])), params(("id" = Uuid, Path, description = "The session's id")),
    responses(
        (status = 204, description = "Ended: none of its tokens works any more"),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 403, description = "An API key is not enough", body = crate::error::Problem),
        (status = 404, description = "No such session of this user", body = crate::error::Problem)))]
pub async fn delete(
    State(app): State<Arc<App>>,
    auth::Session(me): auth::Session,
    path: Path<String>,
) -> Result<StatusCode, Error> {
    let id = input::id(path, "session")?;
    let ended = sessions::revoke(&app.store, me.user_id, Some(id), Timestamp(clock::now_us())).await?;
    if ended.is_empty() {
        return Err(Error::NotFound("session"));
    }
    app.revocations.add(ended).await;
    Ok(StatusCode::NO_CONTENT)
}
