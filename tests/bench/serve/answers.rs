//! What the server answers, and what it counts.
//!
//! | request                                      | answer                                             |
//! |----------------------------------------------|----------------------------------------------------|
//! | `GET /json`                                  | about 100 bytes of JSON                            |
//! | `POST /login` with e-mail and password       | a token                                            |
//! | `GET /projects…` with it                     | ten projects, 2 kB, the first with the id to use   |
//! | `GET /projects/{id}`, `…/tasks` with it      | that project, its tasks                            |
//! | `POST /projects/{id}/comments` with it       | 201                                                |
//! | `GET /me` with it                            | an account                                         |
//! | `GET /count`                                 | requests answered, of them over HTTP/2, refused    |
//!
//! A wrong token, id, method or body is refused, and counted: a client that does not do the whole flow shows.

use std::{
    cell::Cell,
    convert::Infallible,
    fmt::{self, Display, Formatter},
    rc::Rc,
    sync::LazyLock,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode, Version,
    body::{Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};

const DOCUMENT: &[u8] =
    br#"{"id":"0190b7a0-0000-7000-8000-000000000001","title":"a small task","status":"open","tags":["a"]}"#;
const TOKEN: &[u8] =
    b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTkwYjdhMCJ9.c2lnbmVkLWJ5LW5vYm9keS1pbi1wYXJ0aWN1bGFy";
const ID: &str = "0190b7a0-5c1e-7a44-9d02-3f6e8b7c2a10";

/// Requests so far.
#[derive(Debug, Default)]
pub struct Counts {
    answered: Cell<u64>,
    over_http2: Cell<u64>,
    refused: Cell<u64>,
}

impl Display for Counts {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        write!(to, "{} {} {}", self.answered.get(), self.over_http2.get(), self.refused.get())
    }
}

/// Answers one request.
pub async fn answer(
    request: Request<Incoming>,
    counts: Rc<Counts>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/count" {
        return Ok(Response::new(Full::from(counts.to_string())));
    }
    let over_http2 = request.version() == Version::HTTP_2;
    let (status, body) = match request.uri().path() {
        "/json" => (StatusCode::OK, Bytes::from_static(DOCUMENT)),
        _ => flow(request).await,
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    counts.answered.update(|it| it + 1);
    counts.over_http2.update(|it| it + u64::from(over_http2));
    counts.refused.update(|it| it + u64::from(!status.is_success()));
    Ok(response)
}

async fn flow(request: Request<Incoming>) -> (StatusCode, Bytes) {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|it| it.to_bytes()).unwrap_or_default();
    let path = head.uri.path();
    if path == "/login" {
        return log_in(&head.method, &body);
    }
    if head.headers.get(AUTHORIZATION).is_none_or(|it| it.as_bytes().strip_prefix(b"Bearer ") != Some(TOKEN))
    {
        return (StatusCode::UNAUTHORIZED, Bytes::new());
    }
    let of_project = path.strip_prefix("/projects/").and_then(|it| it.strip_prefix(ID));
    match (head.method.as_str(), path, of_project) {
        ("GET", "/projects", _) => (StatusCode::OK, PROJECTS.clone()),
        ("GET", "/me", _) => (StatusCode::OK, Bytes::from_static(DOCUMENT)),
        ("GET", _, Some("")) => (StatusCode::OK, PROJECT.clone()),
        ("GET", _, Some("/tasks")) => (StatusCode::OK, TASKS.clone()),
        ("POST", _, Some("/comments")) if !body.is_empty() => {
            (StatusCode::CREATED, Bytes::from_static(DOCUMENT))
        }
        _ => (StatusCode::NOT_FOUND, Bytes::new()),
    }
}

fn log_in(method: &Method, body: &[u8]) -> (StatusCode, Bytes) {
    let said = str::from_utf8(body).unwrap_or_default();
    if method != Method::POST || !said.contains("\"email\"") || !said.contains("\"password\"") {
        return (StatusCode::UNPROCESSABLE_ENTITY, Bytes::new());
    }
    (StatusCode::OK, LOGGED_IN.clone())
}

static LOGGED_IN: LazyLock<Bytes> = LazyLock::new(|| {
    let token = String::from_utf8_lossy(TOKEN);
    format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":900}}"#).into()
});
static PROJECT: LazyLock<Bytes> = LazyLock::new(|| project(0).into());
static PROJECTS: LazyLock<Bytes> = LazyLock::new(|| {
    format!(r#"{{"projects":[{}],"page":1}}"#, (0..10).map(project).collect::<Vec<_>>().join(",")).into()
});
static TASKS: LazyLock<Bytes> = LazyLock::new(|| {
    let task = String::from_utf8_lossy(DOCUMENT);
    format!(r#"{{"tasks":[{}]}}"#, vec![task; 8].join(",")).into()
});

fn project(n: u32) -> String {
    // All ids but the first differ from it in their last digits, which no client asks for.
    let id = if n == 0 { ID.to_owned() } else { format!("{}{n:02}", &ID[..ID.len() - 2]) };
    format!(
        r#"{{"id":"{id}","title":"project {n}","about":"What a project is about, in a sentence of usual length.","status":"open","members":[1,2,3],"updated_at":"2026-11-21T10:00:00Z"}}"#
    )
}
