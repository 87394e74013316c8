//! Metrics to be scraped, in the text format of Prometheus. There are figures here and no secrets, and nothing can be
//! changed, so that whoever reaches the address may read, by whatever name a scraper calls this machine.

use std::collections::HashMap;

use axum::{Router, http::header::CONTENT_TYPE, response::Html, routing::get};
use metrics::{Counter, Key, KeyName, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tokio::net::TcpListener;

use super::{
    Tick,
    meters::{COUNTERS, Figure, GAUGES, Unit},
    tick::BOUNDS_S,
};

const REQUESTS: &str = "loadgen_requests_total";
const RESPONSE: &str = "loadgen_response_seconds";
const METADATA: Metadata<'static> = Metadata::new("loadgen", Level::INFO, None);

/// What Prometheus is told.
pub(super) struct Prometheus {
    recorder: PrometheusRecorder,
    requests: HashMap<(String, String), Counter>,
}

impl Prometheus {
    /// The figures of a run of `scenario`, and what serves them.
    pub fn new(scenario: &str, listener: TcpListener) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&BOUNDS_S)
            .expect("there are bounds")
            .add_global_label("scenario", scenario)
            .build_recorder();
        let described = |name: &str| (KeyName::from(name.to_owned()), None);
        for figure in &COUNTERS {
            let (name, unit) = described(&format!("{}_total", name_of(figure)));
            recorder.describe_counter(name, unit, figure.about.into());
        }
        for figure in &GAUGES {
            let (name, unit) = described(&name_of(figure));
            recorder.describe_gauge(name, unit, figure.about.into());
        }
        let (name, unit) = described(REQUESTS);
        recorder.describe_counter(
            name,
            unit,
            "Requests that ended, by outcome: ok, or the kind of failure.".into(),
        );
        let (name, unit) = described(RESPONSE);
        recorder.describe_histogram(
            name,
            unit,
            "Response time of successful requests, from the instant they were due to the last byte.".into(),
        );
        let handle = recorder.handle();
        let text = move || async move {
            ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
        };
        let front =
            || async { Html("<!doctype html><title>loadgen</title><a href=\"/metrics\">/metrics</a>") };
        let routes = Router::new().route("/metrics", get(text)).route("/", get(front));
        let serving = async move {
            // It serves until its runtime ends.
            let _ = axum::serve(listener, routes).await;
        };
        (Self { recorder, requests: HashMap::new() }, serving)
    }

    pub fn take(&mut self, tick: &Tick) {
        for figure in &COUNTERS {
            let key = Key::from_name(format!("{}_total", name_of(figure)));
            self.recorder.register_counter(&key, &METADATA).increment((figure.of)(&tick.row));
        }
        for figure in &GAUGES {
            if let Some(value) = (figure.of)(&tick.row) {
                let key = Key::from_name(name_of(figure));
                self.recorder.register_gauge(&key, &METADATA).set(value);
            }
        }
        for (request, values) in &tick.response_us {
            self.count(request, "ok", values.iter().map(|(_, count)| count).sum());
            let key = Key::from_parts(RESPONSE, vec![Label::new("request", request.clone())]);
            let histogram = self.recorder.register_histogram(&key, &METADATA);
            for (us, count) in values {
                histogram.record_many(*us as f64 / 1e6, *count as usize);
            }
        }
        for (request, kind, count) in &tick.failed {
            self.count(request, kind, *count);
        }
        // Puts what was recorded into its buckets, so that it need not be kept until somebody scrapes.
        self.recorder.handle().run_upkeep();
    }

    fn count(&mut self, request: &str, outcome: &str, count: u64) {
        let counter = self.requests.entry((request.to_owned(), outcome.to_owned()));
        let counter = counter.or_insert_with_key(|(request, outcome)| {
            let labels = vec![Label::new("request", request.clone()), Label::new("outcome", outcome.clone())];
            self.recorder.register_counter(&Key::from_parts(REQUESTS, labels), &METADATA)
        });
        counter.increment(count);
    }
}

/// `loadgen_sent_bytes`: words and unit, as Prometheus names metrics.
fn name_of<T>(figure: &Figure<T>) -> String {
    let unit = match figure.unit {
        Unit::Seconds => "_seconds",
        Unit::Bytes => "_bytes",
        Unit::Cores => "_cores",
        Unit::Each(_) => "",
    };
    format!("loadgen_{}{unit}", figure.name.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use record::SeriesRow;

    use super::*;

    #[tokio::test]
    async fn what_is_scraped_sums_up_what_was_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mut prometheus, serving) = Prometheus::new("a \"quoted\" name", listener);
        tokio::spawn(serving);
        let row = SeriesRow {
            offered: 10,
            bytes_out: 700,
            users: 4,
            lag_p99_us: Some(250),
            ..SeriesRow::default()
        };
        let tick = Tick {
            row,
            response_us: vec![("list".into(), vec![(900, 3), (150_000, 5)])],
            failed: vec![("list".into(), "timeout".into(), 2)],
        };
        prometheus.take(&tick);
        prometheus.take(&tick);
        let text = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
        let scenario = r#"scenario="a \"quoted\" name""#;
        for line in [
            "# TYPE loadgen_requests_total counter",
            "# TYPE loadgen_response_seconds histogram",
            "# HELP loadgen_users Active virtual users.",
            &format!("loadgen_requests_total{{{scenario},request=\"list\",outcome=\"ok\"}} 16"),
            &format!("loadgen_requests_total{{{scenario},request=\"list\",outcome=\"timeout\"}} 4"),
            &format!("loadgen_response_seconds_bucket{{{scenario},request=\"list\",le=\"0.001\"}} 6"),
            &format!("loadgen_response_seconds_bucket{{{scenario},request=\"list\",le=\"0.1\"}} 6"),
            &format!("loadgen_response_seconds_bucket{{{scenario},request=\"list\",le=\"0.2\"}} 16"),
            &format!("loadgen_response_seconds_count{{{scenario},request=\"list\"}} 16"),
            &format!("loadgen_iterations_offered_total{{{scenario}}} 20"),
            &format!("loadgen_sent_bytes_total{{{scenario}}} 1400"),
            &format!("loadgen_users{{{scenario}}} 4"),
            &format!("loadgen_start_lag_p99_seconds{{{scenario}}} 0.00025"),
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
    }
}
