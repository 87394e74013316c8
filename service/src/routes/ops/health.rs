use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{database_answers, draining};
use crate::app::App;
use crate::error::Error;
use crate::out;
use crate::telemetry::process;

/// How the service is.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`, `draining` or `degraded`.
    status: &'static str,
    /// The service's version.
    version: &'static str,
    /// Time since the start, in seconds.
    uptime_s: f64,
    /// Memory in RAM, in bytes.
    memory_bytes: u64,
    /// Cpu time spent, in seconds.
    cpu_s: f64,
    /// What it depends on.
    dependencies: Dependencies,
}

/// What the service depends on; each is `up` or `down`.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependencies {
    /// The store.
    database: &'static str,
}

/// How the service is, for people and dashboards.
#[utoipa::path(get, path = "/health", tag = "operations", operation_id = "health",
    responses(
        (status = 200, description = "All is well", body = Health),
        (status = 503, description = "It is stopping, or a dependency is down", body = Health)))]
pub async fn get(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let up = database_answers(&app).await;
    let (code, status) = match (draining(&app), up) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (_, false) => (StatusCode::SERVICE_UNAVAILABLE, "degraded"),
        _ => (StatusCode::OK, "ok"),
    };
    let usage = process::usage();
    let health = Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: app.started.elapsed().as_secs_f64(),
        memory_bytes: usage.resident_bytes,
        cpu_s: usage.cpu_s,
        dependencies: Dependencies { database: if up { "up" } else { "down" } },
    };
    out::json(code, &health)
}
