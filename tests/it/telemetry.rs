//! What a service sends and says about its requests, as those who receive it see it.

use std::{
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};
use axum::{Router, body::Bytes, extract::Path, routing::post};
use harness::{process::run, servers::Server, service::Site};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Any, trace::v1::Span,
};
use prost::Message as _;
use reqwest::{Client, StatusCode};
use serde_json::Value;

type Kept<T> = Arc<Mutex<Vec<T>>>;

fn kept<T: Clone>(all: &Kept<T>) -> Vec<T> {
    all.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A collector that decodes what it is sent.
fn collector() -> Result<(Server, Kept<Span>)> {
    let spans: Kept<Span> = Arc::default();
    let into = Arc::clone(&spans);
    let take = move |body: Bytes| {
        let into = Arc::clone(&into);
        async move {
            let Ok(request) = ExportTraceServiceRequest::decode(body) else {
                return StatusCode::BAD_REQUEST;
            };
            let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            let mut into = into.lock().unwrap_or_else(PoisonError::into_inner);
            into.extend(scopes.flat_map(|scope| scope.spans));
            StatusCode::OK
        }
    };
    Ok((Server::start(Router::new().route("/v1/traces", post(take)))?, spans))
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

fn token_of(accounts: &std::path::Path) -> Result<String> {
    let text = std::fs::read_to_string(accounts)?;
    let account = text.lines().nth(1).context("an account")?;
    Ok(account.split(',').nth(2).context("a token")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_of_the_callers_trace_and_its_question_to_the_store_one_below() -> Result<()> {
    let (collector, spans) = collector()?;
    let site = Site::new()?.with("SERVICE_TELEMETRY_OTLP_ENDPOINT", &collector.url());
    let token = token_of(&site.seed(2, 3, 5)?)?;
    let service = site.start()?;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let answer = Client::new()
        .get(format!("{}/api/v1/tasks", service.url))
        .bearer_auth(&token)
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .send()
        .await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let ended = tokio::task::spawn_blocking(move || service.stop()).await??;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let spans = kept(&spans);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let named = |name: &str| {
        let found = spans.iter().find(|span| span.name == name && hex(&span.trace_id) == trace);
        found.with_context(|| {
            format!("no span {name} in {:?}", spans.iter().map(|s| &s.name).collect::<Vec<_>>())
        })
    };
    let request = named("GET /api/v1/tasks")?;
    assert_eq!(hex(&request.parent_span_id), "b7ad6b7169203331");
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/api/v1/tasks"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(attribute(request, key).as_deref(), Some(value), "{key}");
    }
    assert!(attribute(request, "enduser.id").is_some());
    let question = named("list tasks")?;
    assert_eq!(question.parent_span_id, request.span_id);
    assert!(question.start_time_unix_nano >= request.start_time_unix_nano);
    assert!(question.end_time_unix_nano <= request.end_time_unix_nano);
    ensure!(!format!("{spans:?}").contains(&token), "a secret is in the trace");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_one_warning_and_no_request() -> Result<()> {
    let away = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let site = Site::new()?
        .with("SERVICE_TELEMETRY_OTLP_ENDPOINT", &format!("http://{away}"))
        .with("SERVICE_TELEMETRY_SENTRY_DSN", &format!("http://public@{away}/7"));
    let service = site.start()?;
    for _ in 0..50 {
        let answer = Client::new().get(format!("{}/api/v2/products", service.url)).send().await?;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let ended = tokio::task::spawn_blocking(move || service.stop()).await??;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.matches("traces do not reach").count() <= 1, "{}", ended.stderr);
    Ok(())
}

/// What a Sentry project receives: for each event, the envelope's payload.
fn project() -> Result<(Server, Kept<Value>)> {
    let events: Kept<Value> = Arc::default();
    let into = Arc::clone(&events);
    let take = move |Path(project): Path<String>, body: Bytes| {
        let into = Arc::clone(&into);
        async move {
            if project != "7" {
                return StatusCode::NOT_FOUND;
            }
            // An envelope is lines of JSON: its header, then a header and a payload for each item.
            let mut lines = body.split(|byte| *byte == b'\n').skip(1);
            while let (Some(header), Some(payload)) = (lines.next(), lines.next()) {
                let read = |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap_or_default();
                if read(header)["type"] == "event" {
                    into.lock().unwrap_or_else(PoisonError::into_inner).push(read(payload));
                }
            }
            StatusCode::OK
        }
    };
    Ok((Server::start(Router::new().route("/api/{project}/envelope/", post(take)))?, events))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_told_to_the_sentry_project_with_its_cause_and_to_the_client_without() -> Result<()> {
    let (project, events) = project()?;
    let dsn = project.url().replace("http://", "http://public-key@") + "/7";
    let site = Site::new()?.with("SERVICE_TELEMETRY_SENTRY_DSN", &dsn).with("SERVICE_LOG_FORMAT", "json");
    let token = token_of(&site.seed(2, 3, 5)?)?;
    let service = site.start()?;
    let spoil = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('DROP TABLE tasks')";
    let ended = run(Command::new("python3").args(["-c", spoil]).arg(site.folder().join("service.db")))?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let request = Client::new().get(format!("{}/api/v1/tasks", service.url)).bearer_auth(&token);
    let answer = request.header("x-request-id", "a-fault").send().await?;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!answer.text().await?.contains("tasks:"), "the cause stays here");
    let ended = tokio::task::spawn_blocking(move || service.stop()).await??;

    let events = kept(&events);
    assert_eq!(events.len(), 1, "{events:?}");
    let event = &events[0];
    // `error` is what an event without a level is.
    assert!(event.get("level").is_none_or(|level| level == "error"), "{event}");
    let cause = event["exception"]["values"][0]["value"].as_str().context("a cause")?;
    assert!(cause.contains("no such table: tasks"), "{cause}");
    assert_eq!(event["tags"]["request_id"], "a-fault");
    assert_eq!(event["tags"]["http_route"], "/api/v1/tasks");
    assert!(
        event["user"]["id"].is_string()
            && event["release"].as_str().is_some_and(|it| it.contains("service@"))
    );
    ensure!(!event.to_string().contains(&token), "a secret is in the event");
    assert!(ended.stderr.contains("no such table"), "the log has it too: {}", ended.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_one_line_of_json_for_who_wants_it() -> Result<()> {
    let site = Site::new()?.with("SERVICE_LOG_FORMAT", "json").with("SERVICE_LOG_REQUESTS", "on");
    let token = token_of(&site.seed(2, 3, 5)?)?;
    let service = site.start()?;
    let client = Client::new();
    for (path, id) in
        [("/api/v1/tasks?limit=5", "first"), ("/api/v1/tasks/nonsense", "second"), ("/livez", "third")]
    {
        let request = client.get(format!("{}{path}", service.url)).bearer_auth(&token);
        request.header("x-request-id", id).send().await?;
    }
    let login =
        serde_json::json!({ "email": "user000001@seed.headroom.example", "password": "a wrong password" });
    client.post(format!("{}/api/v1/auth/login", service.url)).json(&login).send().await?;
    let ended = tokio::task::spawn_blocking(move || service.stop()).await??;
    let lines: Vec<Value> = ended.stderr.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of = |id: &str| lines.iter().filter(|line| line["id"] == id).collect::<Vec<_>>();
    for (id, route, status) in
        [("first", "/api/v1/tasks", 200), ("second", "/api/v1/tasks/{id}", 404), ("third", "/livez", 200)]
    {
        let [line] = of(id)[..] else { anyhow::bail!("{id}: not one line in {}", ended.stderr) };
        assert_eq!((&line["http_route"], &line["status"]), (&route.into(), &status.into()), "{line}");
        assert!(line["latency_us"].as_u64().is_some() && line["timestamp"].is_string(), "{line}");
        assert!(line["user"].is_string() && line["method"] == "GET", "{line}");
    }
    for secret in [token.as_str(), "a wrong password"] {
        ensure!(!ended.stderr.contains(secret), "a secret is in the log");
    }
    Ok(())
}
