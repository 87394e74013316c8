//! A snapshot of the run as the page takes it: the same figures as the terminal's, as numbers.

use std::{collections::VecDeque, path::Path};

use record::{Adjustment, Histogram, Latency, Model, Outcome, Run, Summary, lag_bound_us, new_histogram};

use super::shape::{Adjusted, Budget, End, Generator, Now, Observed, Point, Request};
use crate::screen::{Snapshot, figures, memory::Memory};

/// The model's name.
pub const fn model(model: Model) -> &'static str {
    match model {
        Model::Open => "open",
        Model::Closed => "closed",
    }
}

/// The name of what a dial turns.
pub const fn adjusted(what: record::Adjusted) -> &'static str {
    match what {
        record::Adjusted::Users => "users",
        record::Adjusted::Rate => "rate",
    }
}

/// An adjustment.
pub fn adjustment(adjustment: &Adjustment) -> Adjusted {
    let Adjustment { second, what, from, to, factor } = *adjustment;
    Adjusted { second, what: adjusted(what), from, to, factor }
}

/// The second just recorded. Where it cannot bound the 99th percentile, percentiles are of `recent` seconds.
pub fn point(snapshot: &Snapshot<'_>, recent: &VecDeque<Histogram>, wanted: f64) -> Point {
    let row = snapshot.row;
    let (latency, window_s) = if snapshot.latency.p99_us.is_some() {
        (snapshot.latency.clone(), 1)
    } else {
        let mut all = new_histogram();
        recent.iter().for_each(|second| all.add(second).expect("a growing histogram takes any other"));
        (Latency::of(&all), recent.len() as u64)
    };
    Point {
        second: row.second,
        span_s: 1,
        wanted,
        offered: row.offered,
        dropped: row.dropped,
        completed: row.completed,
        failed: row.failed,
        errors: row.errors.0.clone(),
        users: row.users,
        in_flight: row.in_flight,
        window_s,
        p50_us: latency.p50_us,
        p95_us: latency.p95_us,
        p99_us: latency.p99_us,
        lag_p99_us: row.lag_p99_us,
        cpu_cores: row.cpu_cores,
    }
}

/// The figures of the moment.
pub fn now(snapshot: &Snapshot<'_>, memory: &Memory) -> Now {
    let judged = figures::is_judged(snapshot);
    let (row, summary) = (snapshot.row, snapshot.summary);
    let second = Summary {
        completed: row.completed,
        failed: row.failed,
        dropped: row.dropped,
        throughput_per_s: row.completed as f64,
        error_ratio: (row.failed + row.dropped) as f64
            / (row.completed + row.failed + row.dropped).max(1) as f64,
        errors: row.errors.0.clone(),
        response: snapshot.latency.clone(),
        ..Summary::default()
    };
    let observed = figures::observed(snapshot).into_iter();
    let so_far = if judged { summary } else { &second };
    Now {
        elapsed_s: snapshot.elapsed.as_secs_f64(),
        phase: figures::phase(snapshot.run, row.second),
        judged,
        requests: requests(summary, memory),
        budgets: if judged { budgets(&snapshot.judgement.budgets, memory) } else { unjudged(snapshot.run) },
        budgets_say: if judged { figures::budgets(snapshot) } else { "not judged yet".to_owned() },
        observed: observed
            .map(|it| Observed { label: it.label, value: it.value, missed: it.missed })
            .collect(),
        generator: Generator {
            cpu_cores: row.cpu_cores,
            cores: snapshot.run.host.cores,
            cpu_wait: row.cpu_wait,
            memory_bytes: row.memory_bytes,
            open_files: row.open_files,
            open_files_limit: snapshot.run.host.open_files_limit,
            lag_p99_us: if judged { summary.lag.p99_us } else { row.lag_p99_us },
            lag_bound_us: lag_bound_us(snapshot.run),
            timer_slip_us: row.timer_slip_us,
        },
        not_valid: if judged { figures::not_valid(snapshot) } else { None },
        ..sums(so_far)
    }
}

