//! The recorder: every request's times into HDR histograms, sharded by worker thread so that threads do not wait for
//! each other, rotated once a second into the record.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use record::{ErrorCounts, HIGHEST_US, Histogram, Histograms, Kind, SeriesRow, Tag, new_histogram};

use crate::plan::model::RequestId;

/// What became of one request. All instants are of one monotonic clock.
#[derive(Debug)]
pub struct Sample<'a> {
    /// Which request.
    pub request: RequestId,
    /// When it should have been sent.
    pub due: Instant,
    /// When the user began with it.
    pub begun: Instant,
    /// When it was handed to an open connection, if it came to that.
    pub sent: Option<Instant>,
    /// When the response head came, if it did.
    pub first_byte: Option<Instant>,
    /// When the last byte came, or the request was given up.
    pub end: Instant,
    /// Whether a free user waited for `due`: only then is `begun − due` the generator's own lateness.
    pub on_time: bool,
    /// Time to open a connection, if one was opened.
    pub connect: Option<Duration>,
    /// Time for the TLS handshake, if one was made.
    pub tls: Option<Duration>,
    /// The kind of failure, if it failed.
    pub error: Option<&'a str>,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// Histograms of one request name in one shard.
#[derive(Debug)]
struct Slice {
    response: Histogram,
    service: Histogram,
    lag: Histogram,
    first_byte: Histogram,
    connect: Histogram,
    tls: Histogram,
    block: Histogram,
    errors: BTreeMap<String, Histogram>,
}

impl Slice {
    fn new() -> Self {
        Self {
            response: new_histogram(),
            service: new_histogram(),
            lag: new_histogram(),
            first_byte: new_histogram(),
            connect: new_histogram(),
            tls: new_histogram(),
            block: new_histogram(),
            errors: BTreeMap::new(),
        }
    }

    fn drain(&mut self, request: &str, into: &mut Histograms) {
        let fixed = [
            (Kind::Response, &mut self.response),
            (Kind::Service, &mut self.service),
            (Kind::Lag, &mut self.lag),
            (Kind::FirstByte, &mut self.first_byte),
            (Kind::Connect, &mut self.connect),
            (Kind::Tls, &mut self.tls),
            (Kind::Block, &mut self.block),
        ];
        let errors = self.errors.iter_mut().map(|(kind, histogram)| (Kind::Error(kind.clone()), histogram));
        for (kind, histogram) in
            fixed.into_iter().chain(errors).filter(|(_, histogram)| !histogram.is_empty())
        {
            let tag = Tag { request: request.to_owned(), kind };
            let sum = into.entry(tag).or_insert_with(new_histogram);
            sum.add(&*histogram).expect("a growing histogram takes any other");
            histogram.reset();
        }
    }
}

#[derive(Debug, Default)]
struct Shard {
    slices: Vec<Slice>,
    bytes_in: u64,
    bytes_out: u64,
}

/// What one thread writes, on cache lines of its own. Counters may be raised by one thread and lowered by another; only
/// their sum over all threads means something.
#[derive(Debug)]
#[repr(align(128))]
struct Lane {
    shard: Mutex<Shard>,
    in_flight: AtomicI64,
    busy: AtomicI64,
    offered: AtomicU64,
    started: AtomicU64,
}

/// Where every request's times go.
#[derive(Debug)]
pub struct Recorder {
    requests: Vec<String>,
    lanes: Vec<Lane>,
    /// For rotation: swapped with a lane's slices, so that a worker waits for a pointer swap and no longer.
    spare: Mutex<Vec<Vec<Slice>>>,
    /// Users alive.
    users: AtomicI64,
    /// Iterations dropped since the last rotation.
    dropped: AtomicU64,
}

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

