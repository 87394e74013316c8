use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{Window, window};
use crate::app::App;
use crate::auth::Admin;
use crate::error::Error;
use crate::input::Query;
use crate::out;
use crate::store::analytics::{self, Funnel};

/// Users from a look to a purchase.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunnelReport {
    /// Days looked at, today among them.
    days: u32,
    /// Distinct users at each step.
    users: Funnel,
}

/// How many users came from looking at a product over marking a favourite to buying. Seconds behind.
#[utoipa::path(get, path = "/api/v1/admin/analytics/funnel", tag = "admin", operation_id = "funnel",
    security(("token" = [])), params(Window),
    responses(
        (status = 200, description = "The funnel", body = FunnelReport),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 403, description = "Not an admin at an allowed address", body = crate::error::Problem),
        (status = 422, description = "Parameters are not acceptable", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Admin(_me): Admin,
    Query(query): Query<Window>,
) -> Result<Response, Error> {
    let (days, first) = window(query.days);
    let users = analytics::funnel(&app.store, first).await?;
    out::json(StatusCode::OK, &FunnelReport { days, users })
}
