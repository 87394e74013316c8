use std::{collections::BTreeMap, fs, path::PathBuf, time::SystemTime};

use proptest::prelude::*;

use super::*;
use crate::{
    Budget, ErrorCounts, Histograms, Host, Kind, Part, Rule, SeriesRow, Stage, State, Tag, Verdict,
    new_histogram, test_run,
};

/// One request: its second, part, response time, and whether it failed.
type Sent = (u64, u64, u64, bool);

const SECONDS: u64 = 4;

fn stages(rate: f64) -> Vec<Stage> {
    vec![Stage { from: rate, to: rate, seconds: SECONDS as f64 }]
}

fn run(part: Option<(u64, u64)>) -> Run {
    let mut run = test_run::run();
    run.warm_up_s = 1;
    run.stages = stages(100.0);
    run.budgets =
        vec![Budget::parse(None, "p95", "50ms").unwrap(), Budget::parse(None, "throughput", "1/s").unwrap()];
    if let Some((index, of)) = part {
        run.part = Some(Part { index, of, stages: stages(100.0), max_users: run.max_users });
        run.stages = stages(100.0 / of as f64);
    }
    run
}

fn second(at: u64, sent: &[Sent]) -> Second {
    let mut second = Second {
        row: SeriesRow { second: at, memory_bytes: 10, ..SeriesRow::default() },
        ..Second::default()
    };
    let (row, mut errors, mut lags) = (&mut second.row, BTreeMap::new(), new_histogram());
    for (_, _, us, failed) in sent.iter().filter(|it| it.0 == at) {
        let kind = if *failed { Kind::Error("timeout".into()) } else { Kind::Response };
        for (kind, us) in [(kind, *us), (Kind::Lag, us / 7)] {
            let tag = Tag { request: format!("request {}", us % 3), kind };
            second.histograms.entry(tag).or_insert_with(new_histogram).record(us).unwrap();
        }
        lags.record(us / 7).unwrap();
        row.offered += 1;
        row.started += 1;
        if *failed {
            row.failed += 1;
            *errors.entry("timeout".to_owned()).or_default() += 1;
        } else {
            row.completed += 1;
        }
    }
    row.errors = ErrorCounts(errors);
    row.lag_p99_us = (!lags.is_empty()).then(|| lags.value_at_quantile(0.99));
    second
}

fn write(folder: PathBuf, mut run: Run, seconds: u64, sent: &[Sent], state: State) -> Record {
    let mut writer = Writer::create(&folder, &run, SystemTime::UNIX_EPOCH).unwrap();
    (0..seconds).for_each(|at| writer.second(second(at, sent)).unwrap());
    run.state = state;
    if state != State::Running {
        writer.finish(run).unwrap();
    }
    Record::open(&folder).unwrap()
}

