use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::Instant;

use super::{acceptable_password, normalised};
use crate::app::App;
use crate::auth::reset;
use crate::cache::Scope;
use crate::clock;
use crate::error::Error;
use crate::input::Json;
use crate::store::outbox::{NewJob, Work};
use crate::store::{Timestamp, password_resets, users};

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetRequest {
    /// The account's address.
    #[garde(length(min = 1, max = 254))]
    #[schema(min_length = 1, max_length = 254, example = "ada@headroom.example")]
    email: String,
}

/// Answers leave on the full beats of this clock, counted from the request: what an account costs more than none lies
/// far below one beat, and does not show.
const BEAT: Duration = Duration::from_millis(100);

/// Asks for a mail with a token to set a new password. Whether the address has an account shows neither in the answer
/// nor in how long it takes.
#[utoipa::path(post, path = "/api/v1/auth/password-reset", tag = "auth", operation_id = "requestPasswordReset",
    request_body = ResetRequest,
    responses((status = 202, description = "If the address has an account, a mail is on its way")))]
pub async fn post(
    State(app): State<Arc<App>>,
    Json(request): Json<ResetRequest>,
) -> Result<StatusCode, Error> {
    let arrived = Instant::now();
    let email = normalised(&request.email);
    app.limits.account(&email).await?;
    let outcome = begin(&app, &email).await;
    let beats = u32::try_from(arrived.elapsed().as_nanos() / BEAT.as_nanos()).unwrap_or(u32::MAX - 1) + 1;
    tokio::time::sleep_until(arrived + BEAT * beats).await;
    outcome.map(|()| StatusCode::ACCEPTED)
}

/// Stores the leave and has it mailed, where there is an account.
async fn begin(app: &App, email: &str) -> Result<(), Error> {
    let Some(account) = users::credentials(&app.store, email).await? else { return Ok(()) };
    let reset_id = clock::new_id();
    let token = reset::hash(&app.resets.token(account.id, reset_id));
    let now = Timestamp(clock::now_us());
    let expires_at = Timestamp(now.0 + reset::LIFE_S * 1_000_000);
    let work = Work::PasswordResetMail { reset_id };
    let mail = NewJob { id: clock::new_id(), user_id: account.id, work, now };
    password_resets::insert(&app.store, &token, expires_at, &mail).await?;
    app.queue.ring();
    Ok(())
}

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct NewPassword {
    /// From the mail.
    #[garde(length(min = 1, max = 256))]
    #[schema(min_length = 1, max_length = 256)]
    token: String,
    /// 8 to 128 characters.
    #[garde(custom(acceptable_password))]
    #[schema(value_type = String, min_length = 8, max_length = 128, format = Password)]
    password: SecretString,
}

fn stale() -> Error {
    Error::field("token", "is not valid, or not any more; ask for a new one")
}

/// Sets a new password and ends every session of the user. The token works once, within half an hour.
#[utoipa::path(post, path = "/api/v1/auth/password-reset/confirm", tag = "auth",
    operation_id = "confirmPasswordReset", request_body = NewPassword,
    responses(
        (status = 204, description = "The password is set and every session is ended: log in with the new one"),
        (status = 422, description = "The token is unknown, used or expired, or the password is not acceptable",
            body = crate::error::Problem),
        (status = 503, description = "Too many passwords at once", body = crate::error::Problem)))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    Json(request): Json<NewPassword>,
) -> Result<StatusCode, Error> {
    let user = reset::user_of(&request.token).ok_or_else(stale)?;
    let token = reset::hash(&request.token);
    let now = Timestamp(clock::now_us());
    // Hashing costs, and is not for everybody who makes up a token.
    if !password_resets::is_live(&app.store, user, &token, now).await? {
        return Err(stale());
    }
    let hash = app.passwords.hash(request.password).await?;
    let now = Timestamp(clock::now_us());
    let ended = password_resets::redeem(&app.store, user, &token, &hash, now).await?.ok_or_else(stale)?;
    app.revocations.add(ended).await;
    app.cache.invalidate(&[Scope::User(user)]).await;
    Ok(StatusCode::NO_CONTENT)
}
