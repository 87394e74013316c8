//! Traces: a span per request and per question to the store, sent to an OpenTelemetry collector (OTLP over HTTP in
//! protobuf). Without a collector a span is a look at a flag.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData};
use tokio::runtime::Handle;
use tracing::field::Empty;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::TelemetryConfig;

/// What marks the spans that are sent.
pub const TARGET: &str = "trace";
/// How long a collector may take for a batch, and all of it at the end.
const PATIENCE: Duration = Duration::from_secs(3);

/// What sends spans.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// As configured; `None` without a collector.
    ///
    /// # Errors
    /// When the client or the exporter cannot be made.
    pub fn start(config: &TelemetryConfig, runtime: &Handle) -> anyhow::Result<Option<Self>> {
        if config.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let endpoint = endpoint(&config.otlp_endpoint);
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(endpoint)
            .with_timeout(PATIENCE)
            .build()?;
        let resource = Resource::builder()
            .with_service_name("headroom-service")
            .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let share = Sampler::TraceIdRatioBased(config.trace_share);
        let pushed = Pushed { exporter, runtime: runtime.clone(), warned: Arc::default() };
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_batch_exporter(pushed)
            .build();
        Ok(Some(Self(provider)))
    }

    /// What makes spans of ours into spans of OpenTelemetry.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("service"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
    }

    /// Sends what is left.
    pub fn close(self) {
        // That a collector is away has been said.
        let _ = self.0.shutdown_with_timeout(PATIENCE);
    }
}

/// Where spans go: the path that collectors know, unless another is given.
fn endpoint(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/');
    if after_scheme.contains('/') {
        url.to_owned()
    } else {
        format!("{}/v1/traces", url.trim_end_matches('/'))
    }
}

/// Sends from the SDK's own thread over a client that needs a runtime's clock and sockets.
#[derive(Debug)]
struct Pushed {
    exporter: SpanExporter,
    runtime: Handle,
    warned: Arc<AtomicBool>,
}

impl opentelemetry_sdk::trace::SpanExporter for Pushed {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut push = pin!(self.exporter.export(batch));
        let pushed = poll_fn(|cx| {
            let _inside = self.runtime.enter();
            push.as_mut().poll(cx)
        })
        .await;
        match &pushed {
            Ok(()) => self.warned.store(false, Ordering::Relaxed),
            Err(error) if !self.warned.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "traces do not reach the collector; each batch is tried once");
            }
            Err(_) => {}
        }
        pushed
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The span of one request to the route template `route`, a part of the caller's trace if it names one
/// (`traceparent`). None where nobody collects.
pub fn request(method: &Method, route: &str, path: &str, headers: &HeaderMap, id: &HeaderValue) -> Span {
    if !tracing::enabled!(target: TARGET, tracing::Level::DEBUG) {
        return Span::none();
    }
    let span = tracing::debug_span!(
        target: TARGET,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = route,
        url.path = path,
        http.request.id = id.to_str().unwrap_or(""),
        http.response.status_code = Empty,
        enduser.id = Empty,
    );
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    // It fails only for a span that nobody collects.
    let _ = span.set_parent(parent);
    span
}

/// Notes how the request of `span` ended.
pub fn answered(span: &Span, status: u16, user: Option<uuid::Uuid>) {
    if span.is_none() {
        return;
    }
    span.record("http.response.status_code", status);
    if let Some(user) = user {
        span.record("enduser.id", tracing::field::display(user));
    }
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// The span of one question to the store. None where nobody collects.
pub fn question(operation: &'static str, collection: &'static str) -> Span {
    if !tracing::enabled!(target: TARGET, tracing::Level::DEBUG) {
        return Span::none();
    }
    tracing::debug_span!(
        target: TARGET,
        "question",
        otel.name = format!("{operation} {collection}"),
        otel.kind = "client",
        db.operation.name = operation,
        db.collection.name = collection,
    )
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_to_the_path_that_collectors_know_unless_another_is_given() {
        for (given, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://collector.example/otlp/v1/traces", "https://collector.example/otlp/v1/traces"),
        ] {
            assert_eq!(endpoint(given), expected);
        }
    }

    #[test]
    fn where_nobody_collects_there_is_no_span() {
        let span =
            request(&Method::GET, "/livez", "/livez", &HeaderMap::new(), &HeaderValue::from_static("1"));
        assert!(span.is_none() && question("select", "tasks").is_none());
    }
}
