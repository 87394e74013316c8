use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;

use crate::app::App;
use crate::auth::Admin;
use crate::cache::Scope;
use crate::error::Error;
use crate::input::Json;
use crate::store::users::{Role, User};
use crate::store::{Timestamp, roles};
use crate::{clock, input, out};

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleChange {
    /// What the user may do from now on.
    #[garde(skip)]
    role: Role,
}

/// Gives a user another role and ends the user's sessions, whose tokens name the old one. For admins.
#[utoipa::path(patch, path = "/api/v1/admin/users/{id}/role", tag = "admin", operation_id = "setRole",
    security(("token" = [])), params(("id" = uuid::Uuid, Path, description = "The user's id")),
    request_body = RoleChange,
    responses(
        (status = 200, description = "The account as it is now", body = User),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 403, description = "Not an admin at an allowed address", body = crate::error::Problem),
        (status = 404, description = "No such user", body = crate::error::Problem),
        (status = 409, description = "Admins do not change their own role", body = crate::error::Problem)))]
pub async fn patch(
    State(app): State<Arc<App>>,
    Admin(me): Admin,
    path: Path<String>,
    Json(change): Json<RoleChange>,
) -> Result<Response, Error> {
    let id = input::id(path, "user")?;
    if id == me.user_id {
        return Err(Error::Conflict("another admin has to change your role: one admin is always left so"));
    }
    let changed = roles::set(&app.store, id, change.role, Timestamp(clock::now_us())).await?;
    let (user, ended) = changed.ok_or(Error::NotFound("user"))?;
    app.revocations.add(ended).await;
    app.cache.invalidate(&[Scope::User(id)]).await;
    out::json(StatusCode::OK, &user)
}
