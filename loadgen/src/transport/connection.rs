use std::{
    sync::Arc,
    task::Context,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{Request, response::Parts};

use super::{Deadline, Failure, Origin, gate::Gate, http1::Http1, http2::Http2};
use crate::{control::Listener, plan::model::Wire};

/// How long after an answer a connection is taken to be still open.
pub(super) const FRESH: Duration = Duration::from_millis(20);

/// The largest body that is kept or unpacked: an answer without end must not become this machine's memory.
pub(super) const LARGEST_BODY: u64 = 64 << 20;

/// An answer, with its instants.
#[derive(Debug)]
pub struct Exchange {
    /// Status and headers.
    pub head: Parts,
    /// The body as it came, or empty if it was not kept.
    pub body: Bytes,
    /// When the head had come.
    pub first_byte: Instant,
    /// When the last byte had come.
    pub end: Instant,
}

/// A connection of one user to an origin. It is driven by the task that uses it: there is no second task to wake, and
/// none to outlive a user.
#[derive(Debug)]
pub struct Connection {
    origin: Arc<Origin>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Http1(Box<Http1>),
    Http2(Http2),
}

/// How a request is waited for: until when, for whom, and through which gate its user's task is woken. Without a gate
/// the caller has one around several requests.
#[derive(Debug)]
pub struct Patience<'a> {
    /// The request's timer, set.
    pub deadline: &'a mut Deadline,
    /// The user's ear for the end of the run.
    pub listener: &'a Listener,
    /// Between the connection and the task, if nothing else is.
    pub gate: Option<&'a Gate>,
}

impl Connection {
    pub(super) fn http1(origin: Arc<Origin>, connection: Http1) -> Self {
        Self { origin, way: Way::Http1(Box::new(connection)) }
    }

    pub(super) fn http2(origin: Arc<Origin>, connection: Http2) -> Self {
        Self { origin, way: Way::Http2(connection) }
    }

    /// What it is for.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// A second handle of it, for another request at the same time; only HTTP/2 can do that.
    pub fn share(&self) -> Option<Self> {
        match &self.way {
            Way::Http1(_) => None,
            Way::Http2(shared) => Some(Self::http2(self.origin.clone(), shared.clone())),
        }
    }

    /// Whether the two are handles of one connection; HTTP/1.1 has but one handle.
    pub fn is_same(&self, other: &Self) -> bool {
        matches!((&self.way, &other.way), (Way::Http2(one), Way::Http2(two)) if one.is_same(two))
    }

    /// Bytes `(received, sent)` since this was last asked. Streams of one HTTP/2 connection are not told apart: their sum
    /// is right.
    pub fn take_bytes(&mut self) -> (u64, u64) {
        match &mut self.way {
            Way::Http1(connection) => connection.take_bytes(),
            Way::Http2(shared) => shared.take_bytes(),
        }
    }

    /// Whether it has answered before: then the other side may have closed it in the meantime.
    pub fn used(&self) -> bool {
        match &self.way {
            Way::Http1(connection) => connection.answered().is_some(),
            Way::Http2(shared) => shared.answered().is_some(),
        }
    }

    /// Gives its buffers back until it is needed again, as far as that can be done.
    pub fn park(&mut self) {
        if let Way::Http1(connection) = &mut self.way {
            connection.park();
        }
    }

    /// Whether somebody must attend to it while no request is on its way, see [`Connection::attend`].
    pub fn wants_attention(&self) -> bool {
        matches!(self.way, Way::Http2(_))
    }

    /// Answers what the other side asks of an idle connection (pings, settings) and hears when it says goodbye.
    pub fn attend(&mut self, cx: &mut Context<'_>) {
        if let Way::Http2(shared) = &self.way {
            shared.attend(cx);
        }
    }

    /// Whether the scenario lets it go on at `now`: connections have an age and a number of requests to live.
    pub fn may_go_on(&self, now: Instant, wire: &Wire) -> bool {
        if wire.max_age.is_none() && wire.max_requests.is_none() {
            return true;
        }
        let (age, requests) = match &self.way {
            Way::Http1(connection) => (connection.age(now), connection.requests()),
            Way::Http2(shared) => (shared.age(now), shared.requests()),
        };
        wire.max_age.is_none_or(|most| age < most)
            && wire.max_requests.is_none_or(|most| requests < most.get())
    }

    /// Makes it ready for a request at `now`.
    ///
    /// # Errors
    /// It has been closed.
    pub async fn ready(&mut self, now: Instant, gate: Option<&Gate>) -> Result<(), Failure> {
        match &mut self.way {
            Way::Http1(connection) => connection.ready(now, gate).await,
            Way::Http2(shared) => shared.ready(now, gate).await,
        }
    }

    /// Sends what `request` makes (made here and not before, it is in no future) and waits for the whole answer; the body is kept only if `keep`. [`Connection::ready`] must have
    /// said yes. After a failure an HTTP/1.1 connection is closed; of an HTTP/2 connection it is one stream.
    ///
    /// # Errors
    /// No whole answer came before the deadline, or the run was cut.
    pub async fn exchange(
        &mut self,
        request: impl FnOnce() -> Request<Bytes>,
        keep: bool,
        patience: Patience<'_>,
    ) -> Result<Exchange, Failure> {
        match &mut self.way {
            Way::Http1(connection) => connection.exchange(request, keep, patience).await,
            Way::Http2(shared) => shared.exchange(request, keep, patience).await,
        }
    }
}

pub(super) fn closed() -> Failure {
    Failure::new("closed", "the connection was closed by the other side")
}

/// A body as it comes in.
#[derive(Debug)]
pub(super) struct Kept(Option<BytesMut>);

impl Kept {
    pub(super) fn new(keep: bool) -> Self {
        Self(keep.then(BytesMut::new))
    }

    /// # Errors
    /// `too_large`.
    pub(super) fn push(&mut self, data: &[u8]) -> Result<(), Failure> {
        let Some(kept) = &mut self.0 else { return Ok(()) };
        if (kept.len() + data.len()) as u64 > LARGEST_BODY {
            return Err(Failure::too_large("the body is"));
        }
        kept.extend_from_slice(data);
        Ok(())
    }

    pub(super) fn freeze(self) -> Bytes {
        self.0.map(BytesMut::freeze).unwrap_or_default()
    }
}
