use serde::{Deserialize, Serialize};

use crate::{
    BudgetResult, Metric, Model, Outcome, Run, State, Summary,
    unit::{show_count, show_number, show_ratio, show_us},
};

/// Whether the run supports a verdict, and if not, why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Validity {
    /// No rule was broken.
    pub valid: bool,
    /// The broken rules.
    pub reasons: Vec<Reason>,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Which.
    pub rule: Rule,
    /// One sentence with the figure, the bound, and what would help.
    pub detail: String,
}

/// What a run must keep to support a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Something was measured.
    Empty,
    /// The generator began requests when they were due.
    Late,
    /// The generator had processor time to spare.
    Saturated,
    /// The machine gave the generator a processor when it wanted one.
    Starved,
    /// The schedule was offered whole.
    Undelivered,
    /// The sample can bound what the budgets ask for.
    TooShort,
    /// The run came to its planned end.
    Unfinished,
    /// Every part of the load was offered, to its end.
    Incomplete,
}

/// Share of its cores above which a generator is taken to be the limit itself.
const SATURATED: f64 = 0.9;
/// Share of the time they wanted to run that the generator's threads may wait for a processor.
const STARVED: f64 = 0.5;
/// Waiting below this many seconds per second is never held against a run: an idle generator waits for nothing.
const STARVED_FLOOR: f64 = 0.1;
/// Share of the schedule that must have been offered.
const DELIVERED: f64 = 0.999;

/// The start lag that a run may have at its 99th percentile, microseconds: a tenth of its tightest latency budget,
/// so that the generator's own lateness cannot decide the verdict; between 2 ms (a timer's tick) and 10 ms.
pub fn lag_bound_us(run: &Run) -> f64 {
    let latency =
        run.budgets.iter().filter(|budget| matches!(budget.metric, Metric::Response(_) | Metric::Max));
    let tightest = latency.map(|budget| budget.limit).fold(f64::INFINITY, f64::min);
    (tightest / 10.0).clamp(2_000.0, 10_000.0)
}

/// Holds every rule against the judged window.
pub(crate) fn check(run: &Run, summary: &Summary, budgets: &[BudgetResult]) -> Validity {
    let rules = [empty, incomplete, late, saturated, starved, undelivered, unfinished];
    let mut reasons: Vec<Reason> = rules.iter().filter_map(|rule| rule(run, summary)).collect();
    // Where most requests failed and a budget says that they may not, missing answers are the target's doing.
    let missed = budgets.iter().any(|result| result.outcome == Outcome::Missed);
    if !(missed && summary.failed > summary.completed) {
        reasons.extend(budgets.iter().filter_map(|result| unsupported(run, result, summary)));
    }
    Validity { valid: reasons.is_empty(), reasons }
}

fn unsupported(run: &Run, result: &BudgetResult, summary: &Summary) -> Option<Reason> {
    match result.outcome {
        // The sample of a part is too small only together with the others'.
        Outcome::TooFew if run.part.is_some() => None,
        Outcome::TooFew => reason(
            Rule::TooShort,
            format!(
                "{} needs {} answers, there were {}: run longer or offer more",
                result.text,
                show_count(result.needs_n as i64),
                show_count(result.n as i64)
            ),
        ),
        Outcome::NoData if summary.completed + summary.failed > 0 => {
            reason(Rule::Empty, format!("{}: there is no data for it in the judged window", result.text))
        }
        _ => None,
    }
}

fn reason(rule: Rule, detail: String) -> Option<Reason> {
    Some(Reason { rule, detail })
}

fn empty(_: &Run, summary: &Summary) -> Option<Reason> {
    if summary.completed + summary.failed > 0 {
        return None;
    }
    reason(Rule::Empty, "no request ended in the judged window".to_owned())
}

fn late(run: &Run, summary: &Summary) -> Option<Reason> {
    let bound = lag_bound_us(run);
    // A sample too small for its p99 is judged by its worst.
    let lag = summary.lag.p99_us.unwrap_or(summary.lag.max_us) as f64;
    if lag <= bound {
        return None;
    }
    reason(
        Rule::Late,
        format!(
            "the generator was late: 99 % of requests began within {} of their due time, more than {} is too much for \
             these budgets; give it more processor or offer less",
            show_us(lag),
            show_us(bound)
        ),
    )
}

fn saturated(run: &Run, summary: &Summary) -> Option<Reason> {
    let (used, cores) = most_loaded(run, summary);
    if cores == 0 || used < SATURATED * cores as f64 {
        return None;
    }
    reason(
        Rule::Saturated,
        format!(
            "the generator used {} of its {cores} cores: it was the limit, not the target",
            show_number(used)
        ),
    )
}

/// Cores used and cores there were, on the machine where the generator had least to spare.
fn most_loaded(run: &Run, summary: &Summary) -> (f64, u64) {
    let Some(merged) = run.merged.as_ref().filter(|merged| merged.hosts.len() > 1) else {
        return (summary.generator.cpu_cores, run.host.cores);
    };
    let machines = merged.hosts.iter().enumerate().map(|(index, host)| {
        let parts = merged.parts.iter().filter(|part| part.host == index);
        (parts.map(|part| part.cpu_cores).sum::<f64>(), host.cores)
    });
    let share = |(used, cores): &(f64, u64)| used / (*cores).max(1) as f64;
    machines.max_by(|a, b| share(a).total_cmp(&share(b))).unwrap_or_default()
}

fn starved(_: &Run, summary: &Summary) -> Option<Reason> {
    let (used, waited) = (summary.generator.cpu_cores, summary.generator.cpu_wait);
    if waited < STARVED_FLOOR || waited < STARVED * (used + waited) {
        return None;
    }
    reason(
        Rule::Starved,
        format!(
            "the generator was starved: its threads were refused a processor {} of the time they wanted one; \
             something else uses this machine's cores",
            show_ratio(waited / (used + waited))
        ),
    )
}

fn undelivered(run: &Run, summary: &Summary) -> Option<Reason> {
    let delivered = (summary.started + summary.dropped) as f64 / summary.offered.max(1) as f64;
    if run.model == Model::Closed || summary.offered == 0 || delivered >= DELIVERED {
        return None;
    }
    reason(
        Rule::Undelivered,
        format!(
            "only {} of {} scheduled iterations were begun or counted as dropped",
            show_count((summary.started + summary.dropped) as i64),
            show_count(summary.offered as i64)
        ),
    )
}

fn unfinished(run: &Run, summary: &Summary) -> Option<Reason> {
    let detail = match run.state {
        State::Finished | State::Aborted => return None,
        State::Running => {
            format!("the generator was killed; the record ends at second {}", summary.recorded_s)
        }
        State::Interrupted => format!("the run was stopped by hand at second {}", summary.recorded_s),
    };
    reason(Rule::Unfinished, detail)
}

fn incomplete(run: &Run, _: &Summary) -> Option<Reason> {
    let merged = run.merged.as_ref()?;
    let missing = (0..merged.of).filter(|index| merged.parts.iter().all(|part| part.index != *index));
    let missing = missing.map(|index| format!("part {index} of {} is missing", merged.of));
    let cut = merged.parts.iter().filter(|part| run.state != State::Running && part.state == State::Running);
    let cut = cut.map(|part| {
        format!(
            "the generator of part {} of {} was killed after {} s, and its load is missing from then on",
            part.index, merged.of, part.recorded_s
        )
    });
    let why: Vec<String> = missing.chain(cut).collect();
    (!why.is_empty()).then(|| Reason { rule: Rule::Incomplete, detail: why.join("; ") })
}
