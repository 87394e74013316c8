use record::{
    Metric, Outcome, Verdict,
    unit::{show_count, show_ratio, show_us},
};
use serde::Serialize;

use super::{BudgetRow, budgets};
use crate::{read::Evidence, words};

/// The answer: verdict, one sentence, six figures.
#[derive(Debug, Clone, Serialize)]
pub struct Headline {
    /// The verdict.
    pub verdict: Verdict,
    /// The exit code of `reports gate` for it.
    pub exit: u8,
    /// The verdict in a word: `passed`.
    pub word: &'static str,
    /// How it should look.
    pub tone: Tone,
    /// The verdict in one sentence.
    pub sentence: String,
    /// The figures behind it in a few.
    pub lead: String,
    /// Six figures.
    pub tiles: Vec<Tile>,
}

/// How a figure should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// As it should be.
    Good,
    /// Wrong.
    Bad,
    /// Open.
    Warn,
    /// Neither.
    Plain,
}

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

/// A verdict in a word, and how it should look.
pub const fn word(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Pass => ("passed", Tone::Good),
        Verdict::Missed => ("missed", Tone::Bad),
        Verdict::Regression => ("regression", Tone::Bad),
        Verdict::Invalid => ("invalid", Tone::Warn),
        Verdict::NoData => ("no data", Tone::Warn),
        Verdict::Interrupted => ("interrupted", Tone::Warn),
    }
}

/// The answer.
pub fn headline(evidence: &Evidence, rows: &[BudgetRow]) -> Headline {
    let judgement = &evidence.judgement;
    let (word, tone) = word(judgement.verdict);
    Headline {
        verdict: judgement.verdict,
        exit: judgement.exit,
        word,
        tone,
        sentence: judgement.sentence.clone(),
        lead: lead(evidence),
        tiles: tiles(evidence, rows),
    }
}

fn lead(evidence: &Evidence) -> String {
    let (summary, run) = (&evidence.summary, &evidence.record.run);
    let mut text = format!(
        "{} answered and {} failed in the {} judged",
        words::counted(summary.completed, "request", "requests"),
        show_count(summary.failed as i64),
        words::length(summary.seconds as f64)
    );
    text += &match run.warm_up_s {
        0 => ", from the first second on.".to_owned(),
        warm_up => format!(", after a warm-up of {}.", words::length(warm_up as f64)),
    };
    if summary.dropped > 0 {
        let dropped = words::counted(summary.dropped, "arrival was", "arrivals were");
        text += &format!(" {dropped} dropped because every user was busy.");
    }
    text += &match summary.lag.p99_us {
        Some(lag) => format!(" 99 % of requests began within {} of their due time", show_us(lag as f64)),
        None if summary.lag.n > 0 => {
            format!(" The latest request began {} after its due time", show_us(summary.lag.max_us as f64))
        }
        None => " No request found a free user waiting, so nothing is known of start lag".to_owned(),
    };
    if run.host.cores > 0 {
        let used = summary.generator.cpu_cores / run.host.cores as f64;
        text += &format!("; the generator used {} of its cores", show_ratio(used));
    }
    text + "."
}

fn tiles(evidence: &Evidence, rows: &[BudgetRow]) -> Vec<Tile> {
    let summary = &evidence.summary;
    let overall = |metric: &Metric| {
        rows.iter().find(|row| row.budget.request.is_none() && row.budget.metric == *metric)
    };
    let tile = |label, value: String, note: String, metric: Option<&Metric>| {
        let row = metric.and_then(overall);
        let budget = row.map(|row| {
            format!("budget {} {}", row.budget.comparison, row.budget.metric.show(row.budget.limit))
        });
        let tone = match row.map(|row| row.outcome) {
            Some(Outcome::Met) => Tone::Good,
            Some(Outcome::Missed) => Tone::Bad,
            Some(Outcome::TooFew | Outcome::NoData) => Tone::Warn,
            None => Tone::Plain,
        };
        Tile { label, value, note, budget: budget.unwrap_or_default(), tone }
    };
    let all = super::merged(&evidence.totals, |kind| *kind == record::Kind::Response);
    let percentile = |label, quantile: f64| {
        let metric = Metric::Response(quantile);
        let needs = record::min_samples(quantile);
        let value = record::quantile_us(&all, quantile);
        let note = match budgets::quantile_interval(&all, 0, quantile) {
            Some(interval) => note(&budgets::words(interval, |value| metric.show(value))),
            None => format!("{} of {} samples", show_count(all.len() as i64), show_count(needs as i64)),
        };
        let value = value.map_or_else(|| "n too small".to_owned(), |us| show_us(us as f64));
        tile(label, value, note, Some(&metric))
    };
    let rate = format!("{}/s", show_count(summary.throughput_per_s.round() as i64));
    let total = words::counted(summary.completed, "request", "requests");
    let lost = summary.failed + summary.dropped;
    let errors = format!("{} of {}", show_count(lost as i64), show_count((summary.completed + lost) as i64));
    vec![
        tile("Answered", rate, total, Some(&Metric::Throughput)),
        percentile("p50", 0.5),
        percentile("p95", 0.95),
        percentile("p99", 0.99),
        tile("Errors", show_ratio(summary.error_ratio), errors, Some(&Metric::ErrorRate)),
        last(evidence, &tile),
    ]
}

/// The cache's hits where they were observed, and the generator's lateness where not.
fn last(evidence: &Evidence, tile: &dyn Fn(&'static str, String, String, Option<&Metric>) -> Tile) -> Tile {
    let summary = &evidence.summary;
    let target = super::observed::target(evidence);
    let hits =
        target.ratios.iter().map(|index| &target.values[*index]).find(|seen| seen.name.contains("cache"));
    if let Some(seen) = hits {
        let metric = Metric::Observed(seen.name.clone());
        let note = note(&seen.interval_text);
        return tile("Cache hits", seen.value_text.clone(), note, Some(&metric));
    }
    let bound = record::lag_bound_us(&evidence.record.run);
    let (value, note) = match summary.lag.p99_us {
        Some(lag) => (show_us(lag as f64), format!("at most {} is valid", show_us(bound))),
        None => ("n too small".to_owned(), words::counted(summary.lag.n, "sample", "samples")),
    };
    tile("Start lag p99", value, note, None)
}

fn note(interval: &str) -> String {
    if interval.is_empty() { String::new() } else { format!("95 % interval {interval}") }
}
