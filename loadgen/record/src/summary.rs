use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ErrorCounts, Histogram, Histograms, Kind, Latency, Observation, Run, SeriesRow, TargetRow, Window,
    new_histogram, observed_values,
};

/// Figures of the judged window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// First judged second.
    pub from_s: u64,
    /// Length of the judged window, without the time after the planned end in which last answers were waited for.
    pub seconds: u64,
    /// Seconds recorded in all.
    pub recorded_s: u64,
    /// Iterations due by the schedule (open model), or begun (closed model).
    pub offered: u64,
    /// Iterations begun.
    pub started: u64,
    /// Iterations that could not be begun.
    pub dropped: u64,
    /// Requests answered as expected.
    pub completed: u64,
    /// Requests failed.
    pub failed: u64,
    /// Failed requests by kind.
    pub errors: BTreeMap<String, u64>,
    /// Requests answered as expected, per second.
    pub throughput_per_s: f64,
    /// Failed requests and dropped arrivals over all, 0..1.
    pub error_ratio: f64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Highest number of users alive.
    pub peak_users: u64,
    /// Highest number of requests in flight at the end of a second.
    pub peak_in_flight: u64,
    /// Due → last byte of successful requests.
    pub response: Latency,
    /// Sent → last byte of successful requests.
    pub service: Latency,
    /// Due → sent where a user was free.
    pub lag: Latency,
    /// Sent → first byte.
    pub first_byte: Latency,
    /// TCP connects.
    pub connect: Latency,
    /// TLS handshakes.
    pub tls: Latency,
    /// Due → failed.
    pub error: Latency,
    /// The generator's own load.
    pub generator: GeneratorLoad,
    /// The same per request name, in order of name.
    pub by_request: Vec<RequestSummary>,
    /// Values observed of the target.
    pub observed: Vec<Observation>,
}

/// What the generator itself used, over the judged window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorLoad {
    /// Mean cores used.
    pub cpu_cores: f64,
    /// Mean seconds per second that ready threads had no processor.
    pub cpu_wait: f64,
    /// Highest resident memory.
    pub memory_bytes: u64,
    /// Highest number of open files.
    pub open_files: u64,
    /// Worst lateness of the watchdog's timer.
    pub timer_slip_us: u64,
    /// Mean share of this machine's processor time that its host gave to others, 0..1; nothing where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_stolen: Option<f64>,
}

/// Figures of one request name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestSummary {
    /// Its name in the scenario.
    pub name: String,
    /// Whether it is a block of requests made at once, whose time counts from when it was due to when its last request
    /// ended. Its requests are in the totals, it is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_block: bool,
    /// Answered as expected; of a block, all of its requests.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Failed by kind.
    pub errors: BTreeMap<String, u64>,
    /// Answered as expected, per second.
    pub throughput_per_s: f64,
    /// Due → last byte.
    pub response: Latency,
    /// Sent → last byte.
    pub service: Latency,
    /// Sent → first byte.
    pub first_byte: Latency,
    /// Due → failed.
    pub error: Latency,
}

/// The sum of every histogram of one kind, over all request names.
pub(crate) fn merged(histograms: &Histograms, kind: impl Fn(&Kind) -> bool) -> Histogram {
    let mut all = new_histogram();
    for (tag, histogram) in histograms {
        if kind(&tag.kind) {
            all.add(histogram).expect("a growing histogram takes any other");
        }
    }
    all
}

/// Sums up the judged window: `totals` and `series` hold exactly its seconds.
pub fn summarise(
    run: &Run,
    totals: &Histograms,
    series: &[SeriesRow],
    target: &[TargetRow],
    window: Window,
) -> Summary {
    sum_up(run, totals, series, observed_values(&run.observed, target, window), window)
}

