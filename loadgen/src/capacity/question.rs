//! What is asked of a rate: each budget as a share of answers over its limit; and what a trial's record answers.

use record::{Budget, Comparison, Histogram, Kind, Metric, Outcome, Record, RecordError, Tag, min_samples};

use super::share::Batch;

/// Seconds that a batch has at least.
const BATCH_S: u64 = 2;
/// Batches that a trial is cut into, if it is long enough.
const BATCHES: u64 = 5;
/// Failures allowed where the scenario says nothing of them: a target that refuses is quick.
const ERRORS: (&str, &str) = ("error_rate", "1%");

/// The budgets that a rate must keep, and those of the scenario that say nothing of how much load is too much.
pub fn budgets_of(scenario: &[Budget]) -> (Vec<Budget>, Vec<String>) {
    let mut notes = Vec::new();
    let mut budgets: Vec<Budget> = Vec::new();
    for budget in scenario {
        if budget.metric == Metric::Throughput {
            notes.push(format!(
                "The budget `{budget}` asks for load, not for less of it: it was left out of the search."
            ));
        } else {
            budgets.push(budget.clone());
        }
    }
    if !budgets.iter().any(|budget| budget.metric == Metric::ErrorRate && budget.request.is_none()) {
        let errors =
            Budget::parse(None, ERRORS.0, ERRORS.1).expect("a budget as the scenario language has it");
        notes.push(format!("The scenario has no budget for failures; the search held it to {errors}."));
        budgets.push(errors);
    }
    (budgets, notes)
}

/// The share of answers that may be over the budget's limit, 0..1.
pub fn allowed(budget: &Budget) -> f64 {
    match budget.metric {
        Metric::Response(quantile) => 1.0 - quantile,
        Metric::ErrorRate => budget.limit,
        // Not one; for what is observed, each trial is one answer, and most of them must be right.
        Metric::Max | Metric::Throughput => 0.0,
        Metric::Observed(_) => 0.5,
    }
}

/// Answers that a trial should bring for the budget to be decided on at once.
pub fn answers_needed(budget: &Budget) -> u64 {
    match budget.metric {
        Metric::Response(quantile) => min_samples(quantile),
        Metric::ErrorRate => min_samples(1.0 - budget.limit.clamp(1e-4, 0.5)),
        Metric::Max | Metric::Throughput | Metric::Observed(_) => 1,
    }
}

/// For each budget, the batches of the judged window of `record`. What ended after the planned end belongs to the last.
///
/// # Errors
/// The record cannot be read.
pub fn batches(record: &Record, budgets: &[Budget]) -> Result<Vec<Vec<Batch>>, RecordError> {
    let from_s = record.judged().from_s;
    let planned = (record.run.planned_s().ceil() as u64).saturating_sub(from_s).max(1);
    let count = (planned / BATCH_S).clamp(1, BATCHES);
    let (_, judgement) = record.conclude()?;
    let seconds = by_second(record, budgets)?;
    Ok(budgets
        .iter()
        .zip(seconds)
        .map(|(budget, seconds)| {
            if let Metric::Observed(_) = budget.metric {
                let result = judgement.budgets.iter().find(|result| result.budget == *budget);
                return match result.map(|result| result.outcome) {
                    Some(Outcome::Met) => vec![Batch { over: 0, all: 1 }],
                    Some(Outcome::Missed) => vec![Batch { over: 1, all: 1 }],
                    _ => Vec::new(),
                };
            }
            let mut batches = vec![Batch::default(); count as usize];
            for (second, batch) in (0..).zip(&seconds).skip(from_s as usize) {
                let at = ((second - from_s) * count / planned).min(count - 1);
                batches[at as usize].add(*batch);
            }
            batches
        })
        .collect())
}

/// For each budget, a batch for every second of `record`.
///
/// # Errors
/// The record cannot be read.
pub fn by_second(record: &Record, budgets: &[Budget]) -> Result<Vec<Vec<Batch>>, RecordError> {
    let mut found = vec![vec![Batch::default(); record.recorded_s() as usize]; budgets.len()];
    record.each_second(|second, tag, histogram| {
        for (budget, seconds) in budgets.iter().zip(&mut found) {
            if let Some(batch) = seconds.get_mut(second as usize) {
                batch.add(of(budget, &tag, histogram));
            }
        }
        Ok::<(), RecordError>(())
    })?;
    for row in record.series.iter().filter(|row| row.dropped > 0) {
        for (_, seconds) in budgets.iter().zip(&mut found).filter(|(budget, _)| counts_dropped(budget)) {
            seconds[row.second as usize].add(Batch { over: row.dropped, all: row.dropped });
        }
    }
    Ok(found)
}

/// Whether arrivals that were dropped count as the slowest answers, or as failures.
fn counts_dropped(budget: &Budget) -> bool {
    budget.request.is_none() && matches!(budget.metric, Metric::Response(_) | Metric::ErrorRate)
}

