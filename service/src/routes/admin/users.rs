use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Admin;
use crate::cursor::List;
use crate::error::Error;
use crate::input::Query;
use crate::out;
use crate::routes::{DEFAULT_LIMIT, cut};
use crate::store::roles;
use crate::store::users::User;

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// Only accounts whose address begins so, whatever the case.
    #[garde(length(max = 254))]
    #[param(max_length = 254)]
    email: Option<String>,
    /// The `nextCursor` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Accounts per page, 20 if not given.
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// One page of accounts.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserPage {
    /// Newest first.
    users: Vec<User>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// Every account, page by page. For admins.
#[utoipa::path(get, path = "/api/v1/admin/users", tag = "admin", operation_id = "listUsers",
    security(("token" = [])), params(UserQuery),
    responses(
        (status = 200, description = "One page", body = UserPage),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 403, description = "Not an admin at an allowed address", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Admin(_admin): Admin,
    Query(query): Query<UserQuery>,
) -> Result<Response, Error> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let after = query.cursor.as_deref().map(|cursor| app.cursors.open(List::Users, cursor)).transpose()?;
    let email = query.email.as_deref().map(str::to_lowercase);
    let mut users = roles::page(&app.store, email.as_deref(), after, i64::from(limit) + 1).await?;
    let has_more = cut(&mut users, limit);
    let last = users.last().filter(|_| has_more);
    let next_cursor = last.map(|user| app.cursors.seal(List::Users, (user.created_at.0, user.id)));
    out::json(StatusCode::OK, &UserPage { users, next_cursor, has_more })
}
