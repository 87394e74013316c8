use record::{Histogram, Kind, ObservedKind, unit::show_count};

use super::{
    rule::{Rule, Timing},
    source::{Runs, Source},
};
use crate::{
    read::{Bucket, buckets},
    report::{Interval, quantile_interval},
    stats::{self, Cumulative, MIN_RUNS, Resamples, bootstrap_interval, quantile_of},
};

/// A figure as it was measured, in the unit of its rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The figure; nothing where only its bounds are known.
    pub value: Option<f64>,
    /// Its 95 % interval, or what bounds it.
    pub interval: Interval,
    /// What it rests on.
    pub n: u64,
    /// What is counted by `n`.
    pub of: &'static str,
}

/// What `source` says of the figure that `rule` is about; nothing where it does not measure it, or not enough of it.
pub fn measure(rule: &Rule, source: &Source) -> Option<Figure> {
    match (rule, source) {
        (Rule::Percentile { quantile, of, requests, .. }, Source::Runs(runs)) => {
            percentile(runs, *quantile, *of, requests)
        }
        (Rule::ErrorShare { .. }, Source::Runs(runs)) => {
            let counts = runs.runs.iter().map(|run| {
                let lost = run.summary.failed + run.summary.dropped;
                (lost as f64, (run.summary.completed + lost) as f64)
            });
            share(&counts.collect::<Vec<_>>(), "requests")
        }
        (Rule::ObservedShare { observed, .. }, Source::Runs(runs)) => {
            let seen = runs.runs.iter().map(|run| {
                let named = |name: &String| {
                    run.summary.observed.iter().find(|seen| {
                        seen.name == *name && matches!(seen.kind, ObservedKind::Ratio | ObservedKind::Header)
                    })
                };
                let seen = observed.iter().find_map(named)?;
                Some((seen.value?.clamp(0.0, 1.0) * seen.n, seen.n))
            });
            share(&seen.collect::<Option<Vec<_>>>()?, "lookups")
        }
        (Rule::ObservedPercentile { observed, quantile, .. }, Source::Runs(runs)) => {
            bucket_percentile(&all_buckets(runs, observed)?, *quantile)
        }
        (Rule::BusyConnections { observed, .. }, Source::Runs(runs)) => {
            let seconds: u64 = runs.runs.iter().map(|run| run.summary.seconds).sum();
            busy(&all_buckets(runs, observed)?, seconds as f64)
        }
        (Rule::Users { .. }, source) => super::users::users(source),
        _ => None,
    }
}

/// The quantile over several runs: order statistics of all answers together and, with five runs or more, the bootstrap over
/// runs; the wider of the two.
fn percentile(runs: &Runs, quantile: f64, of: Timing, requests: &[String]) -> Option<Figure> {
    let kind = match of {
        Timing::Response => Kind::Response,
        Timing::Service => Kind::Service,
    };
    let wanted = |name: &str| requests.is_empty() || requests.iter().any(|request| request == name);
    // An arrival that was dropped has no service time, and belongs to no request.
    let count_dropped = of == Timing::Response && requests.is_empty();
    let (mut all, mut dropped, mut each) = (record::new_histogram(), 0, Vec::new());
    for run in &runs.runs {
        let mut own: Histogram = record::new_histogram();
        for (_, histogram) in run.totals.iter().filter(|(tag, _)| tag.kind == kind && wanted(&tag.request)) {
            own.add(histogram).expect("a growing histogram takes any other");
        }
        let above = if count_dropped { run.summary.dropped } else { 0 };
        all.add(&own).expect("a growing histogram takes any other");
        dropped += above;
        each.push(Cumulative::new(&own, above));
    }
    let ms = |us: f64| us / 1e3;
    let by_ranks = quantile_interval(&all, dropped, quantile)?;
    let value = quantile_of(&each, &vec![1; each.len()], quantile);
    let mut interval = Interval { low: by_ranks.low.map(ms), high: by_ranks.high.map(ms) };
    if each.len() >= MIN_RUNS && value.is_some() {
        let draws = Resamples::new(each.len(), 0)
            .apply(|times| quantile_of(&each, times, quantile).map_or(f64::INFINITY, |us| us as f64));
        let (low, high) = bootstrap_interval(draws, each.len(), each.len() as f64 - 1.0, stats::CONFIDENCE);
        interval.low = interval.low.map(|it| it.min(ms(low)));
        interval.high = interval.high.map(|it| it.max(ms(high))).filter(|it| it.is_finite());
    }
    Some(Figure { value: value.map(|us| ms(us as f64)), interval, n: all.len() + dropped, of: "answers" })
}

/// A share over several runs, per cent: Wilson's interval of all together and, with five runs or more, the bootstrap over
/// runs; the wider of the two.
fn share(counts: &[(f64, f64)], of: &'static str) -> Option<Figure> {
    let ratio = |times: &[u32]| {
        let sum = |part: fn(&(f64, f64)) -> f64| -> f64 {
            counts.iter().zip(times).map(|(count, times)| part(count) * f64::from(*times)).sum()
        };
        sum(|it| it.0) / sum(|it| it.1).max(1.0)
    };
    let once = vec![1; counts.len()];
    let n: f64 = counts.iter().map(|count| count.1).sum();
    let (mut low, mut high) = stats::wilson(ratio(&once) * n, n)?;
    if counts.len() >= MIN_RUNS {
        let draws = Resamples::new(counts.len(), 0).apply(ratio);
        let ends = bootstrap_interval(draws, counts.len(), counts.len() as f64 - 1.0, stats::CONFIDENCE);
        (low, high) = (low.min(ends.0), high.max(ends.1));
    }
    Some(Figure {
        value: Some(100.0 * ratio(&once)),
        interval: Interval { low: Some(100.0 * low), high: Some(100.0 * high) },
        n: n as u64,
        of,
    })
}

