use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::{database_answers, draining};
use crate::app::App;

/// Whether new requests should be sent here. Without Redis or RabbitMQ they are answered all the same.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "readyz",
    responses(
        (status = 200, description = "They should", body = String, content_type = "text/plain"),
        (status = 503, description = "It is stopping, or the database is down", body = String,
            content_type = "text/plain")))]
pub async fn get(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if draining(&app) {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if !database_answers(&app).await {
        (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
    } else {
        (StatusCode::OK, "ok")
    }
}
