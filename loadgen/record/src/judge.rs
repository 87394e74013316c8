use serde::{Deserialize, Serialize};

use crate::{
    BudgetResult, Exit, Histograms, Kind, Outcome, Run, State, Summary, Tag, Validity, summary::merged,
    unit::show_count, validity,
};

/// What came of a run: the budgets with their outcomes, whether the run supports a verdict, and the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The exit code that says so.
    pub exit: u8,
    /// The verdict in one sentence.
    pub sentence: String,
    /// Each budget with its outcome, in the scenario's order.
    pub budgets: Vec<BudgetResult>,
    /// Whether the run supports a verdict.
    pub validity: Validity,
}

/// The verdict on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Valid, every budget met.
    Pass,
    /// Valid, a budget missed; or ended by the `abort` rule.
    Missed,
    /// Worse than its baseline.
    Regression,
    /// The run supports no verdict.
    Invalid,
    /// Nothing was measured.
    NoData,
    /// Stopped by the user.
    Interrupted,
}

impl Verdict {
    /// The exit code that says so.
    pub const fn exit(self) -> Exit {
        match self {
            Self::Pass => Exit::Pass,
            Self::Missed => Exit::BudgetMissed,
            Self::Regression => Exit::Regression,
            Self::Invalid => Exit::Invalid,
            Self::NoData => Exit::NoData,
            Self::Interrupted => Exit::Interrupted,
        }
    }
}

/// Judges the window that `summary` and `totals` sum up: stopped by the user, then ended by the abort rule, then no
/// data, then invalid, then missed, then pass. Invalid comes before missed because a figure that cannot be trusted
/// can neither pass nor fail.
pub fn judge(run: &Run, summary: &Summary, totals: &Histograms) -> Judgement {
    let all = merged(totals, |kind| *kind == Kind::Response);
    let results = run.budgets.iter().map(|budget| match &budget.request {
        None => budget.judge(summary, Some(&all), &summary.observed),
        Some(request) => {
            let tag = Tag { request: request.clone(), kind: Kind::Response };
            budget.judge(summary, totals.get(&tag), &summary.observed)
        }
    });
    let budgets: Vec<BudgetResult> = results.collect();
    let validity = validity::check(run, summary, &budgets);
    let missed: Vec<&BudgetResult> =
        budgets.iter().filter(|result| result.outcome == Outcome::Missed).collect();
    // Failures alone measure nothing of the target, unless a budget speaks of them.
    let nothing = summary.completed == 0 && missed.is_empty();
    let verdict = match run.state {
        State::Interrupted => Verdict::Interrupted,
        State::Aborted => Verdict::Missed,
        _ if nothing => Verdict::NoData,
        _ if !validity.valid => Verdict::Invalid,
        _ if !missed.is_empty() => Verdict::Missed,
        _ => Verdict::Pass,
    };
    let sentence = sentence(verdict, summary, &budgets, &missed, &validity);
    Judgement { verdict, exit: verdict.exit().code(), sentence, budgets, validity }
}

fn sentence(
    verdict: Verdict,
    summary: &Summary,
    budgets: &[BudgetResult],
    missed: &[&BudgetResult],
    validity: &Validity,
) -> String {
    match verdict {
        Verdict::Pass if budgets.is_empty() => {
            format!("Valid, and nothing to judge: the scenario has no budgets. {}.", rate(summary))
        }
        Verdict::Pass if budgets.len() == 1 => {
            format!("Passed: {} met at {}.", budgets[0].text, rate(summary))
        }
        Verdict::Pass => format!("Passed: all {} budgets met at {}.", budgets.len(), rate(summary)),
        Verdict::Missed if missed.is_empty() => {
            "Ended early by the abort rule: most requests failed.".to_owned()
        }
        Verdict::Missed => {
            let first = missed[0];
            format!(
                "Missed {} of {} budgets at {}; first: {} was {}.",
                missed.len(),
                budgets.len(),
                rate(summary),
                first.text,
                first.shown
            )
        }
        Verdict::Regression => "Worse than the baseline.".to_owned(),
        Verdict::Invalid => format!("No verdict: {}.", validity.reasons[0].detail),
        Verdict::NoData if summary.failed > 0 => format!(
            "No data: all {} requests failed ({}).",
            show_count(summary.failed as i64),
            summary.errors.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
        ),
        Verdict::NoData => "No data: no request ended in the judged window.".to_owned(),
        Verdict::Interrupted => format!("Stopped by hand at second {}; no verdict.", summary.recorded_s),
    }
}

fn rate(summary: &Summary) -> String {
    format!("{} requests/s over {} s", show_count(summary.throughput_per_s.round() as i64), summary.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Latency, new_histogram, test_run};

    fn judged(completed: u64, failed: u64, budgets: &[(&str, &str)]) -> Judgement {
        let mut run = test_run::run();
        run.state = State::Finished;
        run.budgets = budgets.iter().map(|(key, value)| Budget::parse(None, key, value).unwrap()).collect();
        let mut histogram = new_histogram();
        histogram.record_n(1_000, completed).unwrap();
        let summary = Summary {
            completed,
            failed,
            offered: completed + failed,
            started: completed + failed,
            seconds: 10,
            response: Latency::of(&histogram),
            errors: [("timeout".to_owned(), failed)].into(),
            ..Summary::default()
        };
        let tag = Tag { request: "one".into(), kind: Kind::Response };
        judge(&run, &summary, &Histograms::from([(tag, histogram)]))
    }

    #[test]
    fn a_run_whose_every_request_failed_is_no_pass() {
        let judgement = judged(0, 500, &[]);
        assert_eq!(judgement.verdict, Verdict::NoData);
        assert!(judgement.sentence.contains("all 500 requests failed (timeout)"), "{}", judgement.sentence);
        assert_eq!(judged(0, 0, &[]).verdict, Verdict::NoData);
        assert_eq!(judged(0, 500, &[("p95", "1s"), ("error_rate", "1%")]).verdict, Verdict::Missed);
    }

    #[test]
    fn a_target_that_failed_early_missed_its_budget_though_few_answers_are_left() {
        let budgets = [("p99", "1s"), ("error_rate", "1%")];
        assert_eq!(judged(100, 5_000, &budgets).verdict, Verdict::Missed);
        assert_eq!(judged(100, 0, &budgets).verdict, Verdict::Invalid);
        assert_eq!(judged(5_000, 0, &budgets).verdict, Verdict::Pass);
    }
}
