use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{PING_LIMIT, database_answers, draining};
use crate::app::App;
use crate::error::Error;
use crate::out;
use crate::telemetry::process;

/// How the service is.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// As a whole.
    status: HealthStatus,
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

/// How the service is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// All is well.
    Ok,
    /// It serves, without something that it would rather have: from the database instead of Redis, and background work
    /// waits in the outbox instead of RabbitMQ.
    Degraded,
    /// It cannot serve: the database is away.
    Down,
    /// It is stopping.
    Draining,
}

/// How one dependency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// What the service depends on; what it is not configured to use is not listed.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependencies {
    /// Every database that is written to.
    database: Standing,
    /// Redis, or all masters of its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Standing, required = false)]
    redis: Option<Standing>,
    /// RabbitMQ.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Standing, required = false)]
    rabbitmq: Option<Standing>,
}

impl From<bool> for Standing {
    fn from(answers: bool) -> Self {
        if answers { Self::Up } else { Self::Down }
    }
}

/// How the service is, for people and dashboards.
#[utoipa::path(get, path = "/health", tag = "operations", operation_id = "health",
    responses(
        (status = 200, description = "It serves: `ok`, or `degraded`", body = Health),
        (status = 503, description = "It does not: `draining`, or `down`", body = Health)))]
pub async fn get(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let (database, rabbitmq) = tokio::join!(database_answers(&app), app.queue.broker_answers(PING_LIMIT));
    // Its connection is watched all the time: the breaker knows.
    let redis = app.redis.as_ref().map(|redis| redis.home().is_some());
    let (code, status) = match (draining(&app), database) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, HealthStatus::Draining),
        (_, false) => (StatusCode::SERVICE_UNAVAILABLE, HealthStatus::Down),
        _ if redis == Some(false) || rabbitmq == Some(false) => (StatusCode::OK, HealthStatus::Degraded),
        _ => (StatusCode::OK, HealthStatus::Ok),
    };
    let usage = process::usage();
    let health = Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: app.started.elapsed().as_secs_f64(),
        memory_bytes: usage.resident_bytes,
        cpu_s: usage.cpu_s,
        dependencies: Dependencies {
            database: database.into(),
            redis: redis.map(Into::into),
            rabbitmq: rabbitmq.map(Into::into),
        },
    };
    out::json(code, &health)
}
