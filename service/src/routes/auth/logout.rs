use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::app::App;
use crate::auth::Session;
use crate::clock;
use crate::error::Error;
use crate::store::{Timestamp, sessions};

/// Ends the session of the access token.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", operation_id = "logout", security(("token" = [])),
    responses(
        (status = 204, description = "Ended: neither token works any more"),
        (status = 401, description = "No valid token", body = crate::error::Problem)))]
pub async fn post(State(app): State<Arc<App>>, Session(me): Session) -> Result<StatusCode, Error> {
    let now = Timestamp(clock::now_us());
    let ended = sessions::revoke(&app.store, me.user_id, Some(me.session_id), now).await?;
    app.revocations.add(ended).await;
    Ok(StatusCode::NO_CONTENT)
}
