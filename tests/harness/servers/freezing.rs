use std::{
    io,
    sync::{Arc, Mutex, Once, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::Server;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"frozen\":false}";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A server that freezes whole, as a long garbage collection freezes one: its only thread sleeps, so that nothing is
/// read, accepted or answered meanwhile. It answers every head with the same bytes and does nothing else, so that what
/// piled up is worked off in a moment even by a debug build.
#[derive(Debug)]
pub struct Freezing {
    /// The server; any GET is answered with a small JSON object.
    pub server: Server,
    freezes: Arc<Mutex<Vec<Freeze>>>,
}

/// A freeze as the server saw it.
#[derive(Debug, Clone)]
pub struct Freeze {
    /// How long nothing was done.
    pub lasted: Duration,
    /// When the requests after its beginning were answered, since its beginning, in order, for as long again.
    pub answered: Vec<Duration>,
    began: Instant,
}

#[derive(Clone)]
struct Clockwork {
    begun: Arc<Once>,
    freezes: Arc<Mutex<Vec<Freeze>>>,
    first: Duration,
    every: Duration,
    length: Duration,
}

impl Freezing {
    /// Freezes for `length` once `first` has passed since the first request, and again `every` after that.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(first: Duration, every: Duration, length: Duration) -> Result<Self> {
        let freezes = Arc::new(Mutex::new(Vec::new()));
        let clockwork =
            Clockwork { begun: Arc::new(Once::new()), freezes: Arc::clone(&freezes), first, every, length };
        let server = Server::run(move |listener| accept(listener, clockwork))?;
        Ok(Self { server, freezes })
    }

    /// The freezes so far.
    pub fn freezes(&self) -> Vec<Freeze> {
        self.freezes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, clockwork: Clockwork) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client that hangs up ends its connection, and nothing else.
        tokio::task::spawn_local(answer(stream, clockwork.clone()));
    }
}

async fn answer(mut stream: TcpStream, clockwork: Clockwork) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    while stream.read_buf(&mut received).await? > 0 {
        let begun = Arc::clone(&clockwork.begun);
        begun.call_once(|| drop(tokio::task::spawn_local(freeze_again_and_again(clockwork.clone()))));
        while let Some(end) = received.windows(END_OF_HEAD.len()).position(|it| it == END_OF_HEAD) {
            received.drain(..end + END_OF_HEAD.len());
            stream.write_all(ANSWER).await?;
            clockwork.note_answer();
        }
    }
    Ok(())
}

impl Clockwork {
    fn note_answer(&self) {
        let mut freezes = self.freezes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(freeze) = freezes.last_mut() {
            let since = freeze.began.elapsed();
            if since < 2 * self.length {
                freeze.answered.push(since);
            }
        }
    }
}

async fn freeze_again_and_again(clockwork: Clockwork) {
    let begin = tokio::time::Instant::now() + clockwork.first;
    for round in 0.. {
        tokio::time::sleep_until(begin + clockwork.every * round).await;
        let began = Instant::now();
        thread::sleep(clockwork.length);
        let freeze = Freeze { lasted: began.elapsed(), answered: Vec::new(), began };
        clockwork.freezes.lock().unwrap_or_else(PoisonError::into_inner).push(freeze);
    }
}
