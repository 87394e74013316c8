//! The known server: HTTP/1.1 on loopback, on two threads of its own. One reads requests and asks the [`Dictation`] what
//! becomes of them, the other sends each answer at its instant. It keeps account of when it saw what.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

use super::dictate::{Dictation, Fate};
use crate::pacer::exact_timers;

/// The path whose answers are dictated and kept account of; every other is answered at once.
pub const WORK: &str = "/work";
/// How long before its instant the sender wakes to wait for it on the processor: more than a timer is late.
const AWAKE: Duration = Duration::from_micros(80);
/// How often the threads look whether it is over.
const NAP: Duration = Duration::from_millis(50);
/// The longest request head that is read.
const LONGEST: usize = 16 * 1024;
const LISTENER: Token = Token(0);
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ";

/// One dictated request, in the server's own account. Times are offsets from the server's epoch.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Which connection it came on, numbered in order of acceptance.
    pub connection: usize,
    /// When its last byte was read.
    pub arrival: Duration,
    /// What was dictated.
    pub fate: Fate,
    /// When the last byte, or the reset, was really handed to the system.
    pub written: Option<Duration>,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    epoch: Instant,
    over: AtomicBool,
    queue: Mutex<Queue>,
    sooner: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    due: BinaryHeap<Reverse<Piece>>,
    seen: Vec<Seen>,
}

/// A part of an answer, or a reset.
#[derive(Debug)]
struct Piece {
    at: Duration,
    /// Index of its request in the account, and of the piece in the answer: in this order where instants are equal.
    order: (usize, u32),
    last: bool,
    bytes: Vec<u8>,
    stream: Arc<TcpStream>,
    reset: bool,
}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Piece {}

