use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::User;
use crate::cursor::List;
use crate::error::Error;
use crate::input::Query;
use crate::out;
use crate::routes::{DEFAULT_LIMIT, cut};
use crate::store::notifications::{self, Notification};

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NotificationQuery {
    /// Only those that were not read.
    #[garde(skip)]
    #[serde(default)]
    unread: bool,
    /// The `nextCursor` of the page before.
    #[garde(length(max = 100))]
    cursor: Option<String>,
    /// Notifications per page, 20 if not given.
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// One page of notifications.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationPage {
    /// Newest first.
    notifications: Vec<Notification>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// The user's notifications, page by page: reminders of tasks that are due within a day.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications", operation_id = "listNotifications",
    security(("token" = []), ("key" = [])), params(NotificationQuery),
    responses(
        (status = 200, description = "One page", body = NotificationPage),
        (status = 400, description = "The cursor is not one of this list", body = crate::error::Problem),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 422, description = "Parameters are not acceptable", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    User(me): User,
    Query(query): Query<NotificationQuery>,
) -> Result<Response, Error> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let cursor = query.cursor.as_deref();
    let after = cursor.map(|cursor| app.cursors.open(List::Notifications, cursor)).transpose()?;
    let most = i64::from(limit) + 1;
    let mut notifications = notifications::list(&app.store, me.user_id, query.unread, after, most).await?;
    let has_more = cut(&mut notifications, limit);
    let last = notifications.last().filter(|_| has_more);
    let next_cursor = last.map(|last| app.cursors.seal(List::Notifications, (last.created_at.0, last.id)));
    out::json(StatusCode::OK, &NotificationPage { notifications, next_cursor, has_more })
}
