//! Metrics pushed to an OpenTelemetry collector: OTLP over HTTP in protobuf, every few seconds and once at the end. A
//! collector that is away is tried again each time; the run does not wait for it, and one warning says so.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter, MeterProvider as _},
};
use opentelemetry_otlp::{MetricExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{
        PeriodicReader, SdkMeterProvider, Temporality, data::ResourceMetrics, exporter::PushMetricExporter,
    },
};
use tokio::runtime::Handle;
use url::Url;

use super::{
    Tick,
    meters::{COUNTERS, Figure, GAUGES, Unit},
    tick::BOUNDS_S,
};

/// From one push to the next.
const EVERY: Duration = Duration::from_secs(5);
/// How long a push may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What the collector is told.
pub(super) struct Otlp {
    provider: SdkMeterProvider,
    counters: Vec<Counter<u64>>,
    gauges: Vec<Gauge<f64>>,
    requests: Counter<u64>,
    response: Histogram<f64>,
}

impl Otlp {
    /// Metrics of a run of `scenario` to the collector at `url`, over a client that lives on the runtime of `handle`.
    ///
    /// # Errors
    /// A sentence: the URL or a setting of the environment (`OTEL_EXPORTER_OTLP_*`) is wrong.
    pub fn new(url: &Url, scenario: &str, handle: Handle, warn: fn(&str)) -> Result<Self, String> {
        // Straight to the collector that was named, and to no other that it may name.
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| format!("--otlp: {error}"))?;
        let exporter = MetricExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(url.as_str())
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| format!("--otlp {}: {error}", shown(url)))?;
        let pushed = Pushed { exporter, handle, warned: Arc::default(), to: shown(url), warn };
        let resource = Resource::builder()
            .with_attribute(KeyValue::new("headroom.scenario", scenario.to_owned()))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        // A name that the environment gives (OTEL_SERVICE_NAME) stands.
        let named = std::env::var_os("OTEL_SERVICE_NAME").is_some();
        let resource = if named { resource } else { resource.with_service_name("loadgen") };
        let provider = SdkMeterProvider::builder()
            .with_resource(resource.build())
            .with_reader(PeriodicReader::builder(pushed).with_interval(EVERY).build())
            .build();
        let meter = provider.meter("loadgen");
        Ok(Self {
            counters: COUNTERS.iter().map(|figure| counter(&meter, figure)).collect(),
            gauges: GAUGES.iter().map(|figure| gauge(&meter, figure)).collect(),
            requests: meter
                .u64_counter("loadgen.requests")
                .with_unit("{request}")
                .with_description("Requests that ended, by outcome: ok, or the kind of failure.")
                .build(),
            response: meter
                .f64_histogram("loadgen.response")
                .with_unit("s")
                .with_boundaries(BOUNDS_S.to_vec())
                .with_description("Response time of successful requests, due to last byte.")
                .build(),
            provider,
        })
    }

    pub fn take(&mut self, tick: &Tick) {
        for (counter, figure) in self.counters.iter().zip(&COUNTERS) {
            counter.add((figure.of)(&tick.row), &[]);
        }
        for (gauge, figure) in self.gauges.iter().zip(&GAUGES) {
            if let Some(value) = (figure.of)(&tick.row) {
                gauge.record(value, &[]);
            }
        }
        for (request, values) in &tick.response_us {
            let labels = [KeyValue::new("request", request.clone())];
            for (us, count) in values {
                (0..*count).for_each(|_| self.response.record(*us as f64 / 1e6, &labels));
            }
            self.count(request, "ok", values.iter().map(|(_, count)| count).sum());
        }
        for (request, kind, count) in &tick.failed {
            self.count(request, kind, *count);
        }
    }

    fn count(&self, request: &str, outcome: &str, count: u64) {
        let labels =
            [KeyValue::new("request", request.to_owned()), KeyValue::new("outcome", outcome.to_owned())];
        self.requests.add(count, &labels);
    }

    /// Pushes the last figures, for `within` at most.
    pub fn close(self, within: Duration) {
        // That a collector is away has been said.
        let _ = self.provider.shutdown_with_timeout(within);
    }
}

fn counter(meter: &Meter, figure: &Figure<u64>) -> Counter<u64> {
    let name = format!("loadgen.{}", figure.name);
    meter.u64_counter(name).with_unit(unit(figure.unit)).with_description(figure.about).build()
}

fn gauge(meter: &Meter, figure: &Figure<Option<f64>>) -> Gauge<f64> {
    let name = format!("loadgen.{}", figure.name);
    meter.f64_gauge(name).with_unit(unit(figure.unit)).with_description(figure.about).build()
}

/// The unit as UCUM has it, things in braces.
fn unit(unit: Unit) -> String {
    match unit {
        Unit::Seconds => "s".to_owned(),
        Unit::Bytes => "By".to_owned(),
        Unit::Cores => "{core}".to_owned(),
        Unit::Each(thing) => format!("{{{thing}}}"),
    }
}

/// The URL without what may be secret in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

/// Pushes from the SDK's own thread over a client that needs a runtime's clock and sockets.
struct Pushed {
    exporter: MetricExporter,
    handle: Handle,
    warned: Arc<AtomicBool>,
    to: String,
    warn: fn(&str),
}

impl PushMetricExporter for Pushed {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut push = pin!(self.exporter.export(metrics));
        let pushed = poll_fn(|cx| {
            let _inside = self.handle.enter();
            push.as_mut().poll(cx)
        })
        .await;
        if let Err(error) = &pushed
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            (self.warn)(&format!(
                "metrics do not reach {}: {error}; the run goes on, and each push is tried again",
                self.to
            ));
        }
        pushed
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

#[cfg(test)]
#[path = "otlp/tests.rs"]
mod tests;
