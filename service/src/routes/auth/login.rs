use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;

use super::{TokenPair, begin_session, normalised};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::input::Json;
use crate::out;
use crate::store::users;

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Login {
    /// The account's address.
    #[garde(length(min = 1, max = 254))]
    #[schema(min_length = 1, max_length = 254, example = "ada@headroom.example")]
    email: String,
    /// Its password.
    #[garde(custom(bounded))]
    #[schema(value_type = String, min_length = 1, max_length = 128, format = Password)]
    password: SecretString,
}

/// A longer text cannot be a password of ours, and hashing it costs.
fn bounded(password: &SecretString, _: &()) -> garde::Result {
    use secrecy::ExposeSecret as _;
    match password.expose_secret().len() {
        1..=512 => Ok(()),
        _ => Err(garde::Error::new("must have 1 to 512 bytes")),
    }
}

/// Logs in. An unknown e-mail takes as long as a wrong password and is told the same.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", operation_id = "login", request_body = Login,
    responses(
        (status = 200, description = "A new session", body = TokenPair),
        (status = 401, description = "Unknown e-mail or wrong password", body = crate::error::Problem),
        (status = 503, description = "Too many logins at once", body = crate::error::Problem)))]
pub async fn post(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Json(request): Json<Login>,
) -> Result<Response, Error> {
    let email = normalised(&request.email);
    app.limits.account(&email).await?;
    let account = users::credentials(&app.store, &email).await?;
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let matches = app.passwords.verify(request.password, hash).await?;
    match account {
        Some(account) if matches => {
            let tokens = begin_session(&app, account.id, account.role, &caller, &headers).await?;
            out::json(StatusCode::OK, &tokens)
        }
        _ => Err(Error::Unauthenticated("the e-mail address or the password is wrong")),
    }
}
