use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

/// A site that lets in only who does as a browser does: a session cookie that changes at the sign-in, form tokens that
/// are good once and only in the session they were given to, ids that nobody can guess and nobody else may use.
///
/// | path                  | what                                                                         |
/// |-----------------------|------------------------------------------------------------------------------|
/// | `/login`              | the form, with a hidden token; POST leads to `/tasks`                         |
/// | `/tasks`              | a form with another token; its script asks for `/api/me` and `/api/tasks`     |
/// | `/tasks` (POST)       | a new task; leads to its page                                                 |
/// | `/tasks/{id}`         | a page with a token for scripts in a `meta`                                   |
/// | `/api/tasks/{id}/done`| POST with that token in a header                                              |
#[derive(Debug, Clone, Default)]
pub struct Site(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    made: u64,
    sessions: BTreeMap<String, Session>,
    /// Owner by id.
    tasks: BTreeMap<String, String>,
    seen: Vec<String>,
}

#[derive(Debug, Default)]
struct Session {
    tokens: HashSet<String>,
    user: Option<String>,
}

/// Who may sign in: names and passwords.
pub const USERS: [(&str, &str); 2] =
    [("ann@example.org", "correct horse"), ("ben@example.org", "battery & staple")];

impl Site {
    /// Its pages.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/login", get(sign_in_page).post(sign_in))
            .route("/tasks", get(tasks_page).post(add_task))
            .route("/tasks/{id}", get(task_page))
            .route("/api/me", get(me))
            .route("/api/tasks", get(list))
            .route("/api/tasks/{id}/done", post(done))
            .route(
                "/site.css",
                get(|| async { ([(header::CONTENT_TYPE, "text/css")], "body { margin: 2em }") }),
            )
            .with_state(self.clone())
    }

    /// What was done and by whom, such as `ann@example.org signed in`.
    pub fn seen(&self) -> Vec<String> {
        self.with(|inside| inside.seen.clone())
    }

    /// Forgets what was seen.
    pub fn forget(&self) {
        self.with(|inside| inside.seen.clear());
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inside) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inside {
    /// A word that was never used before and does not show how it came about (splitmix64).
    fn word(&mut self) -> String {
        self.made += 1;
        let mut z = self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        format!("{:016x}", z ^ (z >> 31))
    }

    fn token(&mut self, session: &str) -> String {
        let token = self.word();
        self.sessions.entry(session.to_owned()).or_default().tokens.insert(token.clone());
        token
    }

    /// Whether the token was given to this session and not yet used; now it is.
    fn spend(&mut self, session: &str, token: &str) -> bool {
        self.sessions.get_mut(session).is_some_and(|session| session.tokens.remove(token))
    }

    fn user(&self, session: &str) -> Option<String> {
        self.sessions.get(session)?.user.clone()
    }

    fn saw(&mut self, user: &str, what: &str) {
        self.seen.push(format!("{user} {what}"));
    }
}

fn session_of(headers: &HeaderMap) -> String {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split("; ")).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == "sid").map(|(_, value)| value.to_owned()).unwrap_or_default()
}

fn with_session(session: &str, answer: impl IntoResponse) -> Response {
    let mut answer = answer.into_response();
    if let Ok(cookie) = HeaderValue::try_from(format!("sid={session}; Path=/; HttpOnly")) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

fn page(title: &str, head: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html><head><title>{title}</title><link rel=stylesheet href=/site.css>\
         <link rel=icon href=data:,>{head}</head><body>{body}</body></html>"
    ))
}

