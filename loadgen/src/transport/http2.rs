use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use h2::{
    RecvStream,
    client::{self, ResponseFuture, SendRequest},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE},
    response::Parts,
    uri::{Authority, Scheme},
};

use super::{
    Exchange, Failure, Origin, Patience,
    connection::{FRESH, Kept, closed},
    gate::{Gate, through},
    stream::{Stream, Traffic},
};

/// Bytes that one answer, and all answers of a connection together, may send ahead of being read: as browsers have it,
/// so that the window is not what limits a body. What has come is read at once, so they are no measure of memory.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 5 << 20;
/// Headers of an answer, unpacked.
const LARGEST_HEAD: u32 = 256 << 10;

/// Headers that belong to a connection of HTTP/1.1 (RFC 9113 §8.2.2).
const OF_A_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// An HTTP/2 connection, shared by the requests that its user sends at the same time. Whoever waits for an answer drives
/// it; while nobody does, its user attends to it.
#[derive(Clone)]
pub(super) struct Http2(Arc<Shared>);

struct Shared {
    traffic: Arc<Traffic>,
    tls: bool,
    authority: Authority,
    opened: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    live: Option<Live>,
    /// Bytes that were asked for already.
    told: (u64, u64),
    requests: u64,
    answered: Option<Instant>,
}

struct Live {
    sender: SendRequest<Bytes>,
    driver: client::Connection<Stream, Bytes>,
}

/// How far a request has come.
enum Waiting {
    /// There may be more streams open already than the other side allows.
    Room(Option<(Request<()>, Bytes)>),
    Head(ResponseFuture),
    Body {
        head: Option<Parts>,
        body: RecvStream,
        first_byte: Instant,
        kept: Option<Kept>,
    },
}

impl fmt::Debug for Http2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2").field("opened", &self.0.opened).finish_non_exhaustive()
    }
}

