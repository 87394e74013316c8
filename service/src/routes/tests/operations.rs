use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::testing::{Service, header, problem};

#[tokio::test]
async fn a_draining_service_is_alive_but_not_ready() {
    let service = Service::start().await;
    assert_eq!(service.get("/readyz", None).await.status(), 200);
    service.draining.store(true, Ordering::Release);
    assert_eq!(service.get("/readyz", None).await.status(), 503);
    assert_eq!(service.get("/livez", None).await.status(), 200);
    let health = service.get("/health", None).await;
    assert_eq!(health.status(), 503);
    assert_eq!(health.json::<Value>().await.unwrap()["status"], "draining");
}

#[tokio::test]
async fn stopping_waits_for_the_request_in_progress_and_closes_idle_connections() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    let address = service.running.address;
    let mut idle = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = r#"{"title":"Slow"}"#;
    let head = format!(
        "POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        login.access,
        body.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    while service.in_flight.load(Ordering::Acquire) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let stopped = tokio::spawn(service.running.stop());
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "the idle connection just ends");
    assert!(!stopped.is_finished(), "the other request has not ended yet");
    slow.write_all(body.as_bytes()).await.unwrap();
    let mut response = String::new();
    slow.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 201"), "{response}");
    stopped.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn beyond_the_most_requests_at_once_the_next_is_shed_and_probes_are_not() {
    let service = Service::with(|config| config.http.max_in_flight = 3).await;
    service.in_flight.fetch_add(3, Ordering::AcqRel);
    let shed = service.get("/api/v2/products", None).await;
    assert_eq!(header(&shed, "retry-after"), "1");
    assert_eq!(problem(shed).await.0, 503);
    for probe in ["/livez", "/readyz", "/health", "/metrics"] {
        assert_eq!(service.get(probe, None).await.status(), 200, "{probe}");
    }
    service.in_flight.fetch_sub(3, Ordering::AcqRel);
    assert_eq!(service.get("/api/v2/products", None).await.status(), 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let service = Service::with(|config| config.http.request_timeout_ms = 50).await;
    let mut stream = tokio::net::TcpStream::connect(service.running.address).await.unwrap();
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 503"), "{response}");
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems_too() {
    let service = Service::start().await;
    assert_eq!(problem(service.get("/api/v1/nothing", None).await).await.0, 404);
    let (status, problem) = problem(service.send(Method::PUT, "/api/v1/tasks", None, None).await).await;
    assert_eq!((status, problem["instance"].as_str()), (405, Some("/api/v1/tasks")));
}

#[tokio::test]
async fn every_response_has_the_security_headers_and_a_request_id() {
    let service = Service::start().await;
    for path in ["/livez", "/api/v2/products", "/api/v1/users/me", "/nothing"] {
        let response = service.get(path, None).await;
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
        assert!(header(&response, "content-security-policy").contains("default-src 'none'"), "{path}");
        assert_eq!(header(&response, "x-request-id").len(), 16, "{path}");
    }
    let named = service.request(Method::GET, "/livez").header("x-request-id", "mine-1").send().await.unwrap();
    assert_eq!(header(&named, "x-request-id"), "mine-1");
}

#[tokio::test]
async fn only_allowed_origins_may_read_responses() {
    let service =
        Service::with(|config| config.http.cors_origins = vec!["https://app.example".to_owned()]).await;
    let ask = async |method: Method, origin: &str| {
        let request = service.request(method, "/api/v2/products").header("origin", origin);
        request.header("access-control-request-method", "GET").send().await.unwrap()
    };
    let allowed = ask(Method::GET, "https://app.example").await;
    assert_eq!(header(&allowed, "access-control-allow-origin"), "https://app.example");
    assert_eq!(ask(Method::OPTIONS, "https://app.example").await.status(), 204);
    assert_eq!(header(&ask(Method::GET, "https://evil.example").await, "access-control-allow-origin"), "");
    assert_eq!(ask(Method::OPTIONS, "https://evil.example").await.status(), 405);
}

#[tokio::test]
async fn the_metrics_have_the_names_that_dashboards_know() {
    let service = Service::start().await;
    let login = service.register("ada").await;
    service.get("/api/v1/tasks", Some(&login)).await;
    let text = service.get("/metrics", None).await.text().await.unwrap();
    for name in [
        "http_server_request_duration_seconds_bucket{http_route=\"/api/v1/tasks\",http_request_method=\"GET\",\
         http_response_status_code=\"200\",le=\"0.1\"} 1",
        "db_client_operation_duration_seconds_count{db_operation_name=\"list\",db_collection_name=\"tasks\",role=\"primary\"} 1",
        "http_server_active_requests 1",
        "db_client_connection_count{state=\"used\"} ",
        "active_users 1",
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
}

#[tokio::test]
async fn the_description_is_served() {
    let service = Service::start().await;
    let api: Value = service.get("/openapi.json", None).await.json().await.unwrap();
    assert!(api["paths"]["/api/v2/products"]["get"].is_object());
    #[cfg(feature = "docs")]
    {
        let page = service.get("/docs/", None).await;
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains("swagger-ui"));
    }
}
