use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::clock;
use crate::out::{self, Wants};
use crate::telemetry::process;

/// Prometheus metrics.
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "metrics",
    responses((status = 200, description = "Text exposition format", body = String, content_type = "text/plain")))]
pub async fn get(State(app): State<Arc<App>>, wants: Wants) -> Response {
    let mut text = app.metrics.render();
    let (used, idle) = app.store.connections();
    let now = process::Now {
        usage: process::usage(),
        active_users: app.activity.count(clock::now_s()),
        active_requests: app.in_flight.load(Ordering::Relaxed),
        connections_used: used,
        connections_idle: idle,
    };
    process::render(&now, &mut text);
    out::text("text/plain; version=0.0.4; charset=utf-8", text, &wants)
}
