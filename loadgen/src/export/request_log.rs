//! Every request as a line of JSON, for those who want to look at single ones. Users put what they know into a bounded
//! queue and go on; a thread writes. What the queue cannot take is counted and left out: a log must not slow a run.

use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use record::unit::show_count;
use serde::Serialize;

use crate::{measure::Sample, plan::model::RequestId};

/// Requests that may wait to be written: a tenth of a second of more than this machine can send.
const QUEUE: usize = 65_536;
/// How often they are written. The writer looks by itself, so that no user has to wake it.
const EVERY: Duration = Duration::from_millis(20);

/// How much is written at most.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Lines.
    pub lines: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Share of iterations, 0..1, whose requests are written.
    pub share: f64,
}

/// A request, as a user hands it over.
#[derive(Debug)]
struct Entry {
    request: RequestId,
    due: Instant,
    sent: Option<Instant>,
    first_byte: Option<Instant>,
    end: Instant,
    status: Option<u16>,
    error: Option<Box<str>>,
    bytes_in: u64,
    bytes_out: u64,
    user: u64,
    iteration: u64,
}

/// A line of the log. Times are microseconds since second 0 of the run; what `on_start` did before it is negative.
#[derive(Debug, Serialize)]
struct Line<'a> {
    due_us: i64,
    sent_us: Option<i64>,
    first_byte_us: Option<i64>,
    end_us: i64,
    request: &'a str,
    status: Option<u16>,
    error: Option<&'a str>,
    bytes_in: u64,
    bytes_out: u64,
    user: u64,
    iteration: u64,
}

/// Where users write down their requests.
pub struct RequestLog {
    queue: flume::Sender<Entry>,
    shared: Arc<Shared>,
    /// Iterations whose hash is below this are written; all when nothing.
    below: Option<u64>,
    writer: Mutex<Option<JoinHandle<Written>>>,
}

#[derive(Debug, Default)]
struct Shared {
    full: AtomicBool,
    closing: AtomicBool,
    lost: AtomicU64,
}

impl fmt::Debug for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLog").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// What came of a log.
#[derive(Debug, Default)]
pub struct Written {
    /// Lines in the file.
    pub lines: u64,
    /// Requests that the queue could not take.
    pub lost: u64,
    /// Why it stopped before the run ended, if it did.
    pub stopped: Option<String>,
}

impl RequestLog {
    /// Starts to write to `file`. `requests` are the names by [`RequestId`]; `start` gives second 0 as soon as it is
    /// known; `warn` is told once if the log has to stop early.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        file: File,
        bounds: Bounds,
        requests: &'static [String],
        start: impl Fn() -> Option<Instant> + Send + 'static,
        warn: impl Fn(&str) + Send + 'static,
    ) -> io::Result<Self> {
        let out = BufWriter::with_capacity(1 << 18, file);
        let (queue, entries) = flume::bounded(QUEUE);
        let shared = Arc::new(Shared::default());
        let mut pen = Pen { out, bounds, requests, bytes: 0, written: Written::default(), line: Vec::new() };
        let thread = thread::Builder::new().name("request-log".to_owned());
        let known = shared.clone();
        let writer = thread.spawn(move || {
            loop {
                let last = known.closing.load(Ordering::Acquire);
                // Nothing is due before second 0 is known; at the end it is known or there was no run.
                let begun = start();
                if let Some(start) = begun {
                    let went = entries.try_iter().try_for_each(|entry| pen.write(&entry, start));
                    if let Err(why) = went.and_then(|()| pen.out.flush().map_err(|error| error.to_string())) {
                        known.full.store(true, Ordering::Relaxed);
                        let _ = pen.out.flush();
                        warn(&why);
                        pen.written.stopped = Some(why);
                    }
                }
                if last || pen.written.stopped.is_some() {
                    pen.written.lost = known.lost.load(Ordering::Relaxed);
                    return pen.written;
                }
                thread::sleep(EVERY);
            }
        })?;
        let below = (bounds.share < 1.0).then_some((bounds.share * u64::MAX as f64) as u64);
        Ok(Self { queue, shared, below, writer: Mutex::new(Some(writer)) })
    }

    /// Writes down one request. Returns at once, whether it is written or not.
    pub fn note(&self, sample: &Sample<'_>, user: u64, iteration: u64, status: Option<u16>) {
        if self.shared.full.load(Ordering::Relaxed)
            || self.below.is_some_and(|below| mixed(user, iteration) >= below)
        {
            return;
        }
        let entry = Entry {
            request: sample.request,
            due: sample.due,
            sent: sample.sent,
            first_byte: sample.first_byte,
            end: sample.end,
            status,
            error: sample.error.map(Box::from),
            bytes_in: sample.bytes_in,
            bytes_out: sample.bytes_out,
            user,
            iteration,
        };
        if self.queue.try_send(entry).is_err() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what waits and ends the log. A second call gives nothing.
    pub fn close(&self) -> Option<Written> {
        self.shared.closing.store(true, Ordering::Release);
        self.writer.lock().expect("no panic under this lock").take()?.join().ok()
    }
}

/// A number for an iteration, evenly spread: SplitMix64 of both (Steele, Lea, Flood, OOPSLA 2014). Sampling by it takes
/// nothing from the user's own random numbers, and takes iterations whole.
fn mixed(user: u64, iteration: u64) -> u64 {
    let mix = |seed: u64| {
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    mix(mix(user) ^ iteration)
}

struct Pen {
    out: BufWriter<File>,
    bounds: Bounds,
    requests: &'static [String],
    bytes: u64,
    written: Written,
    line: Vec<u8>,
}

impl Pen {
    /// Writes one line; the error is why there can be no more.
    fn write(&mut self, entry: &Entry, start: Instant) -> Result<(), String> {
        let at = |instant: Instant| offset_us(instant, start);
        let line = Line {
            due_us: at(entry.due),
            sent_us: entry.sent.map(at),
            first_byte_us: entry.first_byte.map(at),
            end_us: at(entry.end),
            request: &self.requests[entry.request],
            status: entry.status,
            error: entry.error.as_deref(),
            bytes_in: entry.bytes_in,
            bytes_out: entry.bytes_out,
            user: entry.user,
            iteration: entry.iteration,
        };
        self.line.clear();
        serde_json::to_writer(&mut self.line, &line).map_err(|error| error.to_string())?;
        self.line.push(b'\n');
        if self.written.lines >= self.bounds.lines {
            return Err(format!("its limit of {} lines is reached", show_count(self.bounds.lines as i64)));
        }
        if self.bytes + self.line.len() as u64 > self.bounds.bytes {
            return Err(format!("its limit of {} MB is reached", self.bounds.bytes / 1_000_000));
        }
        self.out.write_all(&self.line).map_err(|error| error.to_string())?;
        self.bytes += self.line.len() as u64;
        self.written.lines += 1;
        Ok(())
    }
}

fn offset_us(at: Instant, start: Instant) -> i64 {
    let us = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    match at.checked_duration_since(start) {
        Some(after) => us(after),
        None => -us(start - at),
    }
}

#[cfg(test)]
#[path = "request_log/tests.rs"]
mod tests;
