//! The figures of a snapshot in words: what the drawn screen and the plain lines both say.

use std::collections::BTreeMap;

use record::{
    BudgetResult, Comparison, Metric, ObservedKind, ObservedValue, Outcome, Rule, Run, Window,
    observed_values,
    unit::{show_count, show_number, show_ratio, show_us},
};

use super::Snapshot;

/// A figure with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figure {
    pub label: String,
    pub value: String,
    /// A budget of all requests together that is about this figure is missed so far.
    pub missed: bool,
}

impl Figure {
    fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into(), missed: false }
    }
}

/// A figure that the sample cannot support.
pub(super) const NONE: &str = "–";

/// Whether the second just recorded is judged; the warm-up is only shown.
pub(crate) fn is_judged(snapshot: &Snapshot<'_>) -> bool {
    snapshot.row.second >= snapshot.run.warm_up_s && snapshot.summary.seconds > 0
}

/// `warm-up`, `ramp`, `steady` or `draining`: what the load did in the second just recorded.
pub(crate) fn phase(run: &Run, second: u64) -> &'static str {
    if second < run.warm_up_s {
        return "warm-up";
    }
    // The middle of the second: a stage that ends with it is still the one it belongs to.
    let (at, mut end) = (second as f64 + 0.5, 0.0);
    for stage in &run.stages {
        end += stage.seconds;
        if at < end {
            return if stage.from == stage.to { "steady" } else { "ramp" };
        }
    }
    "draining"
}

/// Seconds as `1:12` or `1:02:03`.
pub(super) fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// `1:12 of 2:00`.
pub(super) fn progress(snapshot: &Snapshot<'_>) -> String {
    format!("{} of {}", clock(snapshot.elapsed.as_secs()), clock(snapshot.run.planned_s().round() as u64))
}

/// Host and port of the target.
pub(super) fn target(run: &Run) -> &str {
    let url = &run.target.base_url;
    url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).trim_end_matches('/')
}

/// Iterations offered, requests done, users, requests in flight, dropped iterations, start lag.
pub(super) fn load(snapshot: &Snapshot<'_>) -> Vec<Figure> {
    let (row, summary, judged) = (snapshot.row, snapshot.summary, is_judged(snapshot));
    let count = |count: u64| show_count(count as i64);
    let dropped = if judged { summary.dropped } else { row.dropped };
    let mut figures = vec![
        Figure::new("offered", format!("{}/s", count(row.offered))),
        Figure::new("done", format!("{}/s", count(row.completed))),
        Figure::new("users", count(row.users)),
        Figure::new("in flight", count(row.in_flight)),
        Figure::new("dropped", count(dropped)),
    ];
    figures[1].missed = is_missed(snapshot, &Metric::Throughput);
    // A closed run without pacing has no due times, and so nothing to be late for.
    if let Some(lag) = row.lag_p99_us.or(summary.lag.p99_us) {
        figures.push(Figure::new("late p99", show_us(lag as f64)));
    }
    figures
}

/// Percentiles of response time: of the judged window so far, and during the warm-up of the last second. Where a budget
/// is about one, the figure is the budget's, which counts dropped arrivals as slower than every answer.
pub(super) fn latency(snapshot: &Snapshot<'_>) -> Vec<Figure> {
    let latency = if is_judged(snapshot) { &snapshot.summary.response } else { snapshot.latency };
    let all = [("p50", 0.5, latency.p50_us), ("p95", 0.95, latency.p95_us), ("p99", 0.99, latency.p99_us)];
    let figures = all.into_iter().map(|(label, quantile, us)| {
        let plain = us.map_or(NONE.to_owned(), |us| show_us(us as f64));
        match budget(snapshot, &Metric::Response(quantile)).filter(|result| result.outcome != Outcome::TooFew)
        {
            Some(result) if result.n > 0 => {
                Figure { missed: result.outcome == Outcome::Missed, ..Figure::new(label, measured(result)) }
            }
            _ => Figure::new(label, plain),
        }
    });
    figures.collect()
}

/// A budget's figure; `dropped` where so many arrivals were dropped that the percentile is one of them.
fn measured(result: &BudgetResult) -> String {
    result.measured.map_or("dropped".to_owned(), |value| result.budget.metric.show(value))
}

/// `errors 0.02 % (500: 2, timeout 1)`: of the judged window so far, and during the warm-up of the last second.
pub(super) fn errors(snapshot: &Snapshot<'_>) -> Figure {
    let (row, summary) = (snapshot.row, snapshot.summary);
    let (ratio, kinds, dropped) = if is_judged(snapshot) {
        (summary.error_ratio, &summary.errors, summary.dropped)
    } else {
        let all = row.completed + row.failed + row.dropped;
        ((row.failed + row.dropped) as f64 / all.max(1) as f64, &row.errors.0, row.dropped)
    };
    let missed = is_missed(snapshot, &Metric::ErrorRate);
    Figure { missed, ..Figure::new("errors", share_of_errors(ratio, kinds, dropped)) }
}

