//! Accounts: registering, logging in and out, refreshing; sessions, API keys, forgotten passwords.

pub mod api_keys;
pub mod login;
pub mod logout;
pub mod logout_all;
pub mod password_reset;
pub mod refresh;
pub mod register;
pub mod sessions;

use axum::http::{HeaderMap, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::auth::Caller;
use crate::auth::refresh::new_token;
use crate::auth::tokens::Identity;
use crate::clock;
use crate::error::Error;
use crate::store::sessions::NewSession;
use crate::store::users::Role;
use crate::store::{StoreError, Timestamp};

/// A fresh pair of tokens.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenPair {
    /// For the Authorization header, as `Bearer`.
    pub access_token: String,
    /// For `/api/v1/auth/refresh`, once.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Life of the access token, in seconds.
    pub expires_in: u32,
    /// Whose they are.
    pub user_id: Uuid,
}

const DEVICE_BYTES: usize = 120;

/// Begins a session for a user who has proved to be one.
async fn begin_session(
    app: &App,
    user_id: Uuid,
    role: Role,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<TokenPair, Error> {
    let now_us = clock::now_us();
    let identity = Identity { user_id, session_id: clock::new_id(), role };
    let (refresh_token, refresh) = new_token(user_id);
    let device = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("unknown");
    let session = NewSession {
        id: identity.session_id,
        user_id,
        ip: &caller.address.to_string(),
        device: device.get(..DEVICE_BYTES).unwrap_or(device),
        refresh,
        now: Timestamp(now_us),
        expires_at: session_end(app, now_us),
    };
    let ended =
        crate::store::sessions::insert(&app.store, &session, app.config.auth.sessions_per_user).await?;
    if !ended.is_empty() {
        app.revocations.add(ended).await;
    }
    pair(app, identity, refresh_token, now_us)
}

fn pair(app: &App, identity: Identity, refresh_token: String, now_us: i64) -> Result<TokenPair, Error> {
    let expires_in = app.config.auth.access_ttl_s;
    Ok(TokenPair {
        access_token: app.tokens.issue(identity, now_us.div_euclid(1_000_000), expires_in)?,
        refresh_token,
        token_type: "Bearer",
        expires_in,
        user_id: identity.user_id,
    })
}

/// A session outlives both its tokens.
fn session_end(app: &App, now_us: i64) -> Timestamp {
    let longest_s = app.config.auth.refresh_ttl_s.max(app.config.auth.access_ttl_s);
    Timestamp(now_us + i64::from(longest_s) * 1_000_000)
}

/// An account's e-mail is compared in lower case.
fn normalised(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Length is what helps; more rules make passwords worse (NIST SP 800-63B §5.1.1).
fn acceptable_password(password: &SecretString, _: &()) -> garde::Result {
    match password.expose_secret().chars().count() {
        8..=128 => Ok(()),
        _ => Err(garde::Error::new("must have 8 to 128 characters")),
    }
}

/// What is said about an e-mail that has an account already.
pub(super) fn taken(error: StoreError) -> Error {
    match error {
        StoreError::Taken => Error::Conflict("this e-mail address has an account already"),
        other => other.into(),
    }
}