/// A folder with the records of `of` parts of the same 40 requests a second.
fn parts(of: u64, states: &[State]) -> (tempfile::TempDir, Vec<Record>) {
    let folder = tempfile::tempdir().unwrap();
    let records = states.iter().enumerate().map(|(index, state)| {
        let sent: Vec<Sent> = (0..40 * SECONDS).map(|i| (i % SECONDS, 0, 1_000 + i, false)).collect();
        let index = index as u64;
        // The killed one wrote half.
        let seconds = if *state == State::Running { SECONDS / 2 } else { SECONDS };
        write(folder.path().join(index.to_string()), run(Some((index, of))), seconds, &sent, *state)
    });
    let records = records.collect();
    (folder, records)
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    prop::collection::vec((0..SECONDS, 0u64..3, 1u64..200_000_000, prop::bool::weighted(0.1)), 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn merged_parts_are_the_record_of_one_recorder_fed_the_same(sent in sent()) {
        let folder = tempfile::tempdir().unwrap();
        let one = write(folder.path().join("one"), run(None), SECONDS, &sent, State::Finished);
        let parts = (0..3).map(|index| {
            let share: Vec<Sent> = sent.iter().filter(|it| it.1 == index).copied().collect();
            write(folder.path().join(index.to_string()), run(Some((index, 3))), SECONDS, &share, State::Finished)
        });
        let out = folder.path().join("merged");
        merge(&out, parts.collect(), false).unwrap();
        let merged = Record::open(&out).unwrap();
        prop_assert_eq!(merged.totals().unwrap(), one.totals().unwrap());
        for (sum, row) in merged.series.iter().zip(&one.series) {
            prop_assert_eq!(sum, &SeriesRow { memory_bytes: 30, ..row.clone() });
        }
        // Second by second, all requests together.
        let seconds = |record: &Record| {
            let mut seconds = Vec::new();
            record.each_response_second(|at, histogram| {
                seconds.push((at, histogram.clone()));
                Ok::<(), RecordError>(())
            }).unwrap();
            seconds
        };
        prop_assert_eq!(seconds(&merged), seconds(&one));
        let ((a, judged), (b, expected)) = (merged.conclude().unwrap(), one.conclude().unwrap());
        prop_assert_eq!((a.response, a.error, a.lag, a.by_request), (b.response, b.error, b.lag, b.by_request));
        prop_assert_eq!((judged.verdict, judged.budgets), (expected.verdict, expected.budgets));
        prop_assert_eq!((merged.run.stages, merged.run.max_users), (one.run.stages, one.run.max_users));
    }
}

#[test]
fn a_part_that_is_missing_or_there_twice_is_refused_by_name() {
    let (folder, records) = parts(3, &[State::Finished; 2]);
    let refused = |records: Vec<Record>, partial| {
        merge(&folder.path().join("out"), records, partial).unwrap_err().to_string()
    };
    let again = |index: usize| Record::open(&records[index].folder).unwrap();
    let message = refused(vec![again(1), again(0)], false);
    assert!(message.contains("part 2 of 3 is missing") && message.contains("--partial"), "{message}");
    let message = refused(vec![again(0), again(1), again(1)], true);
    assert!(message.contains("part 1 of 3 is there twice"), "{message}");
    assert!(refused(Vec::new(), false).contains("no record"));
    let whole = write(folder.path().join("whole"), run(None), 2, &[], State::Finished);
    assert!(refused(vec![whole], false).contains("is no part of a run"));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_partial_merge_says_what_is_missing_and_gives_no_verdict() {
    let (folder, records) = parts(3, &[State::Finished; 2]);
    let run = merge(&folder.path().join("out"), records, true).unwrap();
    let judgement = run.judgement.unwrap();
    assert_eq!(judgement.verdict, Verdict::Invalid);
    assert_eq!(judgement.validity.reasons[0].rule, Rule::Incomplete);
    assert!(judgement.sentence.contains("part 2 of 3 is missing"), "{}", judgement.sentence);
}

#[test]
fn a_killed_part_makes_the_whole_invalid_and_a_stopped_one_stops_it() {
    use State::{Finished, Interrupted, Running};
    let verdict = |states: &[State]| {
        let (folder, records) = parts(states.len() as u64, states);
        let run = merge(&folder.path().join("out"), records, false).unwrap();
        let judgement = run.judgement.unwrap();
        (judgement.verdict, judgement.sentence)
    };
    assert_eq!(verdict(&[Finished, Finished]).0, Verdict::Pass);
    let (invalid, sentence) = verdict(&[Finished, Running]);
    assert_eq!(invalid, Verdict::Invalid);
    assert!(sentence.contains("part 1 of 2 was killed after 2 s"), "{sentence}");
    assert_eq!(verdict(&[Finished, Interrupted]).0, Verdict::Interrupted);
    assert_eq!(verdict(&[Running, Running]).0, Verdict::Invalid);
}

#[test]
fn parts_of_different_runs_are_told_apart() {
    type Change = fn(&mut Run);
    let changes: [(Change, &str); 4] = [
        (|run| run.seed += 1, "--seed"),
        (|run| run.scenario.sha256 = "other".into(), "different scenarios"),
        (|run| run.start = "2026-01-01T00:00:09Z".into(), "--start-at"),
        (|run| run.part.as_mut().unwrap().stages[0].to = 7.0, "cut differently"),
    ];
    for (change, says) in changes {
        let folder = tempfile::tempdir().unwrap();
        let mut other = run(Some((1, 2)));
        change(&mut other);
        let one = write(folder.path().join("0"), run(Some((0, 2))), 2, &[], State::Finished);
        let other = write(folder.path().join("1"), other, 2, &[], State::Finished);
        let message = merge(&folder.path().join("out"), vec![one, other], false).unwrap_err().to_string();
        assert!(message.contains(says) && message.contains("/1"), "{message}");
    }
}

#[test]
fn machines_are_told_apart_and_the_busiest_decides_whether_the_generator_was_the_limit() {
    let merged = |machines: [&str; 3], cpu: f64| {
        let folder = tempfile::tempdir().unwrap();
        let records = machines.iter().enumerate().map(|(index, machine)| {
            let mut run = run(Some((index as u64, 3)));
            run.host = Host { machine: (*machine).to_owned(), ..run.host };
            let path = folder.path().join(index.to_string());
            let mut writer = Writer::create(&path, &run, SystemTime::UNIX_EPOCH).unwrap();
            for at in 0..SECONDS {
                let mut second = test_run::second(at);
                second.row.cpu_cores = if index == 0 { 0.1 } else { cpu };
                writer.second(second).unwrap();
            }
            run.state = State::Finished;
            writer.finish(run).unwrap();
            Record::open(&path).unwrap()
        });
        let records = records.collect();
        merge(&folder.path().join("out"), records, false).unwrap()
    };
    let rules = |run: &Run| {
        let reasons = &run.judgement.as_ref().unwrap().validity.reasons;
        reasons.iter().map(|reason| reason.rule).collect::<Vec<_>>()
    };
    // Two cores each: 1.9 of 2 on the second machine, 2.0 of 4 in all.
    let two = merged(["a", "b", "b"], 0.95);
    assert_eq!((two.merged.as_ref().unwrap().hosts.len(), two.host.cores), (2, 4));
    assert_eq!(two.host.open_files_limit, 3 * 1024);
    assert!(rules(&two).contains(&Rule::Saturated));
    let three = merged(["a", "b", "c"], 0.95);
    assert!(!rules(&three).contains(&Rule::Saturated));
    let one = merged(["a", "a", "a"], 0.95);
    assert_eq!((one.host.cores, one.merged.as_ref().unwrap().hosts.len()), (2, 1));
    assert!(rules(&one).contains(&Rule::Saturated));
}

#[test]
fn errors_are_the_first_of_each_kind_in_order_of_time() {
    let (folder, records) = parts(2, &[State::Finished; 2]);
    for (index, record) in records.iter().enumerate() {
        let lines = (0..ERRORS).map(|at| {
            let sample = ErrorSample {
                second: at,
                request: format!("part {index}"),
                kind: "reset".into(),
                detail: String::new(),
                sent: String::new(),
                received: String::new(),
                response_us: 1,
            };
            serde_json::to_string(&sample).unwrap() + "\n"
        });
        fs::write(record.folder.join(crate::files::ERRORS), lines.collect::<String>()).unwrap();
    }
    let again = records.iter().map(|record| Record::open(&record.folder).unwrap()).collect();
    merge(&folder.path().join("out"), again, false).unwrap();
    let merged = Record::open(&folder.path().join("out")).unwrap();
    let seconds: Vec<u64> = merged.errors.iter().map(|sample| sample.second).collect();
    assert_eq!(seconds, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
}

/// As many as a part keeps.
const ERRORS: u64 = crate::ERRORS_PER_KIND as u64;

#[test]
fn what_an_empty_part_adds_is_nothing() {
    let merged = sum(3, [second(3, &[(3, 0, 500, false)]), Second::default()]);
    assert_eq!(merged.row, second(3, &[(3, 0, 500, false)]).row);
    let expected: Histograms = second(3, &[(3, 0, 500, false)]).histograms;
    assert_eq!(merged.histograms, expected);
}