/// `0.02 % (500: 2, timeout 1)`, the most frequent kind first.
pub(super) fn share_of_errors(ratio: f64, kinds: &BTreeMap<String, u64>, dropped: u64) -> String {
    let mut kinds: Vec<(&str, u64)> = kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    kinds.push(("dropped", dropped));
    kinds.retain(|(_, count)| *count > 0);
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words: Vec<_> = kinds
        .iter()
        .map(|(kind, count)| match kind.strip_prefix("status_") {
            Some(status) => format!("{status}: {}", show_count(*count as i64)),
            None => format!("{} {}", kind.replace('_', " "), show_count(*count as i64)),
        })
        .collect();
    let ratio = show_ratio(ratio);
    if words.is_empty() { ratio } else { format!("{ratio} ({})", words.join(", ")) }
}

/// What was observed of the target, the most telling first: missed budgets, then ratios (cache hits), the database's
/// rate, times, and the rest.
pub(crate) fn observed(snapshot: &Snapshot<'_>) -> Vec<Figure> {
    // Readings arrive a little after their second; what is there is the moment.
    let seconds = || snapshot.target.iter().map(|row| row.second);
    let (oldest, newest) = (seconds().min().unwrap_or(0), seconds().max().unwrap_or(0));
    let moment = Window { from_s: (oldest + 1).min(newest), to_s: newest + 1 };
    let now = observed_values(&snapshot.run.observed, snapshot.target, moment);
    let judged = is_judged(snapshot);
    let mut ranked: Vec<(u8, Figure)> = Vec::new();
    for (defined, now) in snapshot.run.observed.iter().zip(now) {
        let so_far = snapshot.summary.observed.iter();
        let so_far =
            so_far.filter(|_| judged).find(|it| it.source == defined.source && it.name == defined.name);
        let so_far = so_far.and_then(|it| it.value);
        // What budgets are held against needs the whole sample; a flow or a level is a matter of the moment.
        let momentary = matches!(defined.kind, ObservedKind::Rate | ObservedKind::Gauge);
        let value = if momentary { now.value.or(so_far) } else { so_far.or(now.value) };
        let Some(value) = value else { continue };
        if defined.kind == ObservedKind::Header && !counts_cache_results(snapshot, defined) {
            continue;
        }
        let first_of_database = !ranked.iter().any(|(rank, _)| *rank == 2);
        let (rank, mut figure) = describe(defined, value, first_of_database);
        figure.missed = is_missed(snapshot, &Metric::Observed(defined.name.clone()));
        ranked.push((if figure.missed { 0 } else { rank }, figure));
    }
    ranked.extend(unshown(snapshot).map(|figure| (0, figure)));
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, figure)| figure).collect()
}

fn counts_cache_results(snapshot: &Snapshot<'_>, defined: &ObservedValue) -> bool {
    let mut rows =
        snapshot.target.iter().filter(|row| row.source == defined.source && row.name == defined.name);
    rows.any(|row| matches!(row.component.as_str(), "HIT" | "MISS"))
}

fn describe(defined: &ObservedValue, value: f64, first_of_database: bool) -> (u8, Figure) {
    let name = defined.name.as_str();
    let words = |name: &str| name.replace('_', " ");
    let plain = |text: &str| Figure::new(words(text), Metric::Observed(name.to_owned()).show(value));
    match defined.kind {
        ObservedKind::Ratio => {
            let label = words(name.strip_suffix("_ratio").unwrap_or(name));
            let label = if label.ends_with(" hit") { format!("{label}s") } else { label };
            (1, Figure::new(label, show_ratio(value)))
        }
        ObservedKind::Rate if defined.source == "process" => {
            (5, Figure::new("target cpu", format!("{} cores", show_number(value))))
        }
        ObservedKind::Rate if name.starts_with("db_") && first_of_database => {
            (2, Figure::new("database", format!("{}/s", show_number(value))))
        }
        ObservedKind::Rate => {
            let suffixes = ["_total", "_rate", "_per_s", "_per_second"];
            let short = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
            (6, Figure::new(words(short), format!("{}/s", show_number(value))))
        }
        ObservedKind::Quantile(_) => (3, plain(name)),
        ObservedKind::Header => (4, Figure::new(format!("{name} hits"), show_ratio(value))),
        ObservedKind::Gauge if name.ends_with("_bytes") => {
            let label =
                if defined.source == "process" { "target memory" } else { &words(&name[..name.len() - 6]) };
            (if defined.source == "process" { 5 } else { 7 }, Figure::new(label, show_bytes(value)))
        }
        ObservedKind::Gauge => (7, plain(name)),
    }
}

