use record::{Histogram, quantile_us, unit::show_us};
use serde::Serialize;
use simulation::Bin;

use crate::{
    report::{Interval, interval_words, quantile_interval},
    stats::{self, Cumulative, MIN_RUNS, Resamples, bootstrap_interval, quantile_of},
};

/// Figures of a stretch of time, over all replications.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Requests that arrived, in all replications.
    pub offered: u64,
    /// Answered in time.
    pub answered: u64,
    /// Gone because they waited longer than the timeout.
    pub timed_out: u64,
    /// Turned away by a full queue.
    pub dropped: u64,
    /// Lost with an instance, or sent to one that was.
    pub failed: u64,
    /// Requests that arrived a second.
    pub offered_per_s: f64,
    /// Requests answered in time a second.
    pub answered_per_s: f64,
    /// What was not answered in time over all, 0..1.
    pub lost_ratio: f64,
    /// The interval of that.
    pub lost_interval: Option<Interval>,
    /// Response time of what was answered: median.
    pub p50: Percentile,
    /// 95th percentile.
    pub p95: Percentile,
    /// 99th percentile.
    pub p99: Percentile,
    /// Share of their time that the workers of each tier were busy, 0..1, in the order of the tiers; nothing of a tier that is
    /// not there.
    pub utilisation: [Option<f64>; 4],
}

/// A percentile of response times.
#[derive(Debug, Clone, Serialize)]
pub struct Percentile {
    /// Microseconds; nothing where there are too few answers.
    pub us: Option<u64>,
    /// Its 95 % interval, microseconds.
    pub interval: Option<Interval>,
    /// Both in words.
    pub text: String,
}

/// The figures of `bins`, a replication each, that last `seconds`; `workers` of each tier.
///
/// Percentiles are those of all answers together; their intervals, with five replications or more, a bootstrap over
/// replications, else order statistics.
pub fn figures(bins: &[&Bin], seconds: f64, workers: [f64; 4]) -> Figures {
    let sum = |part: fn(&Bin) -> u64| bins.iter().map(|bin| part(bin)).sum::<u64>();
    let offered = sum(|bin| bin.offered);
    let answered = sum(|bin| bin.answered);
    let lost = offered - answered;
    let all_s = seconds * bins.len() as f64;
    let mut response = record::new_histogram();
    bins.iter().for_each(|bin| response.add(&bin.response).expect("a growing histogram takes any other"));
    let each: Vec<Cumulative> = bins.iter().map(|bin| Cumulative::new(&bin.response, 0)).collect();
    let percentile = |quantile| percentile(&response, &each, quantile);
    Figures {
        offered,
        answered,
        timed_out: sum(|bin| bin.timed_out),
        dropped: sum(|bin| bin.dropped),
        failed: sum(|bin| bin.failed),
        offered_per_s: offered as f64 / all_s,
        answered_per_s: answered as f64 / all_s,
        lost_ratio: lost as f64 / offered.max(1) as f64,
        lost_interval: stats::wilson(lost as f64, offered as f64)
            .map(|(low, high)| Interval { low: Some(low), high: Some(high) }),
        p50: percentile(0.5),
        p95: percentile(0.95),
        p99: percentile(0.99),
        utilisation: std::array::from_fn(|tier| {
            let busy_ns: u64 = bins.iter().map(|bin| bin.busy_ns[tier]).sum();
            (workers[tier] > 0.0).then(|| busy_ns as f64 / 1e9 / (all_s * workers[tier]))
        }),
    }
}

fn percentile(all: &Histogram, each: &[Cumulative], quantile: f64) -> Percentile {
    let us = quantile_us(all, quantile);
    let interval = us.and_then(|_| {
        if each.len() < MIN_RUNS {
            return quantile_interval(all, 0, quantile);
        }
        let draws = Resamples::new(each.len(), 0)
            .apply(|times| quantile_of(each, times, quantile).map_or(f64::INFINITY, |us| us as f64));
        let (low, high) = bootstrap_interval(draws, each.len(), each.len() as f64 - 1.0, stats::CONFIDENCE);
        let end = |us: f64| Some(us).filter(|us| us.is_finite());
        Some(Interval { low: end(low), high: end(high) })
    });
    let text = match (us, interval.map(|it| interval_words(it, show_us))) {
        (Some(us), Some(words)) if !words.is_empty() => format!("{} ({words})", show_us(us as f64)),
        (Some(us), _) => show_us(us as f64),
        (None, _) => "n too small".to_owned(),
    };
    Percentile { us, interval, text }
}
