use std::{path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::plan::model::{Load, Observer, PrometheusQuery, PrometheusValue, Selector, Source, Target, Wire};

fn plan(base_url: &str, observe: Vec<Observer>) -> Plan {
    Plan {
        name: "test".into(),
        about: String::new(),
        source: Source { file: PathBuf::new(), text: String::new(), sha256: String::new() },
        target: Target {
            base_url: base_url.parse().unwrap(),
            timeout: Duration::from_secs(1),
            ready: None,
            command: None,
            ca: None,
            wire: Wire::default(),
        },
        allow: vec!["metrics.example".into()],
        load: Load::Users { stages: Vec::new(), think: None, pacing: None },
        warm_up: Duration::ZERO,
        abort: None,
        data: Vec::new(),
        slots: 0,
        kept: Vec::new(),
        on_start: Vec::new(),
        flows: Vec::new(),
        requests: Vec::new(),
        observe,
        budgets: Vec::new(),
    }
}

fn observer(name: &str, url: &str, metrics: &[&str]) -> Observer {
    let values = metrics.iter().map(|metric| PrometheusValue {
        name: (*metric).into(),
        query: PrometheusQuery::Rate(Selector { name: (*metric).into(), labels: Vec::new() }),
    });
    Observer {
        name: name.into(),
        source: ObserverSource::Prometheus { url: url.into(), values: values.collect() },
    }
}

/// Serves `/metrics` with a counter of its own requests and `/page` with something else; one connection is enough for
/// a client that keeps it open.
async fn serve() -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = socket.accept().await {
            tokio::spawn(async move {
                let (mut asked, mut buffer) = (0, vec![0; 4096]);
                while let Ok(length @ 1..) = connection.read(&mut buffer).await {
                    asked += 1;
                    let body = if buffer[..length].starts_with(b"GET /base/metrics ") {
                        format!("# TYPE asked_total counter\nasked_total{{way=\"tcp\"}} {asked}\n")
                    } else {
                        "<html>Sign in</html>".to_owned()
                    };
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                    connection.write_all((head + &body).as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn an_endpoint_under_the_target_is_read_over_one_connection() {
    let base = serve().await;
    let plan = plan(
        &format!("{base}/base/"),
        vec![
            observer("service", "/metrics", &["asked_total", "misspelt_total"]),
            Observer {
                name: "cache".into(),
                source: ObserverSource::Header(http::HeaderName::from_static("x-cache")),
            },
        ],
    );
    let mut observers = Observers::new(&plan, &TlsOptions::default()).unwrap();
    let first = observers.read(0).await;
    let second = observers.read(1).await;
    let asked = |rows: &[TargetRow]| rows.iter().find(|row| row.name == "asked_total").unwrap().value;
    assert_eq!((asked(&first), asked(&second)), (1.0, 2.0));
    assert!(second.iter().any(|row| row.source == "headers" && row.component == "other" && row.value == 0.0));
    assert!(observers.failures.is_empty());
    let notes = observers.notes();
    assert_eq!(notes, ["`misspelt_total` has no data: `service` shows no series misspelt_total."]);
    let defined: Vec<_> = observers.defined().into_iter().map(|it| it.name).collect();
    let mut expected = vec!["asked_total", "misspelt_total", "cache"];
    if cfg!(target_os = "linux") {
        expected.extend(["cpu_seconds", "memory_bytes"]);
        assert!(second.iter().any(|row| row.source == "process" && row.name == "cpu_seconds"));
    }
    assert_eq!(defined, expected);
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_costs_the_others_nothing() {
    let base = serve().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plan = plan(
        &base,
        vec![
            observer("gone", &format!("http://user:secret@{closed}/metrics"), &["asked_total"]),
            observer("page", "/page", &["asked_total"]),
            observer("service", "/base/metrics", &["asked_total"]),
        ],
    );
    let mut observers = Observers::new(&plan, &TlsOptions::default()).unwrap();
    let rows = [observers.read(0).await, observers.read(1).await].concat();
    assert_eq!(rows.iter().filter(|row| row.name == "asked_total").count(), 2);
    let failures = &observers.failures;
    assert_eq!(
        failures.iter().map(|it| (&*it.source, it.count)).collect::<Vec<_>>(),
        [("gone", 2), ("page", 2)]
    );
    assert!(failures[0].last.contains("refused"), "{}", failures[0].last);
    assert!(failures[1].last.contains("text format"), "{}", failures[1].last);
    assert!(!observers.notes().concat().contains("secret"));
}

#[test]
fn only_hosts_that_were_allowed_are_asked() {
    let address_of = |url| address(&plan("http://service.example:8080/api", vec![]), url);
    assert_eq!(address_of("/metrics").unwrap().as_str(), "http://service.example:8080/api/metrics");
    for allowed in ["http://service.example:9100/m", "http://metrics.example/m", "http://127.0.0.1:9/m"] {
        assert_eq!(address_of(allowed).unwrap().as_str(), allowed);
    }
    let message = address_of("http://elsewhere.example/metrics").unwrap_err().to_string();
    assert!(message.contains("--allow elsewhere.example"), "{message}");
    assert!(
        address_of("ftp://127.0.0.1/metrics").unwrap_err().to_string().contains("neither http nor https")
    );
}