/// Bytes in the unit that leaves one to three digits before the point.
pub(super) fn show_bytes(bytes: f64) -> String {
    let (value, unit) = match bytes.abs() {
        size if size < 1e3 => (bytes, "B"),
        size if size < 1e6 => (bytes / 1e3, "kB"),
        size if size < 1e9 => (bytes / 1e6, "MB"),
        _ => (bytes / 1e9, "GB"),
    };
    format!("{} {unit}", show_number(value))
}

/// Missed budgets of all requests together whose figure is nowhere else on the screen, such as p99.9.
fn unshown<'a>(snapshot: &Snapshot<'a>) -> impl Iterator<Item = Figure> + use<'a> {
    let budgets = if is_judged(snapshot) { snapshot.judgement.budgets.as_slice() } else { &[] };
    let missed = budgets.iter().filter(|it| it.budget.request.is_none() && it.outcome == Outcome::Missed);
    missed.filter_map(|it| {
        match it.budget.metric {
            Metric::Response(quantile) if ![0.5, 0.95, 0.99].contains(&quantile) => Some(&it.budget.metric),
            Metric::Max => Some(&it.budget.metric),
            _ => None,
        }
        .map(|metric| Figure { missed: true, ..Figure::new(metric.to_string(), measured(it)) })
    })
}

fn is_missed(snapshot: &Snapshot<'_>, metric: &Metric) -> bool {
    budget(snapshot, metric).is_some_and(|result| result.outcome == Outcome::Missed)
}

/// The budget of all requests together that is about `metric`; the missed one if there are several.
fn budget<'a>(snapshot: &Snapshot<'a>, metric: &Metric) -> Option<&'a BudgetResult> {
    let results = if is_judged(snapshot) { snapshot.judgement.budgets.as_slice() } else { &[] };
    let own = results.iter().filter(|it| it.budget.request.is_none() && it.budget.metric == *metric);
    own.min_by_key(|result| result.outcome != Outcome::Missed)
}

/// A budget is at risk when it is missed so far, or kept by less than a tenth of its limit.
pub(crate) fn is_at_risk(result: &BudgetResult) -> bool {
    let limit = result.budget.limit;
    let near = result.measured.is_some_and(|measured| match result.budget.comparison {
        Comparison::Less | Comparison::AtMost => limit > 0.0 && measured > 0.9 * limit,
        Comparison::Greater | Comparison::AtLeast => measured < 1.1 * limit,
    });
    result.outcome == Outcome::Missed || (result.outcome == Outcome::Met && near)
}

/// `2 of 8 budgets at risk`.
pub(crate) fn budgets(snapshot: &Snapshot<'_>) -> String {
    let results = &snapshot.judgement.budgets;
    let risky = results.iter().filter(|result| is_at_risk(result)).count();
    match (results.len(), risky) {
        (0, _) => "no budgets".to_owned(),
        (1, 0) => "the budget is kept".to_owned(),
        (1, _) => "the budget is at risk".to_owned(),
        (all, 0) => format!("no budget of {all} at risk"),
        (all, risky) => format!("{risky} of {all} budgets at risk"),
    }
}

/// Why the run so far supports no verdict, in a few words. That it is not finished is no news, nor is that its sample
/// is still small.
pub(crate) fn not_valid(snapshot: &Snapshot<'_>) -> Option<String> {
    let summary = snapshot.summary;
    let broken = |rule: Rule| snapshot.judgement.validity.reasons.iter().any(|reason| reason.rule == rule);
    if broken(Rule::Incomplete) {
        return Some("a worker died".to_owned());
    }
    if broken(Rule::Late) {
        let lag = summary.lag.p99_us.unwrap_or(summary.lag.max_us);
        return Some(format!("generator late by {}", show_us(lag as f64)));
    }
    if broken(Rule::Saturated) {
        let (used, cores) = (show_number(summary.generator.cpu_cores), snapshot.run.host.cores);
        return Some(format!("generator uses {used} of {cores} cores"));
    }
    if broken(Rule::Starved) {
        return Some("generator starved of cpu".to_owned());
    }
    if broken(Rule::Undelivered) {
        return Some("schedule not offered whole".to_owned());
    }
    (broken(Rule::Empty) && summary.completed + summary.failed == 0).then(|| "no answer yet".to_owned())
}
