use std::{
    net::TcpListener,
    sync::{Mutex, OnceLock},
    time::Instant,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{Metric, metric::Data, number_data_point::Value},
};
use prost::Message as _;
use record::SeriesRow;

use super::*;
use crate::export::meters::{Meters, Outlets};

type Received = Arc<Mutex<Vec<ExportMetricsServiceRequest>>>;

/// A collector that decodes what it is sent.
fn collector() -> (Url, Received) {
    let received = Received::default();
    let kept = received.clone();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let take = |State(kept): State<Received>, body: Bytes| async move {
                kept.lock().unwrap().push(ExportMetricsServiceRequest::decode(body).unwrap());
                StatusCode::OK
            };
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, Router::new().route("/v1/metrics", post(take)).with_state(kept))
                .await
                .unwrap();
        });
    });
    (format!("http://{}/v1/metrics", told.recv().unwrap()).parse().unwrap(), received)
}

fn tick() -> Tick {
    Tick {
        row: SeriesRow { offered: 10, users: 4, ..SeriesRow::default() },
        response_us: vec![("list".into(), vec![(900, 3), (150_000, 5)])],
        failed: vec![("list".into(), "timeout".into(), 2)],
    }
}

fn start(otlp: Url, warn: fn(&str)) -> Meters {
    Meters::start(Outlets { prometheus: None, otlp: Some(otlp), scenario: "smoke".into(), warn }).unwrap()
}

#[test]
fn a_collector_receives_what_was_counted_by_the_end_at_the_latest() {
    let (url, received) = collector();
    let meters = start(url, |why| panic!("{why}"));
    meters.take(tick());
    meters.take(tick());
    meters.close();
    let received = received.lock().unwrap();
    let pushed = &received.last().expect("something was pushed").resource_metrics[0];
    let resource = format!("{:?}", pushed.resource);
    assert!(resource.contains("headroom.scenario") && resource.contains("smoke"), "{resource}");
    let find = |name: &str| -> &Metric {
        let mut all = pushed.scope_metrics.iter().flat_map(|scope| &scope.metrics);
        all.find(|metric| metric.name == name).unwrap_or_else(|| panic!("no {name}"))
    };
    let Some(Data::Sum(sum)) = &find("loadgen.requests").data else { panic!("requests are summed") };
    let mut counts: Vec<_> = sum.data_points.iter().map(|point| point.value).collect();
    counts.sort_by_key(|value| format!("{value:?}"));
    assert_eq!(counts, [Some(Value::AsInt(16)), Some(Value::AsInt(4))]);
    assert!(sum.is_monotonic);
    let Some(Data::Histogram(response)) = &find("loadgen.response").data else {
        panic!("times are a histogram")
    };
    let point = &response.data_points[0];
    assert_eq!((point.count, point.explicit_bounds.as_slice()), (16, &BOUNDS_S[..]));
    assert_eq!((point.bucket_counts[1], point.bucket_counts[8]), (6, 10));
    assert_eq!(
        (find("loadgen.response").unit.as_str(), find("loadgen.users").unit.as_str()),
        ("s", "{user}")
    );
    let Some(Data::Gauge(users)) = &find("loadgen.users").data else { panic!("users are a level") };
    assert_eq!(users.data_points[0].value, Some(Value::AsDouble(4.0)));
}

#[test]
fn a_dead_collector_costs_one_warning_and_holds_nothing_up() {
    static WARNED: OnceLock<Mutex<Vec<String>>> = OnceLock::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url: Url = format!("http://user:secret@{free}/v1/metrics?key=secret").parse().unwrap();
    let meters = start(url, |why| WARNED.get_or_init(Mutex::default).lock().unwrap().push(why.to_owned()));
    let began = Instant::now();
    (0..100).for_each(|_| meters.take(tick()));
    assert!(began.elapsed() < Duration::from_secs(1), "to tell is to leave it in a queue");
    meters.close();
    let warned = WARNED.get().unwrap().lock().unwrap();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains(&free.to_string()) && !warned[0].contains("secret"), "{warned:?}");
}
