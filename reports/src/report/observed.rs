use record::{ObservedKind, Outcome};
use serde::Serialize;

use super::{
    Interval,
    budgets::{observed_interval, words},
};
use crate::read::Evidence;

/// What was observed of the target.
#[derive(Debug, Clone, Serialize)]
pub struct Target {
    /// Each observed value over the judged window.
    pub values: Vec<ObservedRow>,
    /// Indices into `values` of the shares drawn over time, the cache's first.
    pub ratios: Vec<usize>,
    /// Indices into `values` of the rates drawn under them, the database's first.
    pub rates: Vec<usize>,
}

/// An observed value over the judged window.
#[derive(Debug, Clone, Serialize)]
pub struct ObservedRow {
    /// The observer's name in the scenario.
    pub source: String,
    /// The value's name in the scenario.
    pub name: String,
    /// The name as people say it: `cache hit ratio`.
    pub label: String,
    /// How it was computed.
    pub kind: ObservedKind,
    /// What `kind` means, in words.
    pub kind_text: String,
    /// The figure, in the unit its kind has.
    pub value: Option<f64>,
    /// The figure in words.
    pub value_text: String,
    /// Its 95 % interval, for shares.
    pub interval: Option<Interval>,
    /// The interval in words; empty where there is none.
    pub interval_text: String,
    /// What it rests on: events counted, or levels read.
    pub n: f64,
    /// The limit a budget sets for it, in the same unit.
    pub limit: Option<f64>,
    /// The budget in words.
    pub budget_text: Option<String>,
    /// What became of the budget.
    pub outcome: Option<Outcome>,
}

/// Lines of one kind that one figure can hold and still be told apart.
const LINES: usize = 3;

/// What was observed over the judged window.
pub fn target(evidence: &Evidence) -> Target {
    let values: Vec<ObservedRow> = evidence
        .summary
        .observed
        .iter()
        .map(|seen| {
            let metric = record::Metric::Observed(seen.name.clone());
            let budgets = &evidence.judgement.budgets;
            let budget = budgets.iter().find(|result| result.budget.metric == metric);
            ObservedRow {
                source: seen.source.clone(),
                name: seen.name.clone(),
                label: seen.name.replace('_', " "),
                kind: seen.kind,
                kind_text: kind_text(seen.kind),
                value: seen.value,
                value_text: seen
                    .value
                    .map_or_else(|| "no data".to_owned(), |value| show(seen.kind, &metric, value)),
                interval_text: observed_interval(seen)
                    .map(|interval| words(interval, |value| show(seen.kind, &metric, value)))
                    .unwrap_or_default(),
                interval: observed_interval(seen),
                n: seen.n,
                limit: budget.map(|result| result.budget.limit),
                budget_text: budget.map(|result| result.text.clone()),
                outcome: budget.map(|result| result.outcome),
            }
        })
        .collect();
    let drawn = |wanted: fn(ObservedKind) -> bool, first: &[&str]| {
        let mut found: Vec<usize> = (0..values.len())
            .filter(|index| wanted(values[*index].kind) && values[*index].value.is_some())
            .collect();
        found.sort_by_key(|index| !first.iter().any(|part| values[*index].name.contains(part)));
        found.truncate(LINES);
        found
    };
    let ratios = drawn(|kind| matches!(kind, ObservedKind::Ratio | ObservedKind::Header), &["cache"]);
    let rates = drawn(|kind| kind == ObservedKind::Rate, &["db", "database", "quer", "sql"]);
    Target { ratios, rates, values }
}

fn show(kind: ObservedKind, metric: &record::Metric, value: f64) -> String {
    match kind {
        ObservedKind::Ratio | ObservedKind::Header => record::unit::show_ratio(value),
        ObservedKind::Rate => format!("{}/s", record::unit::show_number(value)),
        ObservedKind::Gauge | ObservedKind::Quantile(_) => metric.show(value),
    }
}

fn kind_text(kind: ObservedKind) -> String {
    match kind {
        ObservedKind::Ratio => "share of two running totals".to_owned(),
        ObservedKind::Rate => "growth of a running total, per second".to_owned(),
        ObservedKind::Gauge => "mean of a level".to_owned(),
        ObservedKind::Quantile(quantile) => {
            format!("{} of a histogram, linear inside a bucket", record::Metric::Response(quantile))
        }
        ObservedKind::Header => "share of a response header".to_owned(),
    }
}
