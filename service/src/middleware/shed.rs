//! The answer to what overload refuses: made at the connection, before routing, for as little as an answer can cost.

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use hyper::body::Incoming;

use super::headers::{self, Pages};
use super::{cors, request_id};
use crate::app::App;
use crate::error::Error;

const BUSY: Error = Error::Busy("more is asked than can be answered in time; try again");

/// The headers of every refusal, made once.
pub fn headers_of_refusals(encrypted: bool) -> HeaderMap {
    let mut headers = std::mem::take(BUSY.respond("").headers_mut());
    headers::secure(&mut headers, Pages::None, encrypted);
    headers
}

/// The refusal of `request`, if overload does not let it in. Only what the routes of the API do is ever refused: probes,
/// metrics and pages are let in.
pub fn refusal(app: &App, request: &Request<Incoming>) -> Option<Response<Body>> {
    let path = request.uri().path();
    if !path.starts_with("/api/") || app.overload.admits() {
        return None;
    }
    let mut response = BUSY.respond(path);
    let sent = response.headers_mut();
    sent.clone_from(&app.refusal);
    sent.insert(request_id::HEADER, app.request_ids.of(request.headers()));
    if let Some(origin) = cors::allowed(request, &app.config.http.cors_origins) {
        cors::permit(sent, origin);
    }
    Some(response)
}
