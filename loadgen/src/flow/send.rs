//! One request of the scenario: rendered, sent, redirected, checked, recorded.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use cookie_store::CookieStore;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE,
        USER_AGENT,
    },
};
use http_body_util::Full;
use url::Url;

use super::user::{Due, VirtualUser, Went};
use crate::{
    flow::expect::Answer,
    measure::Sample,
    plan::model::{Body, Request},
    transport::{Connection, Exchange, Failure, Origin, decode},
    witness,
};

/// Redirects that are followed before a request fails.
const REDIRECTS: usize = 10;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("headroom-loadgen/", env!("CARGO_PKG_VERSION")));
const ENCODINGS: HeaderValue = HeaderValue::from_static("gzip, br, zstd");

/// A request as it goes out; kept whole so that a redirect or a second try can send it again.
#[derive(Debug, Clone)]
pub struct Outgoing {
    method: Method,
    url: Place,
    headers: HeaderMap,
    body: Bytes,
}

/// Where a request goes: nearly always a path at the scenario's own origin, which needs no URL parsing.
#[derive(Debug, Clone)]
enum Place {
    Home(Uri),
    Away(Box<Url>),
}

/// Bytes that are kept until the process ends.
fn lasting(bytes: &[u8]) -> Bytes {
    Bytes::from_static(Box::leak(Box::from(bytes)))
}

/// What a request cost on the way, over all its connections and redirects.
struct Spent {
    begun: Instant,
    sent: Option<Instant>,
    first_byte: Option<Instant>,
    connect: Option<Duration>,
    tls: Option<Duration>,
    bytes_in: u64,
    bytes_out: u64,
}

impl Spent {
    const fn since(begun: Instant) -> Self {
        Self { begun, sent: None, first_byte: None, connect: None, tls: None, bytes_in: 0, bytes_out: 0 }
    }
}

impl VirtualUser {
    /// Sends `request` and records it; the failure, if any, is in the record already.
    pub(super) async fn send(&mut self, request: &Request, due: Due) -> Went<()> {
        let engine = self.engine;
        let begun = Instant::now();
        let mut spent = Spent::since(begun);
        self.deadline.set(begun + request.timeout.unwrap_or(engine.plan.target.timeout));
        let mut seen: Option<Exchange> = None;
        let own = if request.fixed.get().is_some() { None } else { Some(self.render(request)) };
        let outgoing = match &own {
            None => Ok(request.fixed.get().expect("it was there a moment ago")),
            Some(Ok(rendered)) if request.is_fixed() => Ok(request.fixed.get_or_init(|| rendered.clone())),
            Some(rendered) => rendered.as_ref(),
        };
        let outcome = match outgoing {
            Err(missing) => Err(Failure::new("variable", missing.clone())),
            Ok(outgoing) => match self.follow(request, outgoing, &mut spent).await {
                Err(failure) => Err(failure),
                Ok(exchange) => self.check(request, seen.insert(exchange), begun),
            },
        };
        let failure = outcome.as_ref().err();
        if failure.is_some_and(Failure::is_cut) {
            return outcome;
        }
        let end = seen.as_ref().map_or_else(Instant::now, |exchange| exchange.end);
        self.now = end;
        engine.recorder.record(&Sample {
            request: request.id,
            due: due.at,
            begun,
            sent: spent.sent,
            first_byte: spent.first_byte,
            end,
            on_time: due.free,
            connect: spent.connect,
            tls: spent.tls,
            error: failure.map(|failure| failure.kind.as_ref()),
            bytes_in: spent.bytes_in,
            bytes_out: spent.bytes_out,
        });
        if engine.witness.wants(failure) {
            let response = end.saturating_duration_since(due.at);
            let sent = outgoing.map(|outgoing| self.describe(outgoing)).unwrap_or_default();
            engine.witness.tell(&engine.plan.requests[request.id], &sent, seen.as_ref(), failure, response);
        }
        outcome
    }