/// [`summarise`] with the observed values computed already.
pub(crate) fn sum_up(
    run: &Run,
    totals: &Histograms,
    series: &[SeriesRow],
    observed: Vec<Observation>,
    window: Window,
) -> Summary {
    let judged = || series.iter().filter(|row| window.contains(row.second));
    let sum = |part: fn(&SeriesRow) -> u64| judged().map(part).sum::<u64>();
    let highest = |part: fn(&SeriesRow) -> u64| judged().map(part).max().unwrap_or(0);
    let rows = judged().count().max(1) as f64;
    let mean = |part: fn(&SeriesRow) -> f64| judged().map(part).sum::<f64>() / rows;
    let stolen: Vec<f64> = judged().filter_map(|row| row.cpu_stolen).collect();
    let all = |kind: Kind| Latency::of(&merged(totals, |it| *it == kind));
    let mut errors = ErrorCounts::default();
    for (kind, count) in judged().flat_map(|row| &row.errors.0) {
        *errors.0.entry(kind.clone()).or_default() += count;
    }
    let (completed, failed, dropped) =
        (sum(|row| row.completed), sum(|row| row.failed), sum(|row| row.dropped));
    // Answers that came after the planned end belong to load that was offered before it.
    let planned = Window { to_s: window.to_s.min(run.planned_s().ceil() as u64), ..window };
    let seconds = planned.seconds();
    Summary {
        from_s: window.from_s,
        seconds,
        recorded_s: window.to_s,
        offered: sum(|row| row.offered),
        started: sum(|row| row.started),
        dropped,
        completed,
        failed,
        errors: errors.0,
        throughput_per_s: per_second(completed, seconds),
        error_ratio: (failed + dropped) as f64 / (completed + failed + dropped).max(1) as f64,
        bytes_out: sum(|row| row.bytes_out),
        bytes_in: sum(|row| row.bytes_in),
        peak_users: highest(|row| row.users),
        peak_in_flight: highest(|row| row.in_flight),
        response: all(Kind::Response),
        service: all(Kind::Service),
        lag: all(Kind::Lag),
        first_byte: all(Kind::FirstByte),
        connect: all(Kind::Connect),
        tls: all(Kind::Tls),
        error: Latency::of(&merged(totals, |kind| matches!(kind, Kind::Error(_)))),
        generator: GeneratorLoad {
            cpu_cores: mean(|row| row.cpu_cores),
            cpu_wait: mean(|row| row.cpu_wait),
            memory_bytes: highest(|row| row.memory_bytes),
            open_files: highest(|row| row.open_files),
            timer_slip_us: highest(|row| row.timer_slip_us),
            cpu_stolen: (!stolen.is_empty()).then(|| stolen.iter().sum::<f64>() / stolen.len() as f64),
        },
        by_request: by_request(totals, seconds),
        observed,
    }
}

fn per_second(count: u64, seconds: u64) -> f64 {
    if seconds == 0 { 0.0 } else { count as f64 / seconds as f64 }
}

fn by_request(totals: &Histograms, seconds: u64) -> Vec<RequestSummary> {
    let mut requests: BTreeMap<&str, (RequestSummary, Histogram)> = BTreeMap::new();
    for (tag, histogram) in totals {
        let (request, failed) = requests.entry(&tag.request).or_insert_with(|| {
            (RequestSummary { name: tag.request.clone(), ..RequestSummary::default() }, new_histogram())
        });
        match &tag.kind {
            Kind::Response | Kind::Block => {
                request.is_block = tag.kind == Kind::Block;
                request.completed = histogram.len();
                request.throughput_per_s = per_second(histogram.len(), seconds);
                request.response = Latency::of(histogram);
            }
            Kind::Service => request.service = Latency::of(histogram),
            Kind::FirstByte => request.first_byte = Latency::of(histogram),
            Kind::Error(kind) => {
                request.failed += histogram.len();
                request.errors.insert(kind.clone(), histogram.len());
                failed.add(histogram).expect("a growing histogram takes any other");
            }
            Kind::Lag | Kind::Connect | Kind::Tls => {}
        }
    }
    let finished = requests.into_values().map(|(mut request, failed)| {
        request.error = Latency::of(&failed);
        request
    });
    finished.collect()
}
