use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};

use super::window;
use crate::app::App;
use crate::auth::Admin;
use crate::error::Error;
use crate::input::Query;
use crate::out;
use crate::routes::DEFAULT_LIMIT;
use crate::store::analytics::{self, SearchTerm};

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TopQuery {
    /// Days to look back, in UTC, with today; 7 if not given.
    #[garde(range(min = 1, max = 366))]
    #[param(minimum = 1, maximum = 366)]
    days: Option<u32>,
    /// How many; 20 if not given.
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// What was searched for most.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopSearches {
    /// Days looked at, today among them.
    days: u32,
    /// Most often first.
    searches: Vec<SearchTerm>,
}

/// What was searched for most, whatever the case. Seconds behind.
#[utoipa::path(get, path = "/api/v1/admin/analytics/top-searches", tag = "admin", operation_id = "topSearches",
    security(("token" = [])), params(TopQuery),
    responses(
        (status = 200, description = "The searches", body = TopSearches),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 403, description = "Not an admin at an allowed address", body = crate::error::Problem),
        (status = 422, description = "Parameters are not acceptable", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Admin(_me): Admin,
    Query(query): Query<TopQuery>,
) -> Result<Response, Error> {
    let (days, first) = window(query.days);
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let searches = analytics::top_searches(&app.store, first, i64::from(limit)).await?;
    out::json(StatusCode::OK, &TopSearches { days, searches })
}
