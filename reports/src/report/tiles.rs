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
    let summary = &evidence.summary;
    let rate = format!("{}/s", show_count(summary.throughput_per_s.round() as i64));
    let answered = words::counted(summary.completed, "request", "requests");
    let lost = summary.failed + summary.dropped;
    let errors = format!("{} of {}", show_count(lost as i64), show_count((summary.completed + lost) as i64));
    let all = merged(&evidence.totals, |kind| *kind == Kind::Response);
    vec![
        tile(rows, "Answered", rate, answered, Some(&Metric::Throughput)),
        percentile(rows, "p50", &all, 0.5),
        percentile(rows, "p95", &all, 0.95),
        percentile(rows, "p99", &all, 0.99),
        tile(rows, "Errors", show_ratio(summary.error_ratio), errors, Some(&Metric::ErrorRate)),
        cache_hits(evidence, rows).unwrap_or_else(|| start_lag(evidence, rows)),
    ]
}

/// A figure with the budget that is set for its metric over all requests, if any.
fn tile(
    rows: &[BudgetRow],
    label: &'static str,
    value: String,
    note: String,
    metric: Option<&Metric>,
) -> Tile {
    let overall = |metric: &Metric| {
        rows.iter().find(|row| row.budget.request.is_none() && row.budget.metric == *metric)
    };
    let row = metric.and_then(overall);
    let budget = row
        .map(|row| format!("budget {} {}", row.budget.comparison, row.budget.metric.show(row.budget.limit)));
    let tone = match row.map(|row| row.outcome) {
        Some(Outcome::Met) => Tone::Good,
        Some(Outcome::Missed) => Tone::Bad,
        Some(Outcome::TooFew | Outcome::NoData) => Tone::Warn,
        None => Tone::Plain,
    };
    Tile { label, value, note, budget: budget.unwrap_or_default(), tone }
}

fn percentile(rows: &[BudgetRow], label: &'static str, all: &record::Histogram, quantile: f64) -> Tile {
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
    tile(rows, label, value, note, Some(&metric))
}

fn cache_hits(evidence: &Evidence, rows: &[BudgetRow]) -> Option<Tile> {
    let target = observed::target(evidence);
    let seen =
        target.ratios.iter().map(|index| &target.values[*index]).find(|seen| seen.name.contains("cache"))?;
    let metric = Metric::Observed(seen.name.clone());
    let note = with_confidence(&seen.interval_text);
    Some(tile(rows, "Cache hits", seen.value_text.clone(), note, Some(&metric)))
}

fn start_lag(evidence: &Evidence, rows: &[BudgetRow]) -> Tile {
    let lag = &evidence.summary.lag;
    let (value, note) = match lag.p99_us {
        Some(p99) => {
            let bound = record::lag_bound_us(&evidence.record.run);
            (show_us(p99 as f64), format!("invalid above {}", show_us(bound)))
        }
        None => ("n too small".to_owned(), words::counted(lag.n, "sample", "samples")),
    };
    tile(rows, "Start lag p99", value, note, None)
}

fn with_confidence(interval: &str) -> String {
    if interval.is_empty() { String::new() } else { format!("95 % interval {interval}") }
}
