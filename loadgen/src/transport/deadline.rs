use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use tokio::time::Sleep;

use super::Failure;
use crate::control::{Level, Listener};

/// A virtual user's one timer. Arming a timer for each request costs more than the rest of its bookkeeping, so it is
/// left armed at an earlier instant, and set anew only when that instant comes and the request is still going.
#[derive(Debug)]
pub struct Deadline {
    sleep: Pin<Box<Sleep>>,
    until: Instant,
}

impl Deadline {
    /// A timer that is not armed yet.
    pub fn new(now: Instant) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(now.into())), until: now }
    }

    /// From now on [`Deadline::passed`] is about `until`.
    pub fn set(&mut self, until: Instant) {
        self.until = until;
    }

    /// Whether the instant has passed; if not, the task of `cx` is woken by then.
    pub fn passed(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let armed = self.sleep.deadline().into_std();
            if armed > self.until {
                self.sleep.as_mut().reset(self.until.into());
            }
            match self.sleep.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(()) if armed >= self.until => return true,
                Poll::Ready(()) => self.sleep.as_mut().reset(self.until.into()),
            }
        }
    }

    /// Waits for `future`, but not past the deadline set before, nor when the run is cut. It comes pinned, because a
    /// future that were moved in here would lie in its user's memory twice.
    ///
    /// # Errors
    /// `timeout`, or cut.
    pub async fn bound<F: Future>(
        &mut self,
        mut future: Pin<&mut F>,
        listener: &Listener,
    ) -> Result<F::Output, Failure> {
        poll_fn(|cx| {
            if listener.reached(Level::Cut, cx) {
                return Poll::Ready(Err(Failure::cut()));
            }
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            if self.passed(cx) { Poll::Ready(Err(Failure::timeout())) } else { Poll::Pending }
        })
        .await
    }

    /// Sleeps until `until`, or until the run is stopped: then `false`.
    pub async fn sleep_until(&mut self, until: Instant, listener: &Listener) -> bool {
        self.set(until);
        poll_fn(|cx| {
            if listener.reached(Level::Drain, cx) {
                return Poll::Ready(false);
            }
            if self.passed(cx) { Poll::Ready(true) } else { Poll::Pending }
        })
        .await
    }
}
