//! The way of one request: over the user's connections, through redirects, with its cookies.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use cookie_store::CookieStore;
use http::{
    HeaderValue, Method, StatusCode, Uri,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE,
    },
};
use url::Url;

use super::{
    client::Client,
    send::{Outgoing, Place},
    user::Went,
};
use crate::{
    control::Listener,
    engine::Engine,
    plan::model::Request,
    transport::{Connection, Deadline, Exchange, Failure, Gate, Origin, Patience, decode},
};

/// Redirects that are followed before a request fails.
const REDIRECTS: usize = 10;

/// What a request cost on the way, over all its connections and redirects.
pub struct Spent {
    pub begun: Instant,
    pub sent: Option<Instant>,
    pub first_byte: Option<Instant>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    pub gave_up: Option<Instant>,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

impl Spent {
    pub const fn since(begun: Instant) -> Self {
        Self {
            begun,
            sent: None,
            first_byte: None,
            connect: None,
            tls: None,
            gave_up: None,
            bytes_in: 0,
            bytes_out: 0,
        }
    }
}

/// Brings one request to its answer; a user may have several under way at once.
pub struct Courier<'a> {
    pub engine: &'static Engine,
    pub client: &'a Client,
    /// The request's own timer, set.
    pub deadline: &'a mut Deadline,
    pub listener: &'a Listener,
    /// The user's gate, unless one is around all that is under way.
    pub gate: Option<&'a Gate>,
}

