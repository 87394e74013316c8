//! Prometheus metrics, with every handle made before the first request needs it.
//!
//! Each `App` has a recorder of its own, so that several can live in one test process.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::Method;
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

const HTTP_DURATION: &str = "http_server_request_duration_seconds";
const DB_DURATION: &str = "db_client_operation_duration_seconds";
const CACHE_REQUESTS: &str = "cache_requests_total";
const RATE_LIMITED: &str = "rate_limited_total";
const JOBS: &str = "jobs_total";
const OUTBOX_LAG: &str = "outbox_lag_seconds";
const QUEUE_DEPTH: &str = "queue_depth";
const JOBS_DEAD: &str = "jobs_dead";
const RATE_LIMITS_COUNTED_ALONE: &str = "rate_limits_counted_alone_total";
const REDIS_BREAKER_OPEN: &str = "redis_breaker_open";

/// Upper bounds in seconds: fine where the budgets lie (1 ms to 1 s), coarse around.
const HTTP_BUCKETS_S: [f64; 20] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5,
    1.0, 2.5, 5.0, 10.0,
];
const DB_BUCKETS_S: [f64; 21] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03,
    0.04, 0.05, 0.075, 0.1, 0.25, 1.0, 5.0,
];

/// The metrics of one `App`.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Default for Metrics {
    fn default() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(HTTP_DURATION.to_owned()), &HTTP_BUCKETS_S)
            .and_then(|b| b.set_buckets_for_metric(Matcher::Full(DB_DURATION.to_owned()), &DB_BUCKETS_S))
            .expect("the bucket lists are not empty")
            .build_recorder();
        let handle = recorder.handle();
        let describe = |name: &'static str, help: &'static str| (name.into(), help.into());
        let (name, help) = describe(HTTP_DURATION, "Time from the parsed request to the response's headers.");
        recorder.describe_histogram(name, None, help);
        let (name, help) =
            describe(DB_DURATION, "Time of a store operation, waiting for its connection included.");
        recorder.describe_histogram(name, None, help);
        let (name, help) = describe(CACHE_REQUESTS, "Cache look-ups by cache, tier and result.");
        recorder.describe_counter(name, None, help);
        let (name, help) = describe(RATE_LIMITED, "Requests refused by a rate limit.");
        recorder.describe_counter(name, None, help);
        let (name, help) =
            describe(JOBS, "Attempts at background jobs and scheduled chores by how they ended.");
        recorder.describe_counter(name, None, help);
        for (name, help) in [
            (OUTBOX_LAG, "For how long the oldest entry of the outbox has been due and not handed over."),
            (QUEUE_DEPTH, "Jobs handed to the queue that nobody has begun."),
            (JOBS_DEAD, "Jobs given up, until they are forgotten."),
        ] {
            recorder.describe_gauge(name.into(), None, help.into());
        }
        let (name, help) =
            describe(RATE_LIMITS_COUNTED_ALONE, "Requests counted by this process alone: Redis was away.");
        recorder.describe_counter(name, None, help);
        let (name, help) =
            describe(REDIS_BREAKER_OPEN, "1 while Redis is not asked because it did not answer.");
        recorder.describe_gauge(name, None, help);
        Self { recorder, handle }
    }
}

/// The module the metrics belong to; the recorder asks for it and ignores it.
const ORIGIN: Metadata<'static> = Metadata::new("service", Level::INFO, None);

impl Metrics {
    /// All metrics as Prometheus text.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Moves samples into their buckets; wanted every few seconds, or they pile up in memory until the next scrape.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// The histogram of one kind of store operation, answered by a `primary` or a `replica`.
    pub fn db_duration(
        &self,
        operation: &'static str,
        collection: &'static str,
        role: &'static str,
    ) -> Histogram {
        let labels = vec![
            label("db_operation_name", operation),
            label("db_collection_name", collection),
            label("role", role),
        ];
        self.recorder.register_histogram(&Key::from_parts(DB_DURATION, labels), &ORIGIN)
    }

    /// The counter of one outcome of one cache in one tier.
    pub fn cache_requests(&self, cache: &'static str, tier: &'static str, result: &'static str) -> Counter {
        let labels = vec![label("cache", cache), label("tier", tier), label("result", result)];
        self.recorder.register_counter(&Key::from_parts(CACHE_REQUESTS, labels), &ORIGIN)
    }

