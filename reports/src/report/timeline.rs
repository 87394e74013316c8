use record::{Histogram, Latency, SeriesRow, Window, min_samples, new_histogram, observed_values};
use serde::Serialize;

use super::heat::{Heat, heat};
use crate::{
    failure::Failure,
    read::{Evidence, each_second},
};

/// The run over time, in bins of whole seconds.
#[derive(Debug, Clone, Serialize)]
pub struct Timeline {
    /// Width of a bin; the last may be cut short by the end of the run.
    pub bin_s: u64,
    /// The bins, in order. A stretch without recorded seconds has none.
    pub bins: Vec<Bin>,
    /// Mean response time of each judged second with answers, up to the planned end, microseconds.
    #[serde(skip)]
    pub means_us: Vec<f64>,
}

/// A stretch of the run.
#[derive(Debug, Clone, Serialize)]
pub struct Bin {
    /// First second.
    pub from_s: u64,
    /// One past the last.
    pub to_s: u64,
    /// Whether it begins in the warm-up.
    pub warm_up: bool,
    /// Response time of its answers, from their merged histogram.
    pub response: Latency,
    /// Iterations due.
    pub offered_per_s: f64,
    /// Iterations begun.
    pub started_per_s: f64,
    /// Iterations that could not be begun.
    pub dropped_per_s: f64,
    /// Requests answered as expected.
    pub completed_per_s: f64,
    /// Requests failed.
    pub failed_per_s: f64,
    /// Most users alive at the end of a second.
    pub users: u64,
    /// Most requests in flight at the end of a second.
    pub in_flight: u64,
    /// The worst second's 99th percentile of start lag.
    pub lag_p99_us: Option<u64>,
    /// The worst lateness of the watchdog's timer.
    pub timer_slip_us: u64,
    /// Mean cores used by the generator.
    pub cpu_cores: f64,
    /// Mean seconds per second that its ready threads had no processor.
    pub cpu_wait: f64,
    /// Its highest resident memory.
    pub memory_bytes: u64,
    /// Each observed value, in the order of `target.values`.
    pub observed: Vec<Option<f64>>,
}

/// Widths a reader can do sums with, seconds.
const WIDTHS: [u64; 14] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600];
/// More bins than this are finer than a page can draw.
const MOST: u64 = 180;
/// Fewer bins than this show no course.
const FEWEST: u64 = 12;
/// Share of the bins with answers that must support a percentile.
const SUPPORTED: f64 = 0.9;

/// The run over time, and how its answers spread over latency: both of one reading of the log.
///
/// # Errors
/// The latency log is damaged.
pub fn timeline(evidence: &Evidence) -> Result<(Timeline, Heat), Failure> {
    let record = &evidence.record;
    let counts: Vec<(u64, u64)> = record.series.iter().map(|row| (row.second, row.completed)).collect();
    let bin_s = bin_width(&counts, record.judged());
    let windows = windows(record.recorded_s(), bin_s);
    let mut response = vec![new_histogram(); windows.len()];
    let (judged, planned_s) = (record.judged(), record.run.planned_s());
    let mut means_us = Vec::new();
    each_second(record, |second, histogram| {
        if judged.contains(second) && (second as f64) < planned_s && !histogram.is_empty() {
            means_us.push(histogram.mean());
        }
        let index = ((second / bin_s) as usize).min(windows.len() - 1);
        response[index].add(histogram).expect("a growing histogram takes any other");
    })?;
    let bins =
        windows.iter().zip(&response).filter_map(|(window, response)| bin(evidence, response, *window));
    let timeline = Timeline { bin_s, bins: bins.collect(), means_us };
    Ok((timeline, heat(&windows, bin_s, &response)))
}

/// The bins of a run. A last one of less than half the width belongs to the one before: a second of stragglers at the
/// end of the run would look like a collapse.
fn windows(recorded_s: u64, bin_s: u64) -> Vec<Window> {
    let whole = recorded_s / bin_s;
    let count = if 2 * (recorded_s % bin_s) >= bin_s { whole + 1 } else { whole }.max(1);
    let window = |index| Window {
        from_s: index * bin_s,
        to_s: if index + 1 == count { recorded_s } else { (index + 1) * bin_s },
    };
    (0..count).map(window).collect()
}

