//! The time that a request's head may take, from its first byte on. A connection between requests may be silent for
//! longer: hyper knows one limit for both.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

const BETWEEN: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;

/// Where a connection is in its requests; shared with who serves them.
#[derive(Clone, Default)]
pub struct Progress(Arc<AtomicU8>);

impl Progress {
    /// A request's head is complete.
    pub fn busy(&self) {
        self.0.store(BUSY, Ordering::Relaxed);
    }

    /// Its response has begun: what is read next is another request.
    pub fn between(&self) {
        self.0.store(BETWEEN, Ordering::Relaxed);
    }
}

/// A connection that breaks off when a head takes too long.
pub struct HeadClock<I> {
    io: I,
    progress: Progress,
    limit: Duration,
    /// Made when a head was not there at once, which is rare.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<I> HeadClock<I> {
    /// Around `io`; heads may take `limit`.
    pub fn new(io: I, progress: Progress, limit: Duration) -> Self {
        Self { io, progress, limit, deadline: None }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for HeadClock<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.io).poll_read(cx, into) {
            if into.filled().len() > before && self.progress.0.load(Ordering::Relaxed) == BETWEEN {
                self.progress.0.store(HEAD, Ordering::Relaxed);
                self.deadline = None;
            }
            return Poll::Ready(read);
        }
        if self.progress.0.load(Ordering::Relaxed) != HEAD {
            return Poll::Pending;
        }
        let limit = self.limit;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head of a request took too long")))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for HeadClock<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