    /// The counter of refusals by one rate limit.
    pub fn rate_limited(&self, limit: &'static str) -> Counter {
        self.recorder.register_counter(&Key::from_parts(RATE_LIMITED, vec![label("limit", limit)]), &ORIGIN)
    }

    /// The counter of one ending of one kind of background job.
    pub fn jobs(&self, job: &'static str, result: &'static str) -> Counter {
        let labels = vec![label("job", job), label("result", result)];
        self.recorder.register_counter(&Key::from_parts(JOBS, labels), &ORIGIN)
    }

    /// For how long, in seconds, the oldest entry of the outbox has been due.
    pub fn outbox_lag(&self) -> Gauge {
        self.recorder.register_gauge(&Key::from_name(OUTBOX_LAG), &ORIGIN)
    }

    /// Jobs that wait in a queue of this kind.
    pub fn queue_depth(&self, queue: &'static str) -> Gauge {
        self.recorder.register_gauge(&Key::from_parts(QUEUE_DEPTH, vec![label("queue", queue)]), &ORIGIN)
    }

    /// Jobs that were given up.
    pub fn jobs_dead(&self) -> Gauge {
        self.recorder.register_gauge(&Key::from_name(JOBS_DEAD), &ORIGIN)
    }

    /// The counter of requests that a rate limit of all processes should have counted, and this one did alone.
    pub fn rate_limits_counted_alone(&self) -> Counter {
        self.recorder.register_counter(&Key::from_name(RATE_LIMITS_COUNTED_ALONE), &ORIGIN)
    }

    /// Whether the circuit breaker of Redis is open: 1 or 0.
    pub fn redis_breaker_open(&self) -> Gauge {
        self.recorder.register_gauge(&Key::from_name(REDIS_BREAKER_OPEN), &ORIGIN)
    }

    fn http_duration(&self, route: &str, method: &'static str, status: u16) -> Histogram {
        let labels = vec![
            Label::new("http_route", route.to_owned()),
            label("http_request_method", method),
            Label::new("http_response_status_code", status.to_string()),
        ];
        self.recorder.register_histogram(&Key::from_parts(HTTP_DURATION, labels), &ORIGIN)
    }
}

fn label(key: &'static str, value: &'static str) -> Label {
    Label::from_static_parts(key, value)
}

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "_OTHER"];
/// The status codes the service answers with; another would be recorded too, by the slow way.
const STATUSES: [u16; 21] =
    [200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429, 500, 503, 206, 504];

/// The duration histograms of one route, one per method and status, made when first seen and then only indexed.
pub struct RouteSeries {
    route: String,
    series: Vec<OnceLock<Histogram>>,
}

impl RouteSeries {
    /// The series of the route template `route`.
    pub fn new(route: impl Into<String>) -> Self {
        let series = (0..METHODS.len() * STATUSES.len()).map(|_| OnceLock::new()).collect();
        Self { route: route.into(), series }
    }

    /// The route template, as the metrics show it.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Records one response.
    pub fn record(&self, metrics: &Metrics, method: &Method, status: u16, elapsed: Duration) {
        let method = match *method {
            Method::GET => 0,
            Method::POST => 1,
            Method::PUT => 2,
            Method::PATCH => 3,
            Method::DELETE => 4,
            Method::HEAD => 5,
            Method::OPTIONS => 6,
            _ => 7,
        };
        let made = || metrics.http_duration(&self.route, METHODS[method], status);
        match STATUSES.iter().position(|known| *known == status) {
            Some(at) => self.series[method * STATUSES.len() + at].get_or_init(made).record(elapsed),
            None => made().record(elapsed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_response_shows_up_under_its_route_method_and_status() {
        let metrics = Metrics::default();
        let series = RouteSeries::new("/api/v1/tasks/{id}");
        series.record(&metrics, &Method::GET, 200, Duration::from_micros(700));
        series.record(&metrics, &Method::GET, 200, Duration::from_millis(700));
        series.record(&metrics, &Method::GET, 418, Duration::from_millis(1));
        let text = metrics.render();
        let labels =
            "http_route=\"/api/v1/tasks/{id}\",http_request_method=\"GET\",http_response_status_code=\"200\"";
        assert!(text.contains(&format!("{HTTP_DURATION}_bucket{{{labels},le=\"0.001\"}} 1")), "{text}");
        assert!(text.contains(&format!("{HTTP_DURATION}_count{{{labels}}} 2")), "{text}");
        assert!(text.contains("http_response_status_code=\"418\""), "{text}");
    }
}