impl Recorder {
    /// A recorder of `requests`, for about `threads` threads that record at once.
    pub fn new(requests: &[String], threads: usize) -> Self {
        let slices = || requests.iter().map(|_| Slice::new()).collect::<Vec<_>>();
        let lane = || Lane {
            shard: Mutex::new(Shard { slices: slices(), ..Shard::default() }),
            in_flight: AtomicI64::new(0),
            busy: AtomicI64::new(0),
            offered: AtomicU64::new(0),
            started: AtomicU64::new(0),
        };
        Self {
            requests: requests.to_vec(),
            lanes: (0..threads.max(1)).map(|_| lane()).collect(),
            spare: Mutex::new((0..threads.max(1)).map(|_| slices()).collect()),
            users: AtomicI64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    fn lane(&self) -> &Lane {
        &self.lanes[this_thread() % self.lanes.len()]
    }

    /// Records one request.
    pub fn record(&self, sample: &Sample<'_>) {
        let mut shard = self.lane().shard.lock().expect("recording does not panic");
        let response = us(sample.end.saturating_duration_since(sample.due));
        let sent = sample.sent.unwrap_or(sample.begun);
        shard.bytes_in += sample.bytes_in;
        shard.bytes_out += sample.bytes_out;
        let slice = &mut shard.slices[sample.request];
        match sample.error {
            None => {
                put(&mut slice.response, response);
                put(&mut slice.service, us(sample.end.saturating_duration_since(sent)));
            }
            Some(kind) => match slice.errors.get_mut(kind) {
                Some(histogram) => put(histogram, response),
                None => put(slice.errors.entry(kind.to_owned()).or_insert_with(new_histogram), response),
            },
        }
        if sample.on_time {
            put(&mut slice.lag, us(sample.begun.saturating_duration_since(sample.due)));
        }
        if let Some(first_byte) = sample.first_byte {
            put(&mut slice.first_byte, us(first_byte.saturating_duration_since(sent)));
        }
        if let Some(connect) = sample.connect {
            put(&mut slice.connect, us(connect));
        }
        if let Some(tls) = sample.tls {
            put(&mut slice.tls, us(tls));
        }
    }

    /// Records a block of requests that was due at `due` and whose last request has ended at `end`.
    pub fn block(&self, id: RequestId, due: Instant, end: Instant) {
        let mut shard = self.lane().shard.lock().expect("recording does not panic");
        put(&mut shard.slices[id].block, us(end.saturating_duration_since(due)));
    }

    /// A request goes out (+1) or has ended (−1).
    pub fn in_flight(&self, change: i64) {
        self.lane().in_flight.fetch_add(change, Ordering::Relaxed);
    }

    /// A user of the open model turns to an arrival (+1) or is free again (−1).
    pub fn busy(&self, change: i64) {
        self.lane().busy.fetch_add(change, Ordering::Relaxed);
    }

    /// Users of the open model that are not free now.
    pub fn busy_now(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.busy.load(Ordering::Relaxed)).sum::<i64>().max(0) as u64
    }

    /// A user came (+1) or went (−1).
    pub fn users(&self, change: i64) {
        self.users.fetch_add(change, Ordering::Relaxed);
    }

    /// Users alive now.
    pub fn users_now(&self) -> u64 {
        self.users.load(Ordering::Relaxed).max(0) as u64
    }

    /// An iteration was due.
    pub fn offered(&self) {
        self.lane().offered.fetch_add(1, Ordering::Relaxed);
    }

    /// An iteration was begun.
    pub fn started(&self) {
        self.lane().started.fetch_add(1, Ordering::Release);
    }

    /// An iteration found every user busy and the queue full.
    pub fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Release);
    }

    /// Takes out all that was recorded since the last call: the histograms and a row of `second` with the counts (the
    /// generator's own load is left zero).
    pub fn rotate(&self, second: u64) -> (SeriesRow, Histograms) {
        let mut histograms = Histograms::new();
        let mut row = SeriesRow { second, ..SeriesRow::default() };
        let mut spare = self.spare.lock().expect("rotation does not panic");
        let mut in_flight = 0;
        for (lane, spare) in self.lanes.iter().zip(spare.iter_mut()) {
            in_flight += lane.in_flight.load(Ordering::Relaxed);
            {
                let mut shard = lane.shard.lock().expect("recording does not panic");
                std::mem::swap(&mut shard.slices, spare);
                row.bytes_in += std::mem::take(&mut shard.bytes_in);
                row.bytes_out += std::mem::take(&mut shard.bytes_out);
            }
            for (slice, request) in spare.iter_mut().zip(&self.requests) {
                slice.drain(request, &mut histograms);
            }
        }
        // What follows before what it follows from: never were more begun or dropped than offered.
        row.started = self.lanes.iter().map(|lane| lane.started.swap(0, Ordering::Acquire)).sum();
        row.dropped = self.dropped.swap(0, Ordering::Acquire);
        row.offered = self.lanes.iter().map(|lane| lane.offered.swap(0, Ordering::Relaxed)).sum();
        row.in_flight = in_flight.max(0) as u64;
        row.users = self.users_now();
        count(&mut row, &histograms);
        (row, histograms)
    }
}

