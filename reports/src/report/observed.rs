use record::{
    Comparison, ObservedKind, Outcome,
    unit::{show_number, show_ratio},
};
use serde::Serialize;

use super::{
    Interval,
    budgets::{self, observed_interval},
};
use crate::{read::Evidence, words};

/// What was observed of the target.
#[derive(Debug, Clone, Serialize)]
pub struct Target {
    /// Each observed value over the judged window.
    pub values: Vec<ObservedRow>,
    /// Indices into `values` of the shares drawn over time, the cache's first.
    pub ratios: Vec<usize>,
    /// Indices into `values` of the rates drawn under them, the database's first.
    pub rates: Vec<usize>,
    /// Indices into `values` of the processor time drawn under those.
    pub cores: Vec<usize>,
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
    /// Whether the figure must stay over that limit.
    pub lower_limit: bool,
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
                    .map_or_else(|| "no data".to_owned(), |value| show(seen.kind, &seen.name, value)),
                interval_text: observed_interval(seen)
                    .map(|interval| budgets::words(interval, |value| show(seen.kind, &seen.name, value)))
                    .unwrap_or_default(),
                interval: observed_interval(seen),
                n: seen.n,
                lower_limit: budget.is_some_and(|result| {
                    matches!(result.budget.comparison, Comparison::Greater | Comparison::AtLeast)
                }),
                limit: budget.map(|result| result.budget.limit),
                budget_text: budget.map(|result| result.text.clone()),
                outcome: budget.map(|result| result.outcome),
            }
        })
        .collect();
    let drawn = |wanted: fn(&ObservedRow) -> bool, first: &[&str]| {
        let mut found: Vec<usize> = (0..values.len())
            .filter(|index| wanted(&values[*index]) && values[*index].value.is_some())
            .collect();
        found.sort_by_key(|index| !first.iter().any(|part| values[*index].name.contains(part)));
        found.truncate(LINES);
        found
    };
    let ratios = drawn(|it| matches!(it.kind, ObservedKind::Ratio | ObservedKind::Header), &["cache"]);
    let rates = drawn(
        |it| it.kind == ObservedKind::Rate && !is_cores(it.kind, &it.name),
        &["db", "database", "quer", "sql"],
    );
    let cores = drawn(|it| is_cores(it.kind, &it.name), &["process"]);
    Target { ratios, rates, cores, values }
}

/// Whether a value is seconds of processor time per second: cores in use.
fn is_cores(kind: ObservedKind, name: &str) -> bool {
    kind == ObservedKind::Rate && name.trim_end_matches("_total").ends_with("cpu_seconds")
}

fn show(kind: ObservedKind, name: &str, value: f64) -> String {
    match kind {
        ObservedKind::Ratio | ObservedKind::Header => show_ratio(value),
        ObservedKind::Rate if is_cores(kind, name) => format!("{} cores", show_number(value)),
        ObservedKind::Rate => format!("{}/s", show_number(value)),
        ObservedKind::Gauge if name.ends_with("bytes") && value >= 0.0 => words::bytes(value as u64),
        ObservedKind::Gauge | ObservedKind::Quantile(_) => {
            record::Metric::Observed(name.to_owned()).show(value)
        }
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
