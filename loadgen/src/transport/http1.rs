use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, response::Parts};
use http_body_util::Full;
use hyper::{
    body::{Body, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;

use super::{
    Exchange, Failure, Patience,
    connection::{FRESH, Kept, closed},
    gate::{Gate, through},
    stream::{Stream, Traffic},
};

type Driver = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

/// An HTTP/1.1 connection. While its user thinks it can be parked, and then holds nothing but its socket.
#[derive(Debug)]
pub(super) struct Http1 {
    traffic: Arc<Traffic>,
    /// Bytes that were asked for already.
    told: (u64, u64),
    state: State,
    opened: Instant,
    requests: u64,
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
    Body { head: Parts, body: Incoming, first_byte: Instant, kept: Kept },
    Over,
}

impl Http1 {
    pub(super) fn new(stream: Stream) -> Self {
        let (traffic, state) = (stream.traffic(), State::Parked(Box::new(stream)));
        Self { traffic, told: (0, 0), state, opened: Instant::now(), requests: 0, answered: None }
    }

    pub(super) fn take_bytes(&mut self) -> (u64, u64) {
        let (now, told) = (self.traffic.bytes(), self.told);
        self.told = now;
        (now.0 - told.0, now.1 - told.1)
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opened)
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    pub(super) fn answered(&self) -> Option<Instant> {
        self.answered
    }

    pub(super) fn park(&mut self) {
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

    pub(super) async fn ready(&mut self, now: Instant, gate: Option<&Gate>) -> Result<(), Failure> {
        self.unpark()?;
        let State::Live { sender, driver } = &mut self.state else { return Err(closed()) };
        // Right after an answer there is no need to ask: it has not been left alone long enough to be closed.
        if sender.is_ready() && self.answered.is_some_and(|answered| now < answered + FRESH) {
            return Ok(());
        }
        let ready = poll_fn(|cx| {
            through(gate, cx, |cx| {
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

    pub(super) async fn exchange(
        &mut self,
        request: impl FnOnce() -> Request<Bytes>,
        keep: bool,
        patience: Patience<'_>,
    ) -> Result<Exchange, Failure> {
        let Patience { deadline, listener, gate } = patience;
        let State::Live { sender, driver } = &mut self.state else { return Err(closed()) };
        self.requests += 1;
        let mut waiting = Waiting::Head(pin!(sender.send_request(request().map(Full::new))));
        let mut over = false;
        let answer = pin!(poll_fn(|cx| through(gate, cx, |cx| waiting.poll(driver, &mut over, cx, keep))));
        let answered = deadline.bound(answer, listener).await.and_then(|answered| answered);
        match &answered {
            Ok(exchange) => self.answered = Some(exchange.end),
            Err(_) => self.state = State::Closed,
        }
        answered
    }
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
                    *self = Self::Body { head, body, first_byte: Instant::now(), kept: Kept::new(keep) };
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
                    if let Some(data) = frame.data_ref()
                        && let Err(failure) = kept.push(data)
                    {
                        return Poll::Ready(Err(failure));
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