/// Fills in the counts that the histograms hold.
fn count(row: &mut SeriesRow, histograms: &Histograms) {
    let mut errors = ErrorCounts::default();
    let mut lag = new_histogram();
    for (tag, histogram) in histograms {
        match &tag.kind {
            Kind::Response => row.completed += histogram.len(),
            Kind::Error(kind) => *errors.0.entry(kind.clone()).or_default() += histogram.len(),
            Kind::Lag => lag.add(histogram).expect("a growing histogram takes any other"),
            _ => {}
        }
    }
    row.failed = errors.0.values().sum();
    row.errors = errors;
    row.lag_p99_us = (!lag.is_empty()).then(|| lag.value_at_quantile(0.99));
}

fn this_thread() -> usize {
    SHARD.with(|shard| {
        if shard.get() == usize::MAX {
            shard.set(NEXT_SHARD.fetch_add(1, Ordering::Relaxed));
        }
        shard.get()
    })
}

fn us(duration: Duration) -> u64 {
    duration.as_micros().min(u128::from(HIGHEST_US)) as u64
}

fn put(histogram: &mut Histogram, us: u64) {
    histogram.record(us).expect("a growing histogram takes any value up to its memory");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(due: Instant, response_us: u64, error: Option<&str>) -> Sample<'_> {
        let end = due + Duration::from_micros(response_us);
        Sample {
            request: 0,
            due,
            begun: due + Duration::from_micros(10),
            sent: None,
            first_byte: None,
            end,
            on_time: true,
            connect: None,
            tls: None,
            error,
            bytes_in: 5,
            bytes_out: 3,
        }
    }

    #[test]
    fn every_sample_of_every_thread_is_rotated_out_exactly_once() {
        let recorder = Recorder::new(&["one".to_owned()], 2);
        let due = Instant::now();
        let (mut completed, mut failed, mut bytes) = (0, 0, 0);
        let mut all = new_histogram();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for i in 0..5_000 {
                        recorder.record(&sample(due, i + 20, (i % 10 == 0).then_some("timeout")));
                    }
                });
            }
            for second in 0..20 {
                std::thread::yield_now();
                let (row, histograms) = recorder.rotate(second);
                completed += row.completed;
                failed += row.failed;
                bytes += row.bytes_in;
                for (tag, histogram) in &histograms {
                    if tag.kind == Kind::Response {
                        all.add(histogram).unwrap();
                    }
                }
            }
        });
        let (row, histograms) = recorder.rotate(20);
        for (tag, histogram) in &histograms {
            if tag.kind == Kind::Response {
                all.add(histogram).unwrap();
            }
        }
        assert_eq!((completed + row.completed, failed + row.failed), (18_000, 2_000));
        assert_eq!((bytes + row.bytes_in, all.len()), (100_000, 18_000));
        assert!(recorder.rotate(21).1.is_empty());
    }

    #[test]
    fn never_were_more_iterations_begun_or_dropped_than_offered_however_rotation_falls_between() {
        const ITERATIONS: u64 = 300_000;
        let recorder = Recorder::new(&["one".to_owned()], 8);
        let (queue, arrivals) = std::sync::mpsc::sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let queue = queue;
                for _ in 0..ITERATIONS {
                    recorder.offered();
                    if queue.try_send(()).is_err() {
                        recorder.dropped();
                    }
                }
            });
            scope.spawn(|| arrivals.into_iter().for_each(|()| recorder.started()));
            let (mut offered, mut taken) = (0, 0);
            while taken < ITERATIONS {
                let (row, _) = recorder.rotate(0);
                offered += row.offered;
                taken += row.started + row.dropped;
                assert!(taken <= offered, "{taken} of {offered}");
            }
        });
    }

    #[test]
    fn failures_keep_their_own_latencies_by_kind() {
        let recorder = Recorder::new(&["one".to_owned()], 1);
        let due = Instant::now();
        recorder.record(&sample(due, 100, None));
        recorder.record(&sample(due, 10_000_000, Some("timeout")));
        let (row, histograms) = recorder.rotate(0);
        let timeout = &histograms[&Tag { request: "one".into(), kind: Kind::Error("timeout".into()) }];
        assert_eq!((row.completed, row.failed, row.errors.to_string().as_str()), (1, 1, "timeout:1"));
        assert!((9_990_000..=10_010_000).contains(&timeout.max()));
    }
}
