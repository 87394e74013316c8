//! The one layer around every handler; see the module above for its order.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use tokio::time::Instant;
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::gcra::Decision;
use super::headers::Pages;
use super::limits::{Class, Subject, class_of};
use super::{address, cors, headers, request_id};
use crate::app::App;
use crate::auth::caller::identify;
use crate::auth::{Caller, api_keys};
use crate::config::Requests;
use crate::error::Error;
use crate::listen::Peer;
use crate::telemetry::metrics::RouteSeries;
use crate::telemetry::trace;

/// What the layer knows about the route it is around.
struct Route {
    app: Arc<App>,
    series: RouteSeries,
    /// `None` for probes and metrics: neither limited nor shed.
    class: Option<Class>,
    pages: Pages,
}

/// The layer for one route.
#[derive(Clone)]
pub struct EdgeLayer(Arc<Route>);

impl EdgeLayer {
    /// Around the route with the template `route`, limited as `class`.
    pub fn limited(app: &Arc<App>, route: impl Into<String>, class: Class) -> Self {
        Self::new(app, route, Some(class), Pages::None)
    }

    /// Around a probe: neither limited nor shed.
    pub fn exempt(app: &Arc<App>, route: impl Into<String>) -> Self {
        Self::new(app, route, None, Pages::None)
    }

    /// Around pages of ours.
    #[cfg(feature = "docs")]
    pub fn pages(app: &Arc<App>, route: impl Into<String>) -> Self {
        Self::new(app, route, Some(Class::General), Pages::Own)
    }

    fn new(app: &Arc<App>, route: impl Into<String>, class: Option<Class>, pages: Pages) -> Self {
        Self(Arc::new(Route { app: Arc::clone(app), series: RouteSeries::new(route), class, pages }))
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge { inner, route: Arc::clone(&self.0) }
    }
}

/// A handler with the layer around it.
#[derive(Clone)]
pub struct Edge<S> {
    inner: S,
    route: Arc<Route>,
}

impl<S> Service<Request> for Edge<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let next = self.inner.clone();
        // The one that was polled ready is the one to call.
        let inner = std::mem::replace(&mut self.inner, next);
        Box::pin(handle(Arc::clone(&self.route), inner, request))
    }
}

async fn handle<S>(route: Arc<Route>, inner: S, mut request: Request) -> Result<Response, Infallible>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let started = Instant::now();
    let app = &*route.app;
    let in_flight = InFlight::enter(&app.in_flight);
    let id = app.request_ids.of(request.headers());
    let method = request.method().clone();
    // A clone of a path is a count, not a copy.
    let uri = request.uri().clone();
    let origin = cors::allowed(&request, &app.config.http.cors_origins);

    let span = trace::request(&method, route.series.route(), uri.path(), request.headers(), &id);

    let mut limit = None;
    let mut user = None;
    let mut response = if route.class.is_some() && in_flight.position > app.config.http.max_in_flight {
        Error::Busy("more requests at once than this service takes; try again").into_response()
    } else if origin.is_some() && cors::is_preflight(&request) {
        cors::preflight()
    } else {
        let peer = request.extensions().get::<Peer>().copied();
        let caller = caller(app, peer, request.headers()).await;
        user = caller.identity.as_ref().ok().map(|identity| identity.user_id);
        if let Some(class) = route.class {
            limit = decide(app, class_of(class, uri.query()), &caller).await;
        }
        match limit {
            Some(Decision { admitted: false, retry_after_s, .. }) => {
                Error::RateLimited { retry_after_s }.into_response()
            }
            _ => {
                request.extensions_mut().insert(caller);
                run(app, inner, request).instrument(span.clone()).await
            }
        }
    };

    let error = response.extensions_mut().remove::<Error>();
    if let Some(error) = &error {
        response = error.respond(uri.path());
    }
    let status = response.status().as_u16();
    let sent = response.headers_mut();
    sent.insert(request_id::HEADER, id.clone());
    headers::secure(sent, route.pages, app.config.tls.enabled());
    if let Some(decision) = &limit {
        headers::rate_limit(sent, decision);
    }
    if let Some(origin) = origin {
        cors::permit(sent, origin);
    }
    let elapsed = started.elapsed();
    route.series.record(&app.metrics, &method, status, elapsed);
    trace::answered(&span, status, user);
    let wanted = match app.config.log.requests {
        Requests::On => true,
        // A probe that says no does its work.
        Requests::Errors => status >= 500 && route.class.is_some(),
        Requests::Off => false,
    };
    if wanted {
        log(&route, &id, &method, uri.path(), status, elapsed, user, error.as_ref());
    }
    Ok(response)
}

/// Runs the handler under the time limit; a panic is an error like another.
async fn run<S>(app: &App, mut inner: S, request: Request) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let time_limit = Duration::from_millis(app.config.http.request_timeout_ms);
    let response = AssertUnwindSafe(inner.call(request)).catch_unwind();
    match tokio::time::timeout(time_limit, response).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Err(panic)) => {
            let said = panic.downcast_ref::<&str>().copied();
            let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("");
            Error::internal(anyhow::anyhow!("the handler panicked: {said}")).into_response()
        }
        Err(_elapsed) => Error::Busy("the request took too long").into_response(),
    }
}

async fn caller(app: &App, peer: Option<Peer>, headers: &HeaderMap) -> Caller {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    let address = address::client(peer, headers, &app.config.http.trusted_proxies);
    match headers.get(api_keys::HEADER) {
        // Of the two the token wins, whether it is good or not.
        Some(key) if !headers.contains_key(header::AUTHORIZATION) => {
            Caller { address, identity: app.api_keys.identify(app, key).await, by_key: true }
        }
        _ => Caller { address, identity: identify(app, headers), by_key: false },
    }
}

async fn decide(app: &App, class: Class, caller: &Caller) -> Option<Decision> {
    let subject = match (&caller.identity, class) {
        (Ok(identity), Class::Search | Class::Listing | Class::Favorites) => Subject::User(identity.user_id),
        _ => Subject::Address(caller.address),
    };
    app.limits.decide(class, subject).await
}

#[allow(clippy::too_many_arguments, reason = "they are the fields of one log line")]
fn log(
    route: &Route,
    id: &HeaderValue,
    method: &Method,
    path: &str,
    status: u16,
    elapsed: Duration,
    user: Option<uuid::Uuid>,
    error: Option<&Error>,
) {
    let id = id.to_str().unwrap_or("");
    let latency_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    let user = user.map(tracing::field::display);
    let http_route = route.series.route();
    match error {
        Some(Error::Internal(cause)) => {
            tracing::error!(id, %method, http_route, path, status, latency_us, user, cause = format!("{cause:#}"), "request");
        }
        _ => tracing::info!(id, %method, http_route, path, status, latency_us, user, "request"),
    }
}

/// Counts a request for as long as it lives, also when its client hangs up.
struct InFlight<'a> {
    count: &'a AtomicUsize,
    position: usize,
}

impl<'a> InFlight<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        let position = count.fetch_add(1, Ordering::Relaxed) + 1;
        Self { count, position }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