/// The sums of a window.
fn sums(summary: &Summary) -> Now {
    Now {
        elapsed_s: 0.0,
        phase: "",
        judged: true,
        completed_per_s: summary.throughput_per_s,
        dropped: summary.dropped,
        n: summary.response.n,
        p50_us: summary.response.p50_us,
        p95_us: summary.response.p95_us,
        p99_us: summary.response.p99_us,
        max_us: summary.response.max_us,
        error_ratio: summary.error_ratio,
        errors: summary.errors.clone(),
        requests: Vec::new(),
        budgets: Vec::new(),
        budgets_say: String::new(),
        observed: Vec::new(),
        generator: Generator {
            cpu_cores: summary.generator.cpu_cores,
            cores: 0,
            cpu_wait: summary.generator.cpu_wait,
            memory_bytes: summary.generator.memory_bytes,
            open_files: summary.generator.open_files,
            open_files_limit: 0,
            lag_p99_us: summary.lag.p99_us,
            lag_bound_us: 0.0,
            timer_slip_us: summary.generator.timer_slip_us,
        },
        not_valid: None,
    }
}

fn requests(summary: &Summary, memory: &Memory) -> Vec<Request> {
    let requests = memory.in_order(&summary.by_request).into_iter();
    requests
        .map(|it| Request {
            name: it.name.clone(),
            completed: it.completed,
            completed_per_s: it.throughput_per_s,
            failed: it.failed,
            p50_us: it.response.p50_us,
            p95_us: it.response.p95_us,
            p99_us: it.response.p99_us,
        })
        .collect()
}

fn budgets(results: &[record::BudgetResult], memory: &Memory) -> Vec<Budget> {
    let budget = |(index, it): (usize, &record::BudgetResult)| Budget {
        text: it.text.clone(),
        request: it.budget.request.clone(),
        outcome: match it.outcome {
            Outcome::Met => "met",
            Outcome::Missed => "missed",
            Outcome::TooFew => "too_few",
            Outcome::NoData => "no_data",
        },
        shown: it.shown.clone(),
        at_risk: figures::is_at_risk(it),
        missed_at_s: memory.missed_at.get(&index).copied().filter(|_| it.outcome == Outcome::Missed),
    };
    results.iter().enumerate().map(budget).collect()
}

/// The budgets while the warm-up lasts.
fn unjudged(run: &Run) -> Vec<Budget> {
    let budget = |it: &record::Budget| Budget {
        text: it.to_string(),
        request: it.request.clone(),
        outcome: "no_data",
        shown: "not judged yet".to_owned(),
        at_risk: false,
        missed_at_s: None,
    };
    run.budgets.iter().map(budget).collect()
}

/// How `run` ended; `last` are the figures that were told last.
pub fn end(run: &Run, folder: &Path, memory: &Memory, last: Option<&Now>) -> End {
    let judgement = run.judgement.as_ref();
    let now = last.zip(run.totals.as_ref()).map(|(last, totals)| Now {
        elapsed_s: totals.recorded_s as f64,
        phase: "ended",
        requests: requests(totals, memory),
        budgets: judgement.map(|it| budgets(&it.budgets, memory)).unwrap_or_default(),
        observed: last.observed.clone(),
        generator: Generator {
            cores: run.host.cores,
            open_files_limit: run.host.open_files_limit,
            lag_bound_us: lag_bound_us(run),
            ..sums(totals).generator
        },
        ..sums(totals)
    });
    End {
        verdict: judgement
            .and_then(|it| serde_json::to_value(it.verdict).ok())
            .map_or_else(|| "no_data".to_owned(), |verdict| verdict.as_str().unwrap_or_default().to_owned()),
        exit: judgement.map_or(1, |it| it.exit),
        sentence: judgement
            .map_or("The run ended before it was judged.".to_owned(), |it| it.sentence.clone()),
        reasons: judgement
            .map(|it| it.validity.reasons.iter().map(|reason| reason.detail.clone()).collect())
            .unwrap_or_default(),
        caveats: run.caveats.clone(),
        record: folder.display().to_string(),
        now,
    }
}
