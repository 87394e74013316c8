use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;

use super::{TokenPair, acceptable_password, begin_session, normalised, taken};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::input::Json;
use crate::store::Timestamp;
use crate::store::outbox::{NewJob, Work};
use crate::store::users::{self, Role, User};
use crate::{clock, out};

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Registration {
    /// Login name and address.
    #[garde(email, length(max = 254))]
    #[schema(max_length = 254, format = Email, example = "ada@headroom.example")]
    email: String,
    /// Display name.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// 8 to 128 characters.
    #[garde(custom(acceptable_password))]
    #[schema(value_type = String, min_length = 8, max_length = 128, format = Password)]
    password: SecretString,
}

/// Makes an account and logs in.
#[utoipa::path(post, path = "/api/v1/auth/register", tag = "auth", operation_id = "register",
    request_body = Registration,
    responses(
        (status = 201, description = "The account was made", body = TokenPair),
        (status = 409, description = "The e-mail has an account", body = crate::error::Problem),
        (status = 422, description = "Fields are not acceptable", body = crate::error::Problem)))]
pub async fn post(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Json(request): Json<Registration>,
) -> Result<Response, Error> {
    let email = normalised(&request.email);
    app.limits.account(&email).await?;
    let hash = app.passwords.hash(request.password).await?;
    let now = Timestamp(clock::now_us());
    let name = request.name.trim().to_owned();
    let user = User { id: clock::new_id(), email, name, role: Role::User, created_at: now, updated_at: now };
    let welcome = NewJob { id: clock::new_id(), user_id: user.id, work: Work::WelcomeMail, now };
    users::insert(&app.store, &user, &hash, Some(&welcome)).await.map_err(taken)?;
    app.queue.ring();
    let tokens = begin_session(&app, user.id, user.role, &caller, &headers).await?;
    out::json(StatusCode::CREATED, &tokens)
}