/// The buckets of an observed histogram over all runs, judged windows only.
fn all_buckets(runs: &Runs, names: &[String]) -> Option<Vec<Bucket>> {
    let mut all: Vec<Bucket> = Vec::new();
    for run in &runs.runs {
        let window = run.record.judged();
        let own = names.iter().find_map(|name| buckets(run, name, window))?;
        if all.is_empty() {
            all = own;
            continue;
        }
        // Of one build, whose histograms have the same bounds.
        if all.len() != own.len() || all.iter().zip(&own).any(|(a, b)| a.to_s != b.to_s) {
            return None;
        }
        all.iter_mut().zip(&own).for_each(|(sum, own)| sum.count += own.count);
    }
    (!all.is_empty()).then_some(all)
}

/// A percentile of a histogram of buckets, milliseconds: linear inside its bucket, and bounded by the buckets that the ranks of
/// its interval fall into.
fn bucket_percentile(buckets: &[Bucket], quantile: f64) -> Option<Figure> {
    let n = buckets.iter().map(|bucket| bucket.count).sum::<f64>() as u64;
    if n < record::min_samples(quantile) {
        return None;
    }
    let of_rank = |rank: f64| {
        let mut below = 0.0;
        buckets.iter().find_map(|bucket| {
            below += bucket.count;
            (below >= rank && bucket.count > 0.0).then(|| (*bucket, 1.0 - (below - rank) / bucket.count))
        })
    };
    let ranks = stats::ranks(n, quantile);
    let ms = |s: f64| Some(s * 1e3).filter(|ms| ms.is_finite());
    let (bucket, inside) = of_rank(quantile * n as f64)?;
    Some(Figure {
        value: ms(bucket.from_s + (bucket.to_s - bucket.from_s) * inside),
        interval: Interval {
            low: ranks.low.and_then(|rank| of_rank(rank as f64)).and_then(|(bucket, _)| ms(bucket.from_s)),
            high: ranks.high.and_then(|rank| of_rank(rank as f64)).and_then(|(bucket, _)| ms(bucket.to_s)),
        },
        n,
        of: "queries",
    })
}

/// How many of something are in use at once on average, by Little's law: what begins a second × how long each takes, which the
/// bounds of the buckets bound.
fn busy(buckets: &[Bucket], seconds: f64) -> Option<Figure> {
    let n: f64 = buckets.iter().map(|bucket| bucket.count).sum();
    let used = |bound: fn(&Bucket) -> f64| {
        let all: f64 = buckets.iter().filter(|it| it.count > 0.0).map(|it| it.count * bound(it)).sum();
        Some(all / seconds).filter(|used| used.is_finite())
    };
    (n > 0.0 && seconds > 0.0).then(|| Figure {
        value: used(|bucket| f64::midpoint(bucket.from_s, bucket.to_s)),
        interval: Interval { low: used(|bucket| bucket.from_s), high: used(|bucket| bucket.to_s) },
        n: n as u64,
        of: "queries",
    })
}

impl Figure {
    /// What it rests on, in words: `1,200 answers`.
    pub fn n_text(&self) -> String {
        format!("{} {}", show_count(self.n as i64), self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(from_s: f64, to_s: f64, count: f64) -> Bucket {
        Bucket { from_s, to_s, count }
    }

    #[test]
    fn a_percentile_of_buckets_is_bounded_by_the_buckets_of_its_ranks() {
        // n = 1000, p95: ranks 936 and 964, the first in 5 to 10 ms, the other in 10 to 25 ms.
        let buckets = [bucket(0.0, 0.005, 900.0), bucket(0.005, 0.01, 60.0), bucket(0.01, 0.025, 40.0)];
        let found = bucket_percentile(&buckets, 0.95).unwrap();
        assert!((found.value.unwrap() - (5.0 + 5.0 * 50.0 / 60.0)).abs() < 1e-9, "{found:?}");
        assert_eq!(found.interval, Interval { low: Some(5.0), high: Some(25.0) });
        assert_eq!(bucket_percentile(&[bucket(0.0, 1.0, 71.0)], 0.95), None);
        let past = [bucket(0.0, 1.0, 90.0), bucket(1.0, f64::INFINITY, 10.0)];
        let found = bucket_percentile(&past, 0.95).unwrap();
        assert_eq!((found.value, found.interval.high), (None, None));
    }

    #[test]
    fn connections_in_use_are_queries_a_second_times_their_time() {
        // 1,000 queries of 10 to 20 ms in 10 s: 1 to 2 at once.
        let found = busy(&[bucket(0.0, 0.01, 0.0), bucket(0.01, 0.02, 1000.0)], 10.0).unwrap();
        assert_eq!((found.value, found.n), (Some(1.5), 1000));
        assert_eq!(found.interval, Interval { low: Some(1.0), high: Some(2.0) });
    }

    #[test]
    fn a_share_of_five_runs_that_differ_is_wider_than_of_as_many_requests_in_one() {
        let together = share(&[(50.0, 5_000.0)], "requests").unwrap();
        let apart = share(
            &[(2.0, 1_000.0), (20.0, 1_000.0), (5.0, 1_000.0), (15.0, 1_000.0), (8.0, 1_000.0)],
            "requests",
        )
        .unwrap();
        assert_eq!(together.value, apart.value);
        assert!(
            apart.interval.low < together.interval.low && apart.interval.high > together.interval.high,
            "{apart:?}"
        );
    }
}