impl Courier<'_> {
    /// Sends `outgoing`, the rendered `request`, and tells in `spent` what that took.
    pub async fn fetch(
        &mut self,
        request: &Request,
        outgoing: &Outgoing,
        spent: &mut Spent,
    ) -> Went<Exchange> {
        let fetched = self.follow(request, outgoing, spent).await;
        if fetched.is_err() {
            spent.gave_up = Some(Instant::now());
        }
        fetched
    }

    /// Sends, and follows redirects; gives the last answer, its body unpacked if anything looks into it.
    async fn follow(&mut self, request: &Request, outgoing: &Outgoing, spent: &mut Spent) -> Went<Exchange> {
        let mut elsewhere: Option<Box<Outgoing>> = None;
        for _ in 0..=REDIRECTS {
            let outgoing = elsewhere.as_deref().unwrap_or(outgoing);
            let mut exchange = self.exchange(outgoing, request.reads_body, spent).await?;
            self.keep_cookies(&exchange, &outgoing.url);
            let next = if request.follow_redirects { self.redirected(&exchange, outgoing)? } else { None };
            let Some(next) = next else {
                if request.reads_body {
                    let body = std::mem::take(&mut exchange.body);
                    exchange.body = if exchange.head.headers.contains_key(CONTENT_ENCODING) {
                        Box::pin(decode(&exchange.head.headers, body)).await?
                    } else {
                        body
                    };
                }
                return Ok(exchange);
            };
            elsewhere = Some(Box::new(self.redirect(&exchange, outgoing, next)?));
        }
        Err(Failure::new("redirects", format!("more than {REDIRECTS} redirects")))
    }

    /// The request that goes to `next` after `exchange`.
    fn redirect(&self, exchange: &Exchange, before: &Outgoing, next: Url) -> Went<Outgoing> {
        let status = exchange.head.status;
        let url = Place::Away(Box::new(next));
        let Outgoing { mut method, mut headers, mut body, .. } = before.clone();
        // Fetch standard, §4.4: 303 always, and 301 and 302 after a POST, go on as a GET without body.
        let see_other = status == StatusCode::SEE_OTHER && method != Method::HEAD;
        if see_other
            || method == Method::POST && matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND)
        {
            method = Method::GET;
            body = Bytes::new();
            headers.remove(CONTENT_TYPE);
            headers.remove(CONTENT_LENGTH);
        }
        // What was meant for one origin is not told to another.
        if url.origin(self.engine)? != before.url.origin(self.engine)? {
            headers.remove(AUTHORIZATION);
        }
        Ok(Outgoing { method, url, headers, body })
    }

    fn redirected(&self, exchange: &Exchange, outgoing: &Outgoing) -> Went<Option<Url>> {
        if !matches!(exchange.head.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = exchange.head.headers.get(LOCATION) else { return Ok(None) };
        let wrong = || {
            Failure::new("redirects", format!("location `{}` is no URL", location.as_bytes().escape_ascii()))
        };
        let location = std::str::from_utf8(location.as_bytes()).map_err(|_| wrong())?;
        outgoing.url.url(self.engine).join(location).map(Some).map_err(|_| wrong())
    }

    /// One request and answer over the user's connection to its origin. A connection that was used before may have been
    /// closed by the other side since; a request that may be repeated (RFC 9110 §9.2.2) is then sent again over a new one,
    /// and so is, once, any request that the other side says it has not touched (RFC 9113 §8.7).
    async fn exchange(&mut self, outgoing: &Outgoing, keep: bool, spent: &mut Spent) -> Went<Exchange> {
        let origin = outgoing.url.origin(self.engine)?;
        let mut refused = false;
        loop {
            let mut connection = self.connect(&origin, spent).await?;
            let stale = connection.used() && outgoing.method.is_idempotent();
            let (engine, client) = (self.engine, self.client);
            let message = || message(engine, client, outgoing, &origin);
            spent.sent.get_or_insert_with(Instant::now);
            let patience = Patience { deadline: self.deadline, listener: self.listener, gate: self.gate };
            let answered = connection.exchange(message, keep, patience).await;
            let (bytes_in, bytes_out) = connection.take_bytes();
            spent.bytes_in += bytes_in;
            spent.bytes_out += bytes_out;
            let failure = match answered {
                Ok(exchange) => {
                    spent.first_byte.get_or_insert(exchange.first_byte);
                    self.client.open().put(connection, exchange.end, self.engine.transport.wire());
                    for counts in &self.engine.header_counts {
                        counts.count(&exchange.head.headers);
                    }
                    return Ok(exchange);
                }
                Err(failure) => failure,
            };
            let silent = bytes_in == 0 && matches!(failure.kind.as_ref(), "closed" | "reset");
            if failure.untouched && !refused {
                refused = true;
            } else if !(stale && silent) {
                return Err(failure);
            }
        }
    }

    /// The user's connection to `origin`, opened if need be.
    async fn connect(&mut self, origin: &Arc<Origin>, spent: &mut Spent) -> Went<Connection> {
        let engine = self.engine;
        let now = spent.begun;
        loop {
            loop {
                let Some(mut connection) = self.client.open().take(origin) else { break };
                // One that the other side has closed in the meantime is dropped, and so is one that is to live no longer.
                let ready = connection.may_go_on(now, engine.transport.wire()) && {
                    let ready = pin!(connection.ready(now, self.gate));
                    self.deadline.bound(ready, self.listener).await?.is_ok()
                };
                if ready {
                    return Ok(connection);
                }
                self.client.open().forget(&connection);
            }
            let shared = engine.transport.shares_connections(origin);
            let claim = match shared {
                false => None,
                true => match self.deadline.bound(pin!(self.client.claim(origin)), self.listener).await? {
                    Some(claim) => Some(claim),
                    // Another request of this user has opened one, or it is this one's turn to try.
                    None => continue,
                },
            };
            let tls = origin.tls.then(|| self.client.open().tls(&engine.transport));
            // Rare and large: on the heap, or every user would have room for it all the time.
            let mut opening = Box::pin(engine.transport.open_connection(origin, tls.as_ref()));
            let opened = self.deadline.bound(opening.as_mut(), self.listener).await??;
            *spent.connect.get_or_insert_default() += opened.connect;
            if let Some(tls) = opened.tls {
                *spent.tls.get_or_insert_default() += tls;
            }
            let mut connection = opened.connection;
            connection.ready(now, self.gate).await?;
            if let Some(shared) = connection.share() {
                self.client.open().put(shared, now, engine.transport.wire());
            }
            drop(claim);
            return Ok(connection);
        }
    }

    fn keep_cookies(&mut self, exchange: &Exchange, place: &Place) {
        if !exchange.head.headers.contains_key(SET_COOKIE) {
            return;
        }
        let url = place.url(self.engine);
        let mut belongings = self.client.open();
        let cookies = belongings.cookies.get_or_insert_with(|| Box::new(CookieStore::new()));
        for value in exchange.head.headers.get_all(SET_COOKIE) {
            if let Ok(text) = value.to_str() {
                // A cookie that a browser would refuse is refused here too.
                let _ = cookies.parse(text, &url);
            }
        }
    }
}

fn message(engine: &Engine, client: &Client, outgoing: &Outgoing, origin: &Origin) -> http::Request<Bytes> {
    let mut message = http::Request::new(outgoing.body.clone());
    *message.method_mut() = outgoing.method.clone();
    *message.uri_mut() = match &outgoing.url {
        Place::Home(uri) => uri.clone(),
        Place::Away(url) => Uri::try_from(&url[url::Position::BeforePath..url::Position::AfterQuery])
            .unwrap_or_else(|_| Uri::from_static("/")),
    };
    *message.headers_mut() = outgoing.headers.clone();
    if let Place::Away(_) = outgoing.url {
        let host = HeaderValue::try_from(origin.host_header());
        message.headers_mut().insert(HOST, host.expect("a parsed host is a valid header value"));
    }
    if let Some(cookies) = &client.open().cookies {
        let pairs: Vec<_> = cookies
            .get_request_values(&outgoing.url.url(engine))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if let Some(value) =
            (!pairs.is_empty()).then(|| HeaderValue::try_from(pairs.join("; ")).ok()).flatten()
        {
            message.headers_mut().insert(COOKIE, value);
        }
    }
    message
}