/// What a histogram says of a budget; nothing if it is about something else.
fn of(budget: &Budget, tag: &Tag, histogram: &Histogram) -> Batch {
    if budget.request.as_ref().is_some_and(|request| *request != tag.request) {
        return Batch::default();
    }
    let all = histogram.len();
    match (&budget.metric, &tag.kind) {
        (Metric::Response(_) | Metric::Max, Kind::Response) => Batch { over: slower(histogram, budget), all },
        // A block is meant only where a budget names it.
        (Metric::Response(_) | Metric::Max, Kind::Block) if budget.request.is_some() => {
            Batch { over: slower(histogram, budget), all }
        }
        (Metric::ErrorRate, Kind::Response) => Batch { over: 0, all },
        (Metric::ErrorRate, Kind::Error(_)) => Batch { over: all, all },
        _ => Batch::default(),
    }
}

/// Answers that took longer than the budget allows, as exactly as the histogram tells values apart.
fn slower(histogram: &Histogram, budget: &Budget) -> u64 {
    let over = |us: u64| match budget.comparison {
        Comparison::Less => us as f64 >= budget.limit,
        _ => us as f64 > budget.limit,
    };
    let steps = histogram.iter_recorded().filter(|step| over(step.value_iterated_to()));
    steps.map(|step| step.count_at_value()).sum()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use record::{ErrorCounts, Histograms, Second, SeriesRow, Stage, Writer, new_histogram};

    use super::*;
    use crate::screen::tests::story;

    fn budget(key: &str, value: &str) -> Budget {
        Budget::parse(None, key, value).unwrap()
    }

    #[test]
    fn a_percentile_meets_its_budget_exactly_if_no_more_than_the_rest_is_slower() {
        for (slow, met) in [(9, true), (10, true), (11, false), (30, false)] {
            let mut histogram = new_histogram();
            histogram.record_n(20_000, 1_000 - slow).unwrap();
            histogram.record_n(60_000, slow).unwrap();
            let p99 = budget("p99", "50ms");
            let share = slower(&histogram, &p99) as f64 / 1_000.0;
            assert_eq!(share <= allowed(&p99) + 1e-12, met);
            assert_eq!(histogram.value_at_quantile(0.99) as f64 <= p99.limit, met);
        }
    }

    #[test]
    fn what_is_a_floor_is_not_searched_for_and_failures_always_are() {
        let (budgets, notes) = budgets_of(&[budget("p95", "200ms"), budget("throughput", "500/s")]);
        let shown: Vec<String> = budgets.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["p95 ≤ 200 ms", "error rate ≤ 1 %"]);
        assert!(notes[0].contains("throughput") && notes[1].contains("failures"), "{notes:?}");
        assert_eq!(budgets_of(&[budget("error_rate", "0.1%")]).1, Vec::<String>::new());
    }

    #[test]
    fn a_budget_says_how_many_answers_decide_it() {
        assert_eq!(answers_needed(&budget("p99", "1s")), 368);
        assert_eq!(answers_needed(&budget("error_rate", "1%")), 368);
    }

    /// 12 seconds planned, 2 of them to settle; the answers of second 13 were still under way at the end.
    fn record(folder: &std::path::Path) -> Record {
        let mut run = story::run();
        run.stages = vec![Stage { from: 100.0, to: 100.0, seconds: 12.0 }];
        (run.warm_up_s, run.observed) = (2, Vec::new());
        run.budgets = vec![budget("p99", "50ms"), budget("error_rate", "1%")];
        let mut writer = Writer::create(folder, &run, SystemTime::UNIX_EPOCH).unwrap();
        for second in 0..14 {
            let (mut fine, mut failed) = (new_histogram(), new_histogram());
            fine.record_n(10_000, 90).unwrap();
            fine.record_n(70_000, second).unwrap();
            failed.record_n(1_000, 1).unwrap();
            let tag = |kind| Tag { request: "one".into(), kind };
            let histograms =
                Histograms::from([(tag(Kind::Response), fine), (tag(Kind::Error("timeout".into())), failed)]);
            let row = SeriesRow {
                second,
                dropped: u64::from(second == 5),
                failed: 1,
                completed: 90 + second,
                errors: ErrorCounts([("timeout".to_owned(), 1)].into()),
                ..SeriesRow::default()
            };
            writer.second(Second { row, histograms, target: Vec::new() }).unwrap();
        }
        writer.finish(run).unwrap();
        Record::open(folder).unwrap()
    }

    #[test]
    fn batches_leave_out_the_time_to_settle_and_hold_the_last_answers_and_what_was_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let record = record(folder.path());
        let found = batches(&record, &record.run.budgets).unwrap();
        let batch = |over, all| Batch { over, all };
        // Seconds 2+3, 4+5 with one dropped, 6+7, 8+9, and 10 to 13.
        let slow = [batch(5, 185), batch(10, 190), batch(13, 193), batch(17, 197), batch(46, 406)];
        assert_eq!(found[0], slow);
        let failed = [batch(2, 187), batch(3, 192), batch(2, 195), batch(2, 199), batch(4, 410)];
        assert_eq!(found[1], failed);
    }

    #[test]
    fn a_budget_of_a_request_asks_only_that_request() {
        let folder = tempfile::tempdir().unwrap();
        let record = record(folder.path());
        let of = |request| Budget::parse(Some(request), "p95", "50ms").unwrap();
        let all = |found: &[Batch]| found.iter().map(|batch| batch.all).sum::<u64>();
        let found = batches(&record, &[of("one"), of("another")]).unwrap();
        assert_eq!((all(&found[0]), all(&found[1])), (1_170, 0));
    }
}
