use record::{Histogram, Kind, Metric, Observation, ObservedKind, Outcome, Tag};
use serde::Serialize;

use super::{Interval, merged};
use crate::{read::Evidence, stats};

/// A budget with what was measured.
#[derive(Debug, Clone, Serialize)]
pub struct BudgetRow {
    /// The budget in words: `p95 of list tasks ≤ 100 ms`.
    pub text: String,
    /// The budget itself: request, metric, comparison, limit in the metric's unit.
    #[serde(flatten)]
    pub budget: record::Budget,
    /// What became of it.
    pub outcome: Outcome,
    /// The figure in the limit's unit.
    pub measured: Option<f64>,
    /// The figure in words.
    pub measured_text: String,
    /// The 95 % interval of the figure, where it has one.
    pub interval: Option<Interval>,
    /// The interval in words; empty where there is none.
    pub interval_text: String,
    /// Whether the limit lies inside the interval: another run could well end on its other side.
    pub close: bool,
    /// Samples it rests on.
    pub n: u64,
    /// Samples it would need at least.
    pub needs_n: u64,
}

/// The budgets of a judged record, in their order, with intervals.
pub fn budget_rows(evidence: &Evidence) -> Vec<BudgetRow> {
    let all = merged(&evidence.totals, |kind| *kind == Kind::Response);
    let rows = evidence.judgement.budgets.iter().map(|result| {
        let measured = matches!(result.outcome, Outcome::Met | Outcome::Missed);
        let interval = if measured { interval(evidence, result, &all) } else { None };
        let limit = result.budget.limit;
        // Without an upper end the true value may be anything above the lower one.
        let close = interval.is_some_and(|Interval { low, high }| {
            low.is_none_or(|low| low <= limit) && high.is_none_or(|high| limit <= high)
        });
        BudgetRow {
            text: result.text.clone(),
            budget: result.budget.clone(),
            outcome: result.outcome,
            measured: result.measured,
            measured_text: result.shown.clone(),
            interval_text: interval
                .map(|it| words(it, |value| result.budget.metric.show(value)))
                .unwrap_or_default(),
            interval,
            close,
            n: result.n,
            needs_n: result.needs_n,
        }
    });
    rows.collect()
}

/// An interval in words, each end put into words by `show`.
pub fn words(interval: Interval, show: impl Fn(f64) -> String) -> String {
    match (interval.low, interval.high) {
        (Some(low), Some(high)) => span(&show(low), &show(high)),
        (Some(low), None) => format!("{} or more", show(low)),
        (None, Some(high)) => format!("up to {}", show(high)),
        (None, None) => String::new(),
    }
}

/// `101–106 ms`, `995 ms – 1.02 s`: a unit both ends share is said once.
pub fn span(low: &str, high: &str) -> String {
    match (low.rsplit_once(' '), high.rsplit_once(' ')) {
        (Some((low, unit)), Some((high, other))) if unit == other => format!("{low}–{high} {unit}"),
        _ => format!("{low} – {high}"),
    }
}

fn interval(evidence: &Evidence, result: &record::BudgetResult, all: &Histogram) -> Option<Interval> {
    let summary = &evidence.summary;
    let request = result.budget.request.as_deref();
    match &result.budget.metric {
        Metric::Response(quantile) => {
            let dropped = if request.is_none() { summary.dropped } else { 0 };
            let of = |request: &str, kind| evidence.totals.get(&Tag { request: request.to_owned(), kind });
            let histogram = request.map_or(Some(all), |request| {
                of(request, Kind::Response).or_else(|| of(request, Kind::Block))
            })?;
            quantile_interval(histogram, dropped, *quantile)
        }
        Metric::ErrorRate => share(result.measured?, result.n as f64),
        Metric::Observed(name) => {
            let seen = summary.observed.iter().find(|seen| seen.name == *name)?;
            observed_interval(seen)
        }
        Metric::Max | Metric::Throughput => None,
    }
}

/// The interval of an observed value: ratios have one, figures from buckets and levels do not.
pub fn observed_interval(seen: &Observation) -> Option<Interval> {
    matches!(seen.kind, ObservedKind::Ratio | ObservedKind::Header).then(|| share(seen.value?, seen.n))?
}

fn share(ratio: f64, n: f64) -> Option<Interval> {
    // A target's own counters need not make a share: more hits than requests is theirs to explain.
    let (low, high) = stats::wilson(ratio.clamp(0.0, 1.0) * n, n)?;
    Some(Interval { low: Some(low), high: Some(high) })
}

/// The interval of a percentile in microseconds, `dropped` arrivals ranking above every sample; nothing below the
/// sample size that can bound it.
pub fn quantile_interval(histogram: &Histogram, dropped: u64, quantile: f64) -> Option<Interval> {
    let n = histogram.len() + dropped;
    if histogram.is_empty() || n < record::min_samples(quantile) {
        return None;
    }
    let ranks = stats::ranks(n, quantile);
    let value = |rank: u64| (rank <= histogram.len()).then(|| stats::value_at_rank(histogram, rank) as f64);
    Some(Interval { low: ranks.low.and_then(value), high: ranks.high.and_then(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thousand() -> Histogram {
        let mut histogram = record::new_histogram();
        (1..=1000_u64).for_each(|value| histogram.record(value).unwrap());
        histogram
    }

    #[test]
    fn a_percentile_of_a_known_sample_has_the_interval_of_its_ranks() {
        // n = 1000, p = 0.95: ranks 936 and 964 leave at most 2.5 % on either side.
        let found = quantile_interval(&thousand(), 0, 0.95).unwrap();
        assert_eq!((found.low, found.high), (Some(936.0), Some(964.0)));
    }

    #[test]
    fn dropped_arrivals_take_the_upper_end_away() {
        let found = quantile_interval(&thousand(), 45, 0.95).unwrap();
        assert!(found.low.is_some());
        assert_eq!(found.high, None);
        assert_eq!(words(found, |value| value.to_string()), format!("{} or more", found.low.unwrap()));
    }

    #[test]
    fn a_small_sample_has_no_interval() {
        let mut few = record::new_histogram();
        few.record_n(5, 367).unwrap();
        assert_eq!(quantile_interval(&few, 0, 0.99), None);
    }
}
