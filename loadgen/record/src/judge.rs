use serde::{Deserialize, Serialize};

use crate::{
    Budget, BudgetResult, Exit, Histograms, Kind, Metric, Outcome, Run, State, Summary, Tag, Validity,
    summary::merged, unit::show_count, validity,
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
///
/// A part of a load is judged by what it can know alone: not by budgets on throughput, which are about all parts together,
/// nor by values that it does not observe, and a sample that is too small for a percentile does not make it invalid. What
/// it leaves open is judged of the merged record.
pub fn judge(run: &Run, summary: &Summary, totals: &Histograms) -> Judgement {
    let all = merged(totals, |kind| *kind == Kind::Response);
    let results =
        run.budgets.iter().filter(|budget| is_its_own(run, budget)).map(|budget| match &budget.request {
            None => budget.judge(summary, Some(&all), &summary.observed),
            Some(request) => {
                let of = |kind| totals.get(&Tag { request: request.clone(), kind });
                budget.judge(summary, of(Kind::Response).or_else(|| of(Kind::Block)), &summary.observed)
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
    let sentence = sentence(verdict, summary, &budgets, &missed, &validity) + &by_hand(run);
    Judgement { verdict, exit: verdict.exit().code(), sentence, budgets, validity }
}

/// Whether `run` can judge `budget` alone.
fn is_its_own(run: &Run, budget: &Budget) -> bool {
    run.part.is_none()
        || match &budget.metric {
            Metric::Throughput => false,
            Metric::Observed(name) => run.observed.iter().any(|value| value.name == *name),
            Metric::Response(_) | Metric::Max | Metric::ErrorRate => true,
        }
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

/// What the sentence says of a load that was not the plan's.
fn by_hand(run: &Run) -> String {
    match run.adjustments.as_slice() {
        [] => String::new(),
        [only] => format!(" The load was adjusted by hand at {only}."),
        [first, _] => format!(" The load was adjusted by hand at {first} and once more."),
        [first, rest @ ..] => {
            format!(" The load was adjusted by hand at {first} and {} more times.", rest.len())
        }
    }
}

fn rate(summary: &Summary) -> String {
    format!("{} requests/s over {} s", show_count(summary.throughput_per_s.round() as i64), summary.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adjusted, Adjustment, Latency, Part, new_histogram, test_run};

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
    fn a_block_is_judged_by_its_name_and_is_no_further_request() {
        let mut run = test_run::run();
        run.state = State::Finished;
        run.budgets = ["50ms", "60ms"].map(|limit| Budget::parse(Some("page"), "p50", limit).unwrap()).into();
        let of = |us| {
            let mut histogram = new_histogram();
            histogram.record_n(us, 400).unwrap();
            histogram
        };
        let tag = |request: &str, kind| Tag { request: request.to_owned(), kind };
        let totals = Histograms::from([
            (tag("image", Kind::Response), of(20_000)),
            (tag("page", Kind::Block), of(55_000)),
        ]);
        let series: Vec<_> =
            (0..10).map(|second| crate::SeriesRow { second, completed: 40, ..Default::default() }).collect();
        let window = crate::Window { from_s: 0, to_s: 10 };
        let summary = crate::summarise(&run, &totals, &series, &[], window);
        assert_eq!((summary.completed, summary.response.n), (400, 400));
        let blocks: Vec<_> = summary.by_request.iter().map(|it| (it.name.as_str(), it.is_block)).collect();
        assert_eq!(blocks, [("image", false), ("page", true)]);
        let outcomes = judge(&run, &summary, &totals).budgets.into_iter().map(|it| it.outcome);
        assert_eq!(outcomes.collect::<Vec<_>>(), [Outcome::Missed, Outcome::Met]);
    }

    #[test]
    fn a_part_is_judged_by_what_it_can_know_alone() {
        let mut run = test_run::run();
        run.state = State::Finished;
        let budgets =
            [("throughput", "400/s"), ("p95", "10ms"), ("p99", "10ms"), ("cache_hit_ratio", ">= 80%")];
        run.budgets = budgets.iter().map(|(key, value)| Budget::parse(None, key, value).unwrap()).collect();
        let mut histogram = new_histogram();
        histogram.record_n(1_000, 300).unwrap();
        let summary =
            Summary { completed: 300, seconds: 3, offered: 300, started: 300, ..Summary::default() };
        let tag = Tag { request: "one".into(), kind: Kind::Response };
        let totals = Histograms::from([(tag, histogram)]);
        assert_eq!(judge(&run, &summary, &totals).verdict, Verdict::Invalid);
        run.part = Some(Part { index: 1, of: 4, stages: run.stages.clone(), max_users: 40 });
        let alone = judge(&run, &summary, &totals);
        let outcomes: Vec<_> =
            alone.budgets.iter().map(|it| (it.budget.metric.to_string(), it.outcome)).collect();
        assert_eq!(outcomes, [("p95".to_owned(), Outcome::Met), ("p99".to_owned(), Outcome::TooFew)]);
        assert_eq!(alone.verdict, Verdict::Pass);
    }

    #[test]
    fn a_verdict_on_a_load_that_was_adjusted_says_so() {
        let mut run = test_run::run();
        let summary = Summary { completed: 5_000, seconds: 10, ..Summary::default() };
        let said = |run: &Run| judge(run, &summary, &Histograms::new()).sentence;
        assert!(!said(&run).contains("by hand"));
        let adjustment =
            Adjustment { second: 12, what: Adjusted::Rate, from: 100.0, to: 250.0, factor: Some(2.5) };
        run.adjustments.push(adjustment);
        assert!(
            said(&run).ends_with(" adjusted by hand at second 12 (rate 100/s → 250/s)."),
            "{}",
            said(&run)
        );
        run.adjustments.push(adjustment);
        assert!(said(&run).ends_with("and once more."), "{}", said(&run));
        let text = serde_json::to_string(&run).unwrap();
        assert_eq!(serde_json::from_str::<Run>(&text).unwrap().adjustments, run.adjustments);
    }

    #[test]
    fn a_target_that_failed_early_missed_its_budget_though_few_answers_are_left() {
        let budgets = [("p99", "1s"), ("error_rate", "1%")];
        assert_eq!(judged(100, 5_000, &budgets).verdict, Verdict::Missed);
        assert_eq!(judged(100, 0, &budgets).verdict, Verdict::Invalid);
        assert_eq!(judged(5_000, 0, &budgets).verdict, Verdict::Pass);
    }
}