    fn render(&mut self, request: &Request) -> Result<Outgoing, String> {
        let plan = &self.engine.plan;
        // What all users send alike is kept for good: copying it then touches no counter that threads share.
        let keep = if request.is_fixed() { lasting } else { Bytes::copy_from_slice };
        self.text.clear();
        request.url.render(plan, &mut self.session, &mut self.text)?;
        let url = self.place(&self.text, keep)?;
        let mut headers = HeaderMap::with_capacity(request.headers.len() + 4);
        for (name, value) in &request.headers {
            self.text.clear();
            value.render(plan, &mut self.session, &mut self.text)?;
            let value = HeaderValue::from_maybe_shared(keep(self.text.as_bytes()));
            let value =
                value.map_err(|_| format!("header `{name}`: its value has a line break or control byte"))?;
            headers.append(name, value);
        }
        headers.entry(USER_AGENT).or_insert(AGENT);
        if request.reads_body {
            headers.entry(ACCEPT_ENCODING).or_insert(ENCODINGS);
        }
        if let Place::Home(_) = url {
            headers.entry(HOST).or_insert_with(|| self.engine.home_host.clone());
        }
        let body = match &request.body {
            None => Bytes::new(),
            Some(Body::Text(template)) => {
                self.text.clear();
                template.render(plan, &mut self.session, &mut self.text)?;
                keep(self.text.as_bytes())
            }
            Some(Body::Form(pairs)) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                let (mut name, mut value) = (String::new(), String::new());
                for pair in pairs {
                    name.clear();
                    value.clear();
                    pair.0.render(plan, &mut self.session, &mut name)?;
                    pair.1.render(plan, &mut self.session, &mut value)?;
                    form.append_pair(&name, &value);
                }
                keep(form.finish().as_bytes())
            }
        };
        Ok(Outgoing { method: request.method.clone(), url, headers, body })
    }

    /// Sends, and follows redirects; gives the last answer, its body unpacked if anything looks into it.
    async fn follow(&mut self, request: &Request, outgoing: &Outgoing, spent: &mut Spent) -> Went<Exchange> {
        let mut elsewhere: Option<Outgoing> = None;
        for _ in 0..=REDIRECTS {
            let outgoing = elsewhere.as_ref().unwrap_or(outgoing);
            let mut exchange = self.exchange(outgoing, request.reads_body, spent).await?;
            self.keep_cookies(&exchange, &outgoing.url);
            let next = if request.follow_redirects { self.redirected(&exchange, outgoing)? } else { None };
            let Some(next) = next else {
                if request.reads_body {
                    exchange.body =
                        decode(&exchange.head.headers, std::mem::take(&mut exchange.body)).await?;
                }
                return Ok(exchange);
            };
            elsewhere = Some(self.redirect(&exchange, outgoing, next)?);
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
        if self.origin_of(&url)? != self.origin_of(&before.url)? {
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
        self.url_of(&outgoing.url).join(location).map(Some).map_err(|_| wrong())
    }

    /// One request and answer over the user's connection to its origin. A connection that was used before may have been
    /// closed by the other side since; a request that may be repeated (RFC 9110 §9.2.2) is then sent again over a new one.
    async fn exchange(&mut self, outgoing: &Outgoing, keep: bool, spent: &mut Spent) -> Went<Exchange> {
        let origin = self.origin_of(&outgoing.url)?;
        loop {
            let mut connection = self.connect(&origin, spent).await?;
            let (in_before, out_before) = connection.bytes();
            let again = connection.used() && outgoing.method.is_idempotent();
            let message = self.message(outgoing, &origin);
            spent.sent.get_or_insert_with(Instant::now);
            let answered = connection.exchange(message, keep, &mut self.deadline, &self.listener).await;
            let (bytes_in, bytes_out) = connection.bytes();
            spent.bytes_in += bytes_in - in_before;
            spent.bytes_out += bytes_out - out_before;
            match answered {
                Ok(exchange) => {
                    spent.first_byte.get_or_insert(exchange.first_byte);
                    self.connections.push(connection);
                    for counts in &self.engine.header_counts {
                        counts.count(&exchange.head.headers);
                    }
                    return Ok(exchange);
                }
                Err(failure)
                    if again
                        && bytes_in == in_before
                        && matches!(failure.kind.as_ref(), "closed" | "reset") => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    /// The user's connection to `origin`, taken out of the user, opened if need be.
    async fn connect(&mut self, origin: &Arc<Origin>, spent: &mut Spent) -> Went<Connection> {
        let now = spent.begun;
        while let Some(index) = self.connection_to(origin) {
            let mut connection = self.connections.swap_remove(index);
            // One that the other side has closed in the meantime is dropped.
            if self.deadline.bound(connection.ready(now), &self.listener).await?.is_ok() {
                return Ok(connection);
            }
        }
        let engine = self.engine;
        let opening = engine.transport.open_connection(origin);
        let opened = self.deadline.bound(opening, &self.listener).await??;
        *spent.connect.get_or_insert_default() += opened.connect;
        if let Some(tls) = opened.tls {
            *spent.tls.get_or_insert_default() += tls;
        }
        let mut connection = opened.connection;
        connection.ready(now).await?;
        Ok(connection)
    }

    fn message(&self, outgoing: &Outgoing, origin: &Origin) -> http::Request<Full<Bytes>> {
        let mut message = http::Request::new(Full::new(outgoing.body.clone()));
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
        if let Some(cookies) = &self.cookies {
            let pairs: Vec<_> = cookies
                .get_request_values(&self.url_of(&outgoing.url))
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

    fn keep_cookies(&mut self, exchange: &Exchange, place: &Place) {
        if !exchange.head.headers.contains_key(SET_COOKIE) {
            return;
        }
        let url = self.url_of(place);
        let cookies = self.cookies.get_or_insert_with(|| Box::new(CookieStore::new()));
        for value in exchange.head.headers.get_all(SET_COOKIE) {
            if let Ok(text) = value.to_str() {
                // A cookie that a browser would refuse is refused here too.
                let _ = cookies.parse(text, &url);
            }
        }
    }

    fn check(&mut self, request: &Request, exchange: &Exchange, begun: Instant) -> Went<()> {
        let elapsed = exchange.end.saturating_duration_since(begun);
        let answer = Answer::new(exchange.head.status, &exchange.head.headers, &exchange.body, elapsed);
        for (slot, extract) in &request.save {
            self.session.slots[*slot] = extract.apply(&answer).map(String::into_boxed_str);
        }
        request.expect.check(&answer).map_err(|detail| {
            let status = exchange.head.status;
            if status.is_client_error() || status.is_server_error() {
                Failure::new(format!("status_{}", status.as_u16()), detail)
            } else {
                Failure::new("check", detail)
            }
        })
    }

    fn origin_of(&self, place: &Place) -> Went<Arc<Origin>> {
        match place {
            Place::Home(_) => Ok(self.engine.home.clone()),
            Place::Away(url) => {
                Origin::of(url).map(Arc::new).map_err(|detail| Failure::new("redirects", detail))
            }
        }
    }

    /// Where the text of a URL leads: a path under the target, or anywhere it says in full.
    fn place(&self, text: &str, keep: fn(&[u8]) -> Bytes) -> Result<Place, String> {
        if text.starts_with('/') {
            let home = &self.engine.home_path;
            let path = if home.is_empty() {
                keep(text.as_bytes())
            } else {
                keep(format!("{home}{text}").as_bytes())
            };
            let uri = Uri::from_maybe_shared(path);
            return uri.map(Place::Home).map_err(|error| format!("`{text}` is no path: {error}"));
        }
        let url = Url::parse(text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
        Ok(Place::Away(Box::new(url)))
    }

    /// The request as text, with what is secret in it masked.
    fn describe(&self, outgoing: &Outgoing) -> String {
        let mut text = format!("{} {}\n", outgoing.method, self.url_of(&outgoing.url));
        witness::push_headers(&mut text, &outgoing.headers);
        witness::push_body(&mut text, &outgoing.body);
        text
    }

    fn url_of(&self, place: &Place) -> Url {
        match place {
            Place::Away(url) => (**url).clone(),
            Place::Home(uri) => {
                let mut url = self.engine.plan.target.base_url.clone();
                url.set_path(uri.path());
                url.set_query(uri.query());
                url
            }
        }
    }
}
