//! What the page's address answers, and to whom.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::{self, Next},
    response::{
        Html, IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
    routing::{get, post},
};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{broadcast, watch};

use super::{
    feed::{Feed, Message},
    guard::Guard,
    shape::{self, Adjusted},
};
use crate::{
    adjust::{Dial, Wish},
    engine::Engine,
};

/// Streams at once; more browsers than this are a mistake or an attack.
const STREAMS: usize = 32;
/// Bytes that a request which steers may have.
const BODY: usize = 1_000;

/// Nothing from elsewhere, nothing inline, in no other page's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the routes share.
pub struct House {
    pub feed: Arc<Feed>,
    pub guard: Guard,
    pub dial: Option<&'static Dial>,
    pub engine: &'static Engine,
    pub closed: watch::Receiver<bool>,
}

#[derive(Clone)]
struct Shared {
    house: Arc<House>,
    streams: Arc<AtomicUsize>,
}

type Refusal = (StatusCode, Json<serde_json::Value>);

fn refuse(status: StatusCode, why: &str) -> Refusal {
    (status, Json(serde_json::json!({ "error": why })))
}

/// The page, its parts, the stream of events, and what steers the run.
pub fn routes(house: House) -> Router {
    let shared = Shared { house: Arc::new(house), streams: Arc::default() };
    let seen = Router::new()
        .route("/", get(page))
        .route("/events", get(events))
        .layer(middleware::from_fn_with_state(shared.clone(), to_be_seen));
    let steered = Router::new()
        .route("/control/load", post(load))
        .route("/control/stop", post(stop))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(shared.clone(), to_be_steered));
    // What is the same for every run holds no secret.
    let assets = Router::new()
        .route("/page.css", get(|| asset("text/css; charset=utf-8", include_str!("page/page.css"))))
        .route("/page.js", get(|| asset("text/javascript; charset=utf-8", include_str!("page/page.js"))))
        .route("/charts.js", get(|| asset("text/javascript; charset=utf-8", include_str!("page/charts.js"))))
        .route("/words.js", get(|| asset("text/javascript; charset=utf-8", include_str!("page/words.js"))))
        .route("/icon.svg", get(|| asset("image/svg+xml", include_str!("page/icon.svg"))))
        .route("/schema.json", get(|| async { Json(shape::schema()) }));
    seen.merge(steered).merge(assets).layer(middleware::map_response(harden)).with_state(shared)
}

async fn to_be_seen(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    match shared.house.guard.may_see(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => refuse(status, why).into_response(),
    }
}

async fn to_be_steered(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    match shared.house.guard.may_steer(request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => refuse(status, why).into_response(),
    }
}

async fn harden(mut response: Response) -> Response {
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind)], text)
}

async fn page(State(shared): State<Shared>) -> Html<String> {
    Html(include_str!("page/page.html").replace("{{token}}", shared.house.guard.token()))
}

/// One browser's place among the streams, given back when it leaves.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a browser has still to be told.
struct Told {
    house: Arc<House>,
    first: Option<Message>,
    events: broadcast::Receiver<Message>,
    closed: watch::Receiver<bool>,
    _place: Place,
}

async fn events(State(shared): State<Shared>) -> Response {
    let taken = shared.streams.fetch_add(1, Ordering::Relaxed);
    let place = Place(shared.streams.clone());
    if taken >= STREAMS {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many browsers watch this run").into_response();
    }
    let (first, events) = shared.house.feed.follow();
    let closed = shared.house.closed.clone();
    let told = Told { house: shared.house, first: Some(first), events, closed, _place: place };
    let stream = stream::unfold(told, |mut told| async move {
        let message = next(&mut told).await?;
        Some((Ok::<_, Infallible>(sse::Event::default().event(message.name).data(&*message.data)), told))
    });
    Sse::new(stream).keep_alive(KeepAlive::default()).into_response()
}

/// The next event; nothing once all was told and the page closes.
async fn next(told: &mut Told) -> Option<Message> {
    if let Some(first) = told.first.take() {
        return Some(first);
    }
    loop {
        match told.events.try_recv() {
            Ok(message) => return Some(message),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {
                let (all, events) = told.house.feed.follow();
                told.events = events;
                return Some(all);
            }
            Err(broadcast::error::TryRecvError::Closed) => return None,
            Err(broadcast::error::TryRecvError::Empty) => {}
        }
        tokio::select! {
            biased;
            received = told.events.recv() => match received {
                Ok(message) => return Some(message),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            },
            closed = told.closed.wait_for(|closed| *closed) => {
                drop(closed);
                // What was told before it closed comes first.
                return told.events.try_recv().ok();
            }
        }
    }
}

/// What the load is to be: one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    factor: Option<f64>,
    held: Option<f64>,
}

async fn load(
    State(shared): State<Shared>,
    wanted: Result<Json<Wanted>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Adjusted>, Refusal> {
    let wish = match wanted {
        Ok(Json(Wanted { factor: Some(factor), held: None })) => Wish::Factor(factor),
        Ok(Json(Wanted { factor: None, held: Some(held) })) => Wish::Held(held),
        _ => return Err(refuse(StatusCode::BAD_REQUEST, r#"send {"factor": 1.5} or {"held": 200}"#)),
    };
    let house = &shared.house;
    let Some(dial) = house.dial else {
        return Err(refuse(StatusCode::CONFLICT, "several processes share this load; it cannot be turned"));
    };
    let Some(start) = house.engine.start.get() else {
        return Err(refuse(StatusCode::CONFLICT, "the load has not begun yet"));
    };
    if house.engine.control.level() > crate::control::Level::Run {
        return Err(refuse(StatusCode::CONFLICT, "the run is coming to its end"));
    }
    let adjusted = dial.turn(wish, start.elapsed().as_secs_f64());
    adjusted
        .map(|adjustment| Json(super::figures::adjustment(&adjustment)))
        .map_err(|why| refuse(StatusCode::UNPROCESSABLE_ENTITY, &why))
}

async fn stop(State(shared): State<Shared>) -> Result<Json<serde_json::Value>, Refusal> {
    if shared.house.feed.has_ended() {
        return Err(refuse(StatusCode::CONFLICT, "the run has ended"));
    }
    shared.house.engine.control.interrupt();
    Ok(Json(serde_json::json!({ "stopping": true })))
}
