use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{Request, response::Parts};
use http_body_util::Full;
use hyper::{
    body::{Body, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;

use super::{
    Deadline, Failure, Origin,
    gate::Gate,
    stream::{Stream, Wire},
};
use crate::control::Listener;

/// How long after an answer a connection is taken to be still open.
const FRESH: Duration = Duration::from_millis(20);

type Driver = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

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

/// An HTTP/1.1 connection that is driven by the task which uses it: there is no second task to wake, and none to
/// outlive a user. While its user thinks it can be parked, and then holds nothing but its socket.
#[derive(Debug)]
pub struct Connection {
    origin: Arc<Origin>,
    wire: Arc<Wire>,
    state: State,
    gate: Gate,
    /// When its last answer was complete.
    answered: Option<Instant>,
}

#[derive(Debug)]
enum State {
    Live { sender: SendRequest<Full<Bytes>>, driver: Box<Driver> },
    Parked(Box<Stream>),
    Closed,
}

/// What is going on at the connection while an answer is waited for.
enum Waiting<F> {
    Head(F),
    Body { head: Parts, body: Incoming, first_byte: Instant, kept: BytesMut },
    Over,
}

impl Connection {
    pub(super) fn new(origin: Arc<Origin>, stream: Stream) -> Self {
        let wire = stream.wire();
        Self { origin, wire, state: State::Parked(Box::new(stream)), gate: Gate::new(), answered: None }
    }

    /// What it is for.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Bytes `(received, sent)` so far.
    pub fn bytes(&self) -> (u64, u64) {
        self.wire.bytes()
    }

    /// Whether it has answered before: then the other side may have closed it in the meantime.
    pub fn used(&self) -> bool {
        self.answered.is_some()
    }

    /// Gives its buffers back until it is needed again.
    pub fn park(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Live { driver, .. } => {
                let parts = driver.into_parts();
                // Bytes that nobody asked for: the other side is not speaking HTTP/1.1, the connection is of no use.
                if parts.read_buf.is_empty() {
                    State::Parked(Box::new(parts.io.into_inner()))
                } else {
                    State::Closed
                }
            }
            other => other,
        };
    }

    /// Makes it ready for a request at `now`.
    ///
    /// # Errors
    /// It has been closed.
    pub async fn ready(&mut self, now: Instant) -> Result<(), Failure> {
        self.unpark()?;
        let State::Live { sender, driver } = &mut self.state else { return Err(closed()) };
        // Right after an answer there is no need to ask: it has not been left alone long enough to be closed.
        if sender.is_ready() && self.answered.is_some_and(|answered| now < answered + FRESH) {
            return Ok(());
        }
        let ready = poll_fn(|cx| {
            self.gate.poll(cx, |cx| {
                if let Poll::Ready(over) = driver.poll_unpin(cx) {
                    return Poll::Ready(over.map_err(|error| Failure::hyper(&error)).and(Err(closed())));
                }
                sender.poll_ready(cx).map_err(|error| Failure::hyper(&error))
            })
        })
        .await;
        if ready.is_err() {
            self.state = State::Closed;
        }
        ready
    }

    fn unpark(&mut self) -> Result<(), Failure> {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Parked(stream) => {
                let handshake = http1::Builder::new().handshake(TokioIo::new(*stream));
                let made = handshake.now_or_never().expect("an HTTP/1.1 handshake exchanges nothing");
                let (sender, driver) = made.map_err(|error| Failure::hyper(&error))?;
                State::Live { sender, driver: Box::new(driver) }
            }
            other => other,
        };
        Ok(())
    }

    /// Sends `request` and waits for the whole answer; the body is kept only if `keep`. [`Connection::ready`] must have
    /// said yes. After a failure the connection is closed.
    ///
    /// # Errors
    /// No whole answer came before the deadline, or the run was cut.
    pub async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        keep: bool,
        deadline: &mut Deadline,
        listener: &Listener,
    ) -> Result<Exchange, Failure> {
        let State::Live { sender, driver } = &mut self.state else { return Err(closed()) };
        let mut waiting = Waiting::Head(pin!(sender.send_request(request)));
        let mut over = false;
        let gate = &self.gate;
        let answer = poll_fn(|cx| gate.poll(cx, |cx| waiting.poll(driver, &mut over, cx, keep)));
        let answered = deadline.bound(answer, listener).await.and_then(|answered| answered);
        match &answered {
            Ok(exchange) => self.answered = Some(exchange.end),
            Err(_) => self.state = State::Closed,
        }
        answered
    }
}

fn closed() -> Failure {
    Failure::new("closed", "the connection was closed by the other side")
}

impl<F: Future<Output = hyper::Result<http::Response<Incoming>>>> Waiting<Pin<&mut F>> {
    /// Drives the connection and takes what it gives, until it has nothing more for now.
    fn poll(
        &mut self,
        driver: &mut Driver,
        over: &mut bool,
        cx: &mut Context<'_>,
        keep: bool,
    ) -> Poll<Result<Exchange, Failure>> {
        // The connection tells of its end through the head or body it was working on; it must not be polled after it. Each
        // poll of it costs as much as all the rest, so it is asked only when there is nothing left of what it gave.
        let mut drive = |cx: &mut Context<'_>| *over = *over || driver.poll_unpin(cx).is_ready();
        if let Self::Head(head) = self {
            drive(cx);
            match head.poll_unpin(cx) {
                Poll::Ready(Ok(response)) => {
                    let (head, body) = response.into_parts();
                    *self = Self::Body { head, body, first_byte: Instant::now(), kept: BytesMut::new() };
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Failure::hyper(&error))),
                Poll::Pending if *over => return Poll::Ready(Err(closed())),
                Poll::Pending => return Poll::Pending,
            }
        }
        while let Self::Body { body, kept, .. } = self {
            let mut frame = Pin::new(&mut *body).poll_frame(cx);
            if frame.is_pending() {
                drive(cx);
                frame = Pin::new(&mut *body).poll_frame(cx);
            }
            match ready!(frame) {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref().filter(|_| keep) {
                        kept.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(Failure::hyper(&error))),
                None => return Poll::Ready(Ok(self.finish())),
            }
        }
        Poll::Pending
    }

    fn finish(&mut self) -> Exchange {
        let Self::Body { head, first_byte, kept, .. } = std::mem::replace(self, Self::Over) else {
            unreachable!("an exchange is finished once, while its body is read")
        };
        Exchange { head, body: kept.freeze(), first_byte, end: Instant::now() }
    }
}