impl Http2 {
    /// Begins to speak HTTP/2 with `origin` over `stream`.
    pub(super) async fn begin(origin: &Origin, stream: Stream) -> Result<Self, Failure> {
        let authority = Authority::try_from(origin.host_header());
        let authority = authority.expect("a parsed host is a valid authority");
        let traffic = stream.traffic();
        let mut builder = client::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(LARGEST_HEAD)
            .enable_push(false);
        let (sender, driver) = builder.handshake(stream).await.map_err(|error| Failure::h2(&error))?;
        let inner = Inner { live: Some(Live { sender, driver }), told: (0, 0), requests: 0, answered: None };
        let inner = Mutex::new(inner);
        Ok(Self(Arc::new(Shared { traffic, tls: origin.tls, authority, opened: Instant::now(), inner })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().expect("no panic under this lock")
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn take_bytes(&self) -> (u64, u64) {
        let mut inner = self.inner();
        let (now, told) = (self.0.traffic.bytes(), inner.told);
        inner.told = now;
        (now.0 - told.0, now.1 - told.1)
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.0.opened)
    }

    pub(super) fn requests(&self) -> u64 {
        self.inner().requests
    }

    pub(super) fn answered(&self) -> Option<Instant> {
        self.inner().answered
    }

    pub(super) fn attend(&self, cx: &mut Context<'_>) {
        self.inner().drive(cx);
    }

    pub(super) async fn ready(&self, now: Instant, gate: Option<&Gate>) -> Result<(), Failure> {
        {
            let inner = self.inner();
            if inner.live.is_some() && inner.answered.is_some_and(|answered| now < answered + FRESH) {
                return Ok(());
            }
        }
        poll_fn(|cx| {
            through(gate, cx, |cx| {
                let mut inner = self.inner();
                inner.drive(cx);
                let Some(live) = &mut inner.live else { return Poll::Ready(Err(closed())) };
                // Whether there is room for another stream is a question for later; a goodbye is not.
                let goodbye = matches!(live.sender.poll_ready(cx), Poll::Ready(Err(_)));
                Poll::Ready(if goodbye { Err(closed()) } else { Ok(()) })
            })
        })
        .await
    }

    pub(super) async fn exchange(
        &self,
        request: impl FnOnce() -> Request<Bytes>,
        keep: bool,
        patience: Patience<'_>,
    ) -> Result<Exchange, Failure> {
        let Patience { deadline, listener, gate } = patience;
        let (heard_before, _) = self.0.traffic.bytes();
        self.inner().requests += 1;
        let mut waiting = Waiting::Room(Some(translate(request(), self.0.tls, &self.0.authority)?));
        let answer = pin!(poll_fn(|cx| through(gate, cx, |cx| waiting.poll(self, cx, keep))));
        let answered = deadline.bound(answer, listener).await.and_then(|answered| answered);
        match &answered {
            Ok(exchange) => self.inner().answered = Some(exchange.end),
            // Not a byte in all that time: the connection is dead, and the next request must not wait for it as well.
            Err(failure) if failure.is_timeout() && self.0.traffic.bytes().0 == heard_before => {
                self.inner().live = None;
            }
            Err(_) => {
                // Giving up the stream leaves a reset to be sent.
                drop(waiting);
                poll_fn(|cx| {
                    self.inner().drive(cx);
                    Poll::Ready(())
                })
                .await;
            }
        }
        answered
    }
}

impl Inner {
    /// Moves what can be moved. Streams are told of an end by the connection itself.
    fn drive(&mut self, cx: &mut Context<'_>) {
        let Some(live) = &mut self.live else { return };
        if Pin::new(&mut live.driver).poll(cx).is_ready() {
            self.live = None;
        }
    }
}

impl Waiting {
    fn poll(&mut self, shared: &Http2, cx: &mut Context<'_>, keep: bool) -> Poll<Result<Exchange, Failure>> {
        let failed = |error: h2::Error| Poll::Ready(Err(Failure::h2(&error)));
        if let Self::Room(request) = self {
            let mut inner = shared.inner();
            let Some(Live { sender, .. }) = &mut inner.live else { return Poll::Ready(Err(closed())) };
            match sender.poll_ready(cx) {
                Poll::Pending => {
                    inner.drive(cx);
                    return Poll::Pending;
                }
                Poll::Ready(Err(error)) => return failed(error),
                Poll::Ready(Ok(())) => {}
            }
            let (head, body) = request.take().expect("it is sent once");
            let (answer, mut stream) = match sender.send_request(head, body.is_empty()) {
                Ok(sent) => sent,
                Err(error) => return failed(error),
            };
            if !body.is_empty()
                && let Err(error) = stream.send_data(body, true)
            {
                return failed(error);
            }
            *self = Self::Head(answer);
        }
        if let Self::Head(answer) = self {
            shared.inner().drive(cx);
            match ready!(Pin::new(answer).poll(cx)) {
                Err(error) => return failed(error),
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let first_byte = Instant::now();
                    *self = Self::Body { head: Some(head), body, first_byte, kept: Some(Kept::new(keep)) };
                }
            }
        }
        let Self::Body { head, body, first_byte, kept } = self else { return Poll::Pending };
        loop {
            let mut data = body.poll_data(cx);
            if data.is_pending() {
                shared.inner().drive(cx);
                data = body.poll_data(cx);
            }
            match ready!(data) {
                Some(Ok(data)) => {
                    if let Some(kept) = kept
                        && let Err(failure) = kept.push(&data)
                    {
                        return Poll::Ready(Err(failure));
                    }
                    // Fails only when the stream has ended, and then nothing more is to come.
                    let _ = body.flow_control().release_capacity(data.len());
                }
                Some(Err(error)) => return failed(error),
                None => break,
            }
        }
        let (head, kept) = (head.take(), kept.take());
        let (Some(head), Some(kept)) = (head, kept) else { return Poll::Pending };
        let exchange = Exchange { head, body: kept.freeze(), first_byte: *first_byte, end: Instant::now() };
        Poll::Ready(Ok(exchange))
    }
}

/// A request as HTTP/2 wants it: with a whole URL, without the headers of a connection.
fn translate(request: Request<Bytes>, tls: bool, usual: &Authority) -> Result<(Request<()>, Bytes), Failure> {
    let (mut parts, body) = request.into_parts();
    let wrong = |what: String| Failure::new("protocol", what);
    let authority = match parts.headers.remove(HOST) {
        Some(host) if host != usual.as_str() => {
            Authority::try_from(host.as_bytes()).map_err(|error| wrong(format!("header `host`: {error}")))?
        }
        _ => usual.clone(),
    };
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.scheme = Some(if tls { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = Some(authority);
    parts.uri = Uri::from_parts(uri).map_err(|error| wrong(error.to_string()))?;
    parts.version = http::Version::HTTP_2;
    strip(&mut parts.headers);
    let carries = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
    if carries || !body.is_empty() {
        parts.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(body.len()));
    }
    Ok((Request::from_parts(parts, ()), body))
}

fn strip(headers: &mut HeaderMap) {
    for name in &OF_A_CONNECTION {
        headers.remove(name);
    }
    if headers.get(TE).is_some_and(|te| te != "trailers") {
        headers.remove(TE);
    }
}
