//! One request of the scenario: rendered, sent, checked, recorded.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Uri,
    header::{ACCEPT_ENCODING, HOST, USER_AGENT},
};
use url::Url;

use super::{
    courier::{Courier, Spent},
    user::{Due, VirtualUser, Went},
};
use crate::{
    engine::Engine,
    flow::expect::Answer,
    mask,
    measure::Sample,
    plan::model::{Body, Chunk, Request, Until},
    transport::{Exchange, Failure, Origin},
    witness,
};

const AGENT: HeaderValue = HeaderValue::from_static(concat!("headroom-loadgen/", env!("CARGO_PKG_VERSION")));
const ENCODINGS: HeaderValue = HeaderValue::from_static("gzip, br, zstd");

/// A request as it goes out; kept whole so that a redirect or a second try can send it again.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Place,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Where a request goes: nearly always a path at the scenario's own origin, which needs no URL parsing.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Home(Uri),
    Away(Box<Url>),
}

/// Bytes that are kept until the process ends.
fn lasting(bytes: &[u8]) -> Bytes {
    Bytes::from_static(Box::leak(Box::from(bytes)))
}

/// The request as it goes out: kept in the scenario if all users send it alike, else `own`, just rendered.
pub(super) fn outgoing<'a>(
    request: &'a Request,
    own: &'a Option<Result<Outgoing, String>>,
) -> Result<&'a Outgoing, &'a String> {
    match own {
        None => Ok(request.fixed.get().expect("what is not rendered anew was kept")),
        Some(Ok(rendered)) if request.is_fixed() => Ok(request.fixed.get_or_init(|| rendered.clone())),
        Some(rendered) => rendered.as_ref(),
    }
}

impl Place {
    pub(super) fn origin(&self, engine: &Engine) -> Went<Arc<Origin>> {
        match self {
            Self::Home(_) => Ok(engine.home.clone()),
            Self::Away(url) => {
                Origin::of(url).map(Arc::new).map_err(|detail| Failure::new("redirects", detail))
            }
        }
    }

    pub(super) fn url(&self, engine: &Engine) -> Url {
        match self {
            Self::Away(url) => (**url).clone(),
            Self::Home(uri) => {
                let mut url = engine.plan.target.base_url.clone();
                url.set_path(uri.path());
                url.set_query(uri.query());
                url
            }
        }
    }
}

impl VirtualUser {
    /// Sends `request` and records it; the failure, if any, is in the record already.
    pub(super) async fn send(&mut self, request: &Request, due: Due) -> Went<()> {
        let engine = self.engine;
        let mut spent = Spent::since(Instant::now());
        self.deadline.set(spent.begun + request.timeout.unwrap_or(engine.plan.target.timeout));
        let own = if request.fixed.get().is_some() { None } else { Some(self.render(request)) };
        let outgoing = outgoing(request, &own);
        let fetched = match outgoing {
            Err(missing) => Err(Failure::new("variable", missing.clone())),
            Ok(outgoing) => {
                let mut courier = Courier {
                    engine,
                    client: &self.client,
                    deadline: &mut self.deadline,
                    listener: &self.listener,
                    gate: Some(&self.gate),
                };
                courier.fetch(request, outgoing, &mut spent).await
            }
        };
        self.conclude(request, outgoing.ok(), fetched, &spent, due)
    }

    /// Checks what came of `request` and records it.
    pub(super) fn conclude(
        &mut self,
        request: &Request,
        outgoing: Option<&Outgoing>,
        fetched: Went<Exchange>,
        spent: &Spent,
        due: Due,
    ) -> Went<()> {
        let engine = self.engine;
        let (seen, outcome) = match fetched {
            Ok(exchange) => {
                let outcome = self.check(request, &exchange, spent.begun);
                (Some(exchange), outcome)
            }
            Err(failure) => (None, Err(failure)),
        };
        let failure = outcome.as_ref().err();
        if failure.is_some_and(Failure::is_cut) {
            return outcome;
        }
        let gave_up = || spent.gave_up.unwrap_or_else(Instant::now);
        let end = seen.as_ref().map_or_else(gave_up, |exchange| exchange.end);
        self.now = self.now.max(end);
        let sample = Sample {
            request: request.id,
            due: due.at,
            begun: spent.begun,
            sent: spent.sent,
            first_byte: spent.first_byte,
            end,
            on_time: due.free,
            connect: spent.connect,
            tls: spent.tls,
            error: failure.map(|failure| failure.kind.as_ref()),
            bytes_in: spent.bytes_in,
            bytes_out: spent.bytes_out,
        };
        engine.recorder.record(&sample);
        if let Some(log) = engine.request_log.get() {
            let status = seen.as_ref().map(|exchange| exchange.head.status.as_u16());
            log.note(&sample, self.session.user_index, self.session.iteration, status);
        }
        if engine.witness.wants(failure) {
            let response = end.saturating_duration_since(due.at);
            let sent = outgoing.map(|outgoing| self.describe(outgoing)).unwrap_or_default();
            engine.witness.tell(&engine.plan.requests[request.id], &sent, seen.as_ref(), failure, response);
        }
        outcome
    }

    pub(super) fn render(&mut self, request: &Request) -> Result<Outgoing, String> {
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
            Some(Body::Multipart(chunks)) => {
                let mut body = Vec::new();
                for chunk in chunks {
                    match chunk {
                        Chunk::File(content) => body.extend_from_slice(content),
                        Chunk::Text(template) => {
                            self.text.clear();
                            template.render(plan, &mut self.session, &mut self.text)?;
                            body.extend_from_slice(self.text.as_bytes());
                        }
                    }
                }
                if request.is_fixed() { lasting(&body) } else { Bytes::from(body) }
            }
        };
        Ok(Outgoing { method: request.method.clone(), url, headers, body })
    }

    fn check(&mut self, request: &Request, exchange: &Exchange, begun: Instant) -> Went<()> {
        let elapsed = exchange.end.saturating_duration_since(begun);
        let answer = Answer::new(exchange.head.status, &exchange.head.headers, &exchange.body, elapsed);
        for (slot, extract) in &request.save {
            let value = extract.apply(&answer, &mut self.session.rng);
            self.session.slots[*slot] = value.map(String::into_boxed_str);
        }
        request.expect.check(&answer).map_err(|detail| {
            let status = exchange.head.status;
            if status.is_client_error() || status.is_server_error() {
                Failure::new(format!("status_{}", status.as_u16()), detail)
            } else {
                Failure::new("check", detail)
            }
        })?;
        self.ask(&answer)
    }

    /// Whether what a repetition waits for has come with `answer`.
    fn ask(&mut self, answer: &Answer<'_>) -> Went<()> {
        let Some(asked) = &mut self.asked else { return Ok(()) };
        let came = match &asked.repeat.until {
            Until::Answer(expect) => expect.check(answer),
            Until::Holds(condition) => match condition.holds(&self.engine.plan.data, &mut self.session) {
                true => Ok(()),
                false => Err(format!("`{}` does not hold", condition.text)),
            },
        };
        asked.holds = came.is_ok();
        match came {
            Err(detail) if asked.last => {
                Err(Failure::new("repeat", format!("after {} times: {detail}", asked.repeat.at_most)))
            }
            _ => Ok(()),
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
        let url = outgoing.url.url(self.engine);
        let mut text = format!("{} {}\n", outgoing.method, mask::text(url.as_str()));
        witness::push_headers(&mut text, &outgoing.headers);
        witness::push_body(&mut text, &outgoing.body);
        text
    }
}