/// The smallest width whose bins support the 99th percentile; if that leaves too few bins to show a course, the 95th,
/// then the median. `counts` are answers by second.
fn bin_width(counts: &[(u64, u64)], judged: Window) -> u64 {
    let fits = |width: &&u64| judged.to_s.div_ceil(**width) <= MOST;
    let widest = WIDTHS[WIDTHS.len() - 1];
    let narrowest =
        WIDTHS.iter().find(fits).copied().unwrap_or(judged.to_s.div_ceil(MOST).next_multiple_of(widest));
    let supports = |width: u64, quantile: f64| {
        let mut bins = std::collections::BTreeMap::<u64, u64>::new();
        for (second, n) in counts.iter().filter(|(second, _)| judged.contains(*second)) {
            *bins.entry(second / width).or_default() += n;
        }
        let busy: Vec<u64> = bins.into_values().filter(|n| *n > 0).collect();
        let enough = busy.iter().filter(|n| **n >= min_samples(quantile)).count();
        enough as f64 >= SUPPORTED * busy.len() as f64
    };
    let courses =
        || WIDTHS.iter().copied().filter(|width| *width >= narrowest && judged.to_s / *width >= FEWEST);
    let found =
        [0.99, 0.95, 0.5].into_iter().find_map(|quantile| courses().find(|width| supports(*width, quantile)));
    found.unwrap_or(narrowest)
}

fn bin(evidence: &Evidence, response: &Histogram, window: Window) -> Option<Bin> {
    let record = &evidence.record;
    let rows = within(&record.series, window, |row| row.second);
    if rows.is_empty() {
        return None;
    }
    let seconds = rows.len() as f64;
    let per_s = |part: fn(&SeriesRow) -> u64| rows.iter().map(part).sum::<u64>() as f64 / seconds;
    let most = |part: fn(&SeriesRow) -> u64| rows.iter().map(part).max().unwrap_or(0);
    let mean = |part: fn(&SeriesRow) -> f64| rows.iter().map(part).sum::<f64>() / seconds;
    // Growth in a window begins at the reading before it.
    let since = Window { from_s: window.from_s.saturating_sub(1), to_s: window.to_s };
    let target = within(&record.target, since, |row| row.second);
    Some(Bin {
        from_s: window.from_s,
        to_s: window.to_s,
        warm_up: window.from_s < record.run.warm_up_s,
        response: Latency::of(response),
        offered_per_s: per_s(|row| row.offered),
        started_per_s: per_s(|row| row.started),
        dropped_per_s: per_s(|row| row.dropped),
        completed_per_s: per_s(|row| row.completed),
        failed_per_s: per_s(|row| row.failed),
        users: most(|row| row.users),
        in_flight: most(|row| row.in_flight),
        lag_p99_us: rows.iter().filter_map(|row| row.lag_p99_us).max(),
        timer_slip_us: most(|row| row.timer_slip_us),
        cpu_cores: mean(|row| row.cpu_cores),
        cpu_wait: mean(|row| row.cpu_wait),
        memory_bytes: most(|row| row.memory_bytes),
        observed: observed_values(&record.run.observed, target, window)
            .into_iter()
            .map(|it| it.value)
            .collect(),
    })
}

/// The part of `rows`, which are in order of second, that lies in `window`.
fn within<T>(rows: &[T], window: Window, second: impl Fn(&T) -> u64) -> &[T] {
    let from = rows.partition_point(|row| second(row) < window.from_s);
    let to = rows.partition_point(|row| second(row) < window.to_s);
    &rows[from..to.max(from)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width(per_s: u64, seconds: u64) -> u64 {
        let counts: Vec<(u64, u64)> = (0..seconds).map(|second| (second, per_s)).collect();
        bin_width(&counts, Window { from_s: 0, to_s: seconds })
    }

    #[test]
    fn bins_are_as_narrow_as_their_percentiles_allow() {
        assert_eq!(width(1000, 60), 1);
        assert_eq!(width(200, 60), 2); // p99 needs 368
        assert_eq!(width(10, 1800), 60);
    }

    #[test]
    fn a_run_too_thin_for_p99_is_binned_for_what_it_supports() {
        assert_eq!(width(10, 120), 10); // p95 needs 72
        assert_eq!(width(1, 120), 10); // the median needs 6
        assert_eq!(width(1, 1), 1);
        assert_eq!(width(0, 60), 1);
    }

    #[test]
    fn every_second_lies_in_one_bin_and_a_short_end_in_the_last() {
        let ends =
            |recorded_s, bin_s| windows(recorded_s, bin_s).iter().map(|it| it.to_s).collect::<Vec<_>>();
        assert_eq!(ends(31, 10), [10, 20, 31]);
        assert_eq!(ends(35, 10), [10, 20, 30, 35]);
        assert_eq!(ends(4, 10), [4]);
        assert_eq!(ends(3, 1), [1, 2, 3]);
    }

    #[test]
    fn a_long_run_has_no_more_bins_than_can_be_drawn() {
        assert_eq!(width(1000, 3600), 20);
        assert!((30 * 86_400_u64).div_ceil(width(1000, 30 * 86_400)) <= MOST);
    }
}
