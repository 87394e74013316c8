//! The control: a plain client that is nothing like the load generator, one thread and one connection, which asks the
//! known server now and then for an answer that takes no time. What it sees is the way there and back, with the waking of
//! a thread at either end: what any client on this machine must add to the truth, and how disturbed the machine is.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use record::{Histogram, Latency, new_histogram};

use crate::pacer::exact_timers;

/// Between two questions; no simple fraction of a second, so that it meets the load at every phase.
const GAP: Duration = Duration::from_micros(3_917);
/// An answer that takes longer than this is given up, and the control with it.
const PATIENCE: Duration = Duration::from_secs(5);
const ASK: &[u8] = b"POST /plain HTTP/1.1\r\nhost: control\r\ncontent-length: 0\r\n\r\n";

/// A control at work.
#[derive(Debug)]
pub struct Control {
    over: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Histogram>>,
}

impl Control {
    /// Starts to ask the server at `address`.
    ///
    /// # Errors
    /// No connection or thread can be had.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let over = Arc::new(AtomicBool::new(false));
        let stop = over.clone();
        let thread = thread::Builder::new().name("control".to_owned()).spawn(move || ask(stream, &stop))?;
        Ok(Self { over, thread })
    }

    /// Stops it and gives what it saw: due → last byte, microseconds.
    ///
    /// # Errors
    /// The server did not answer it.
    pub fn stop(self) -> io::Result<Latency> {
        self.over.store(true, Ordering::Relaxed);
        let histogram =
            self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the control panicked")))?;
        Ok(Latency::of(&histogram))
    }
}

fn ask(mut stream: TcpStream, over: &AtomicBool) -> io::Result<Histogram> {
    exact_timers();
    let mut histogram = new_histogram();
    let mut buffer = [0; 1024];
    let mut due = Instant::now();
    while !over.load(Ordering::Relaxed) {
        due += GAP;
        while let Some(wait) = due.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) {
            thread::sleep(wait);
        }
        stream.write_all(ASK)?;
        let mut read = 0;
        while !buffer[..read].ends_with(b"ok") {
            match stream.read(&mut buffer[read..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => read += count,
            }
        }
        let us = due.elapsed().as_micros().min(u128::from(record::HIGHEST_US)) as u64;
        histogram.record(us.max(1)).map_err(io::Error::other)?;
    }
    Ok(histogram)
}
