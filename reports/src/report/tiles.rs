use record::{
    Kind, Metric, Outcome,
    unit::{show_count, show_ratio, show_us},
};
use serde::Serialize;

use super::{BudgetRow, Tone, budgets, merged, observed};
use crate::{read::Evidence, words};

/// A figure with its name and what it is held against.
#[derive(Debug, Clone, Serialize)]
pub struct Tile {
    /// What it is.
    pub label: &'static str,
    /// The figure, with its unit.
    pub value: String,
    /// Its interval or what it is part of.
    pub note: String,
    /// Its budget, or empty.
    pub budget: String,
    /// Whether the budget was met.
    pub tone: Tone,
}

/// The six figures under the verdict.
pub fn tiles(evidence: &Evidence, rows: &[BudgetRow]) -> Vec<Tile> {
    let judged = &Judged { rows, valid: evidence.judgement.validity.valid };
    let summary = &evidence.summary;
    let rate = format!("{}/s", show_count(summary.throughput_per_s.round() as i64));
    let answered = words::counted(summary.completed, "request", "requests");
    let lost = summary.failed + summary.dropped;
    let errors = format!("{} of {}", show_count(lost as i64), show_count((summary.completed + lost) as i64));
    let all = merged(&evidence.totals, |kind| *kind == Kind::Response);
    vec![
        tile(judged, "Answered", rate, answered, Some(&Metric::Throughput)),
        percentile(judged, "p50", &all, 0.5),
        percentile(judged, "p95", &all, 0.95),
        percentile(judged, "p99", &all, 0.99),
        tile(judged, "Errors", show_ratio(summary.error_ratio), errors, Some(&Metric::ErrorRate)),
        cache_hits(evidence, judged).unwrap_or_else(|| start_lag(evidence, judged)),
    ]
}

/// The budgets, and whether the run decides any.
struct Judged<'a> {
    rows: &'a [BudgetRow],
    valid: bool,
}

/// A figure with the budget that is set for its metric over all requests, if any.
fn tile(
    judged: &Judged<'_>,
    label: &'static str,
    value: String,
    note: String,
    metric: Option<&Metric>,
) -> Tile {
    let overall = |metric: &Metric| {
        judged.rows.iter().find(|row| row.budget.request.is_none() && row.budget.metric == *metric)
    };
    let row = metric.and_then(overall);
    let budget = row
        .map(|row| format!("budget {} {}", row.budget.comparison, row.budget.metric.show(row.budget.limit)));
    let tone = match row.map(|row| row.outcome) {
        // What a run without a verdict met or missed is nothing to be glad or sorry about.
        Some(Outcome::Met | Outcome::Missed) if !judged.valid => Tone::Plain,
        Some(Outcome::Met) => Tone::Good,
        Some(Outcome::Missed) => Tone::Bad,
        Some(Outcome::TooFew | Outcome::NoData) => Tone::Warn,
        None => Tone::Plain,
    };
    Tile { label, value, note, budget: budget.unwrap_or_default(), tone }
}

fn percentile(judged: &Judged<'_>, label: &'static str, all: &record::Histogram, quantile: f64) -> Tile {
    let metric = Metric::Response(quantile);
    let note = match budgets::quantile_interval(all, 0, quantile) {
        Some(interval) => with_confidence(&budgets::words(interval, |value| metric.show(value))),
        None => {
            let (n, needs) = (all.len() as i64, record::min_samples(quantile) as i64);
            format!("{} of {} samples", show_count(n), show_count(needs))
        }
    };
    let value = record::quantile_us(all, quantile);
    let value = value.map_or_else(|| "n too small".to_owned(), |us| show_us(us as f64));
    tile(judged, label, value, note, Some(&metric))
}

fn cache_hits(evidence: &Evidence, judged: &Judged<'_>) -> Option<Tile> {
    let target = observed::target(evidence);
    let seen =
        target.ratios.iter().map(|index| &target.values[*index]).find(|seen| seen.name.contains("cache"))?;
    let metric = Metric::Observed(seen.name.clone());
    let note = with_confidence(&seen.interval_text);
    Some(tile(judged, "Cache hits", seen.value_text.clone(), note, Some(&metric)))
}

fn start_lag(evidence: &Evidence, judged: &Judged<'_>) -> Tile {
    let lag = &evidence.summary.lag;
    let (value, note) = match lag.p99_us {
        Some(p99) => {
            let bound = record::lag_bound_us(&evidence.record.run);
            (show_us(p99 as f64), format!("invalid above {}", show_us(bound)))
        }
        None => ("n too small".to_owned(), words::counted(lag.n, "sample", "samples")),
    };
    tile(judged, "Start lag p99", value, note, None)
}

fn with_confidence(interval: &str) -> String {
    if interval.is_empty() { String::new() } else { format!("95 % interval {interval}") }
}