/// The fields of a form, which are encoded as the query of a URL is.
fn fields(body: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://localhost/?{body}"));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

async fn sign_in_page(State(site): State<Site>) -> Response {
    let (session, token) = site.with(|inside| {
        let session = inside.word();
        let token = inside.token(&session);
        (session, token)
    });
    let form = format!(
        "<form method=post><input type=hidden value=\"{token}\" name=csrf_token><input name=email>\
         <input name=password type=password><button id=go>Sign in</button></form>"
    );
    with_session(&session, page("Sign in", "", &form))
}

async fn sign_in(State(site): State<Site>, headers: HeaderMap, body: String) -> Response {
    let form = fields(&body);
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let before = session_of(&headers);
    let known = USERS.contains(&(field("email"), field("password")));
    let session = site.with(|inside| {
        let right = inside.spend(&before, field("csrf_token"));
        inside.sessions.remove(&before);
        if !right || !known {
            return None;
        }
        let session = inside.word();
        inside.sessions.entry(session.clone()).or_default().user = Some(field("email").to_owned());
        inside.saw(field("email"), "signed in");
        Some(session)
    });
    match session {
        Some(session) => with_session(&session, Redirect::to("/tasks")),
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

async fn tasks_page(State(site): State<Site>, headers: HeaderMap) -> Response {
    let session = session_of(&headers);
    let token = site.with(|inside| inside.user(&session).map(|_| inside.token(&session)));
    let Some(token) = token else { return Redirect::to("/login").into_response() };
    let body = format!(
        "<form method=post><input type=hidden name=csrf_token value=\"{token}\"><input name=title>\
         <button id=add>Add</button></form><script>Promise.all(['/api/me', '/api/tasks'].map(url => fetch(url)))\
         .then(() => {{ window.ready = true }})</script>"
    );
    page("Tasks", "", &body).into_response()
}

async fn add_task(State(site): State<Site>, headers: HeaderMap, body: String) -> Response {
    let (session, form) = (session_of(&headers), fields(&body));
    let id = site.with(|inside| {
        let user = inside.user(&session)?;
        let token = form.get("csrf_token")?;
        if !inside.spend(&session, token) || form.get("title").is_none_or(String::is_empty) {
            return None;
        }
        let id = inside.word();
        inside.tasks.insert(id.clone(), user.clone());
        inside.saw(&user, "added a task");
        Some(id)
    });
    id.map_or_else(
        || StatusCode::FORBIDDEN.into_response(),
        |id| Redirect::to(&format!("/tasks/{id}")).into_response(),
    )
}

async fn task_page(State(site): State<Site>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let session = session_of(&headers);
    let token = site.with(|inside| {
        let user = inside.user(&session)?;
        (inside.tasks.get(&id) == Some(&user)).then(|| {
            inside.saw(&user, "looked at a task");
            inside.token(&session)
        })
    });
    let Some(token) = token else { return StatusCode::NOT_FOUND.into_response() };
    let script = format!(
        "<button id=done onclick=\"fetch('/api/tasks/{id}/done', {{ method: 'POST', headers: {{ 'x-csrf-token': \
         document.querySelector('meta[name=csrf-token]').content }} }}).then(() => {{ window.ready = true }})\">Done</button>"
    );
    page("A task", &format!("<meta name=\"csrf-token\" content=\"{token}\">"), &script).into_response()
}

async fn me(State(site): State<Site>, headers: HeaderMap) -> Response {
    let user = site.with(|inside| inside.user(&session_of(&headers)));
    user.map_or_else(
        || StatusCode::UNAUTHORIZED.into_response(),
        |user| Json(json!({ "email": user })).into_response(),
    )
}

async fn list(State(site): State<Site>, headers: HeaderMap) -> Response {
    let items = site.with(|inside| {
        let user = inside.user(&session_of(&headers))?;
        let own = inside.tasks.iter().filter(|(_, owner)| **owner == user);
        Some(own.map(|(id, _)| json!({ "id": id })).collect::<Vec<Value>>())
    });
    items.map_or_else(
        || StatusCode::UNAUTHORIZED.into_response(),
        |items| Json(json!({ "items": items })).into_response(),
    )
}

async fn done(State(site): State<Site>, headers: HeaderMap, Path(id): Path<String>) -> StatusCode {
    let session = session_of(&headers);
    let token = headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
    site.with(|inside| {
        let Some(user) = inside.user(&session) else { return StatusCode::UNAUTHORIZED };
        if !inside.spend(&session, token) {
            return StatusCode::FORBIDDEN;
        }
        if inside.tasks.get(&id) != Some(&user) {
            return StatusCode::NOT_FOUND;
        }
        inside.saw(&user, "finished a task");
        StatusCode::NO_CONTENT
    })
}