impl Server {
    /// Starts a server that does what `dictation` says, each answer in `pieces`.
    ///
    /// # Errors
    /// No socket or thread can be had.
    pub fn start(dictation: Dictation, pieces: u32) -> io::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let shared = Arc::new(Shared {
            epoch: Instant::now(),
            over: AtomicBool::new(false),
            queue: Mutex::default(),
            sooner: Condvar::new(),
        });
        let reader = Reader {
            poll,
            listener,
            dictation,
            pieces,
            shared: shared.clone(),
            lines: HashMap::new(),
            accepted: 0,
        };
        let sender = shared.clone();
        let named = |name: &str| thread::Builder::new().name(name.to_owned());
        let threads =
            vec![named("reader").spawn(move || reader.run())?, named("sender").spawn(move || send(&sender))?];
        Ok(Self { address, shared, threads })
    }

    /// Stops it and gives its account, in order of arrival.
    pub fn stop(mut self) -> Vec<Seen> {
        self.end();
        std::mem::take(&mut self.shared.queue.lock().expect("its threads do not panic").seen)
    }

    fn end(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.shared.sooner.notify_one();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// A connection and what was read of its next request.
struct Line {
    stream: Arc<TcpStream>,
    read: Vec<u8>,
}

struct Reader {
    poll: Poll,
    listener: TcpListener,
    dictation: Dictation,
    pieces: u32,
    shared: Arc<Shared>,
    lines: HashMap<usize, Line>,
    accepted: usize,
}

impl Reader {
    fn run(mut self) {
        exact_timers();
        let mut events = Events::with_capacity(1024);
        while !self.shared.over.load(Ordering::Relaxed) {
            match self.poll.poll(&mut events, Some(NAP)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
                Ok(()) => {}
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept();
                } else {
                    self.read(event.token().0);
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let _ = stream.set_nodelay(true);
            self.accepted += 1;
            if self.poll.registry().register(&mut stream, Token(self.accepted), Interest::READABLE).is_ok() {
                self.lines.insert(self.accepted, Line { stream: Arc::new(stream), read: Vec::new() });
            }
        }
    }

    /// Reads what there is and answers every request that is whole.
    fn read(&mut self, connection: usize) {
        let mut buffer = [0; 4096];
        while let Some(line) = self.lines.get_mut(&connection) {
            match (&*line.stream).read(&mut buffer) {
                Ok(0) => drop(self.lines.remove(&connection)),
                Ok(count) => {
                    let arrival = self.shared.epoch.elapsed();
                    line.read.extend_from_slice(&buffer[..count]);
                    if line.read.len() > LONGEST || self.requests(connection, arrival).is_err() {
                        self.lines.remove(&connection);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => drop(self.lines.remove(&connection)),
            }
        }
    }

    /// Answers every whole request that was read; requests have no body.
    fn requests(&mut self, connection: usize, arrival: Duration) -> io::Result<()> {
        while let Some(line) = self.lines.get_mut(&connection) {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut request = httparse::Request::new(&mut headers);
            let parsed =
                request.parse(&line.read).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            let httparse::Status::Complete(length) = parsed else { return Ok(()) };
            let work = request.path == Some(WORK);
            line.read.drain(..length);
            if !work {
                (&*line.stream).write_all(&[HEAD, b"2\r\n\r\nok"].concat())?;
                continue;
            }
            let fate = self.dictation.next(arrival);
            let stream = line.stream.clone();
            if fate.reset {
                // The sender's is the only handle then: dropping it closes the connection.
                self.lines.remove(&connection);
            }
            self.dictated(connection, arrival, fate, stream);
        }
        Ok(())
    }

    fn dictated(&self, connection: usize, arrival: Duration, fate: Fate, stream: Arc<TcpStream>) {
        let mut queue = self.shared.queue.lock().expect("the sender does not panic");
        let index = queue.seen.len();
        queue.seen.push(Seen { connection, arrival, fate, written: None });
        let pieces = if fate.reset { 1 } else { self.pieces };
        for piece in 0..pieces {
            let last = piece + 1 == pieces;
            let at = if last { fate.end } else { arrival + (fate.end - arrival) * piece / (pieces - 1) };
            let mut bytes = Vec::new();
            if piece == 0 && !fate.reset {
                bytes = [HEAD, format!("{pieces}\r\n\r\n").as_bytes()].concat();
            }
            bytes.push(b'.');
            let (stream, reset) = (stream.clone(), fate.reset);
            queue.due.push(Reverse(Piece { at, order: (index, piece), last, bytes, stream, reset }));
        }
        let sooner = queue.due.peek().is_some_and(|Reverse(first)| first.order.0 == index);
        drop(queue);
        if sooner {
            self.shared.sooner.notify_one();
        }
    }
}

/// Sends every piece at its instant, until it is over.
fn send(shared: &Shared) {
    exact_timers();
    while let Some(mut piece) = next(shared) {
        while piece.last && shared.epoch.elapsed() < piece.at {
            std::hint::spin_loop();
        }
        if piece.reset {
            // A connection that lingers for no time is reset when it is closed.
            let _ = socket2::SockRef::from(&*piece.stream).set_linger(Some(Duration::ZERO));
        }
        let sent = piece.reset || (&*piece.stream).write_all(&std::mem::take(&mut piece.bytes)).is_ok();
        let (order, last) = (piece.order, piece.last);
        drop(piece);
        if sent && last {
            let written = shared.epoch.elapsed();
            shared.queue.lock().expect("the reader does not panic").seen[order.0].written = Some(written);
        }
    }
}

/// Waits for the next piece: until shortly before its instant if that is one to be met exactly.
fn next(shared: &Shared) -> Option<Piece> {
    let mut queue = shared.queue.lock().expect("the reader does not panic");
    loop {
        if shared.over.load(Ordering::Relaxed) {
            return None;
        }
        let wait = match queue.due.peek() {
            None => NAP,
            Some(Reverse(first)) => {
                let wake = if first.last { first.at.saturating_sub(AWAKE) } else { first.at };
                wake.saturating_sub(shared.epoch.elapsed())
            }
        };
        if wait.is_zero() {
            return queue.due.pop().map(|Reverse(piece)| piece);
        }
        queue = shared.sooner.wait_timeout(queue, wait.min(NAP)).expect("the reader does not panic").0;
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as Plain;

    use super::*;
    use crate::doctor::dictate::{Resets, Rules, Service};

    const ASK: &[u8] = b"POST /work HTTP/1.1\r\nhost: here\r\ncontent-length: 0\r\n\r\n";

    fn start(rules: Rules) -> (Server, Plain) {
        let server = Server::start(Dictation::new(rules, 1), rules.pieces).unwrap();
        let client = Plain::connect(server.address).unwrap();
        (server, client)
    }

    fn answer(mut client: &Plain) -> String {
        let (mut all, mut buffer) = (Vec::new(), [0; 1024]);
        while !all.ends_with(b"\r\n\r\n...") {
            let count = client.read(&mut buffer).unwrap();
            assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn answers_come_whole_in_their_pieces_and_never_before_their_time() {
        let time = Duration::from_millis(30);
        let (server, mut client) = start(Rules { pieces: 3, ..Rules::of(Service::Fixed(time)) });
        for split in [1, 20, ASK.len()] {
            let asked = Instant::now();
            client.write_all(&ASK[..split]).unwrap();
            thread::sleep(Duration::from_millis(2));
            client.write_all(&ASK[split..]).unwrap();
            assert!(answer(&client).starts_with("HTTP/1.1 200 OK\r\n"));
            assert!(asked.elapsed() >= time);
        }
        let seen = server.stop();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|it| it.written.unwrap() >= it.fate.end && it.fate.end == it.arrival + time));
    }

    #[test]
    fn a_reset_reaches_the_client_as_a_reset_at_its_time() {
        let resets = Resets { share: 1.0, after: Duration::from_millis(10) };
        let (server, mut client) =
            start(Rules { resets: Some(resets), ..Rules::of(Service::Fixed(Duration::ZERO)) });
        let asked = Instant::now();
        client.write_all(ASK).unwrap();
        let error = client.read(&mut [0; 10]).unwrap_err();
        assert!(asked.elapsed() >= resets.after);
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(server.stop()[0].fate.reset);
    }

    #[test]
    fn nonsense_ends_the_connection_and_nothing_else() {
        let (server, mut client) = start(Rules::of(Service::Fixed(Duration::ZERO)));
        client.write_all(b"\x00\x01 nonsense\r\n\r\n").unwrap();
        assert_eq!(client.read(&mut [0; 10]).unwrap_or(0), 0);
        let mut other = Plain::connect(server.address).unwrap();
        other.write_all(b"GET /anything HTTP/1.1\r\n\r\n").unwrap();
        assert!(other.read(&mut [0; 200]).unwrap() > 0);
        assert!(server.stop().is_empty());
    }
}
