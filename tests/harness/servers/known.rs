use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use serde_json::{Value, json};

/// The addresses that requests came from: one per connection.
pub type Connections = Arc<Mutex<BTreeSet<SocketAddr>>>;

/// A server of known answers.
///
/// | path                | answer                                                                          |
/// |---------------------|---------------------------------------------------------------------------------|
/// | `/json`             | about 100 bytes of JSON                                                          |
/// | `/echo`             | method, path and query, headers and body of the request                          |
/// | `/slow/{ms}`        | after so many milliseconds                                                       |
/// | `/status/{code}`    | with that status                                                                 |
/// | `/redirect/{n}`     | 302 to `/redirect/{n-1}`, in the end to `/json`                                  |
/// | `/elsewhere`        | 302 to an address reserved for documentation, where nobody lives                 |
/// | `/cookie/set`       | sets `flavour=oat`                                                               |
/// | `/cookie/need`      | 200 with that cookie, 401 without                                                |
/// | `/gzip`             | gzip of `{"squeezed":true}`, to those who accept it; 406 to others               |
/// | `/closing`          | `connection: close` after each answer                                            |
pub fn known(connections: &Connections) -> Router {
    Router::new()
        .route("/json", get(small_json))
        .route("/echo", any(echo))
        .route("/slow/{ms}", get(slow))
        .route("/status/{code}", any(status))
        .route("/redirect/{n}", get(redirect))
        .route("/elsewhere", get(|| async { found("http://192.0.2.1/".to_owned()) }))
        .route("/cookie/set", get(|| async { ([(header::SET_COOKIE, "flavour=oat; Path=/cookie")], "set") }))
        .route("/cookie/need", get(need_cookie))
        .route("/gzip", get(gzip))
        .route("/closing", get(|| async { ([(header::CONNECTION, "close")], "bye") }))
        .layer(middleware::from_fn_with_state(Arc::clone(connections), note_connection))
}

/// How many connections requests came over so far.
pub fn seen_connections(connections: &Connections) -> usize {
    connections.lock().unwrap_or_else(PoisonError::into_inner).len()
}

async fn note_connection(
    State(connections): State<Connections>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    connections.lock().unwrap_or_else(PoisonError::into_inner).insert(from);
    next.run(request).await
}

async fn small_json() -> impl IntoResponse {
    let body =
        r#"{"id":"0190b7a0-0000-7000-8000-000000000001","title":"a task","status":"open","tags":["a","b"]}"#;
    ([(header::CONTENT_TYPE, "application/json")], body)
}

async fn echo(request: Request) -> Result<Json<Value>, StatusCode> {
    let (head, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let headers: serde_json::Map<String, Value> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    Ok(Json(json!({
        "method": head.method.as_str(),
        "uri": head.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    })))
}

async fn slow(Path(ms): Path<u64>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "done"
}

async fn status(Path(code): Path<u16>) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST)
}

async fn redirect(Path(hops): Path<u32>) -> impl IntoResponse {
    found(if hops > 1 { format!("/redirect/{}", hops - 1) } else { "/json".to_owned() })
}

fn found(location: String) -> impl IntoResponse {
    (StatusCode::FOUND, [(header::LOCATION, location)])
}

async fn need_cookie(headers: HeaderMap) -> StatusCode {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let carried = cookies.flat_map(|value| value.split("; ")).any(|pair| pair == "flavour=oat");
    if carried { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}

/// `{"squeezed":true}` as gzip 1.12 writes it (`printf '{"squeezed":true}' | gzip -n`).
const SQUEEZED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x2a\x2e\x2c\x4d\x4d\xad\x4a\x4d\x51\xb2\x2a\x29\x2a\x4d\xad\x05\x00\x9c\x1c\x3b\x29\x11\x00\x00\x00";

async fn gzip(headers: HeaderMap) -> Response {
    let accepted =
        headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accepted.contains("gzip") {
        return StatusCode::NOT_ACCEPTABLE.into_response();
    }
    let mut answer = SQUEEZED.into_response();
    answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
