use std::{collections::BTreeMap, path::Path};

use rand::{SeedableRng, rngs::ChaCha8Rng};
use rand_distr::{Distribution, Normal};
use statrs::distribution::{ContinuousCDF, Normal as Bell};

use super::{side::Counts, *};
use crate::{fixture::Fixture, stats::Cumulative};

/// Answers a run and request.
const ANSWERS: usize = 400;

/// One run as machines make them: log-normal answers around 20 and 45 ms, of which a run as a whole is 3 % faster or slower
/// than its like and its tail 3 % heavier or lighter (standard deviations), times `slower`.
fn run(rng: &mut ChaCha8Rng, scores: &[f64], slower: f64) -> [Vec<u64>; 2] {
    let luck = Normal::new(0.0, 0.03).unwrap();
    let (level, tail) = (luck.sample(rng), luck.sample(rng));
    [20_000.0_f64, 45_000.0].map(|median| {
        let answer = |score: &f64| (median * slower * (level + 0.5 * (1.0 + tail) * score).exp()) as u64;
        scores.iter().map(answer).collect()
    })
}

fn side(rng: &mut ChaCha8Rng, runs: usize, slower: f64) -> Side {
    // Standard scores at even distances of probability: what differs between runs is their luck, as in long runs.
    let scores: Vec<f64> =
        (0..ANSWERS).map(|at| Bell::standard().inverse_cdf((at as f64 + 0.5) / ANSWERS as f64)).collect();
    let runs: Vec<[Vec<u64>; 2]> = (0..runs).map(|_| run(rng, &scores, slower)).collect();
    let both = runs.iter().map(|requests| {
        let mut all = requests.concat();
        all.sort_unstable();
        Cumulative::sorted(all)
    });
    let of = |at: usize| runs.iter().map(|requests| Cumulative::sorted(requests[at].clone())).collect();
    let requests = BTreeMap::from([("list".to_owned(), of(0)), ("search".to_owned(), of(1))]);
    let counts = vec![Counts { completed: 2 * ANSWERS as u64, lost: 0, seconds: 60 }; runs.len()];
    Side::new(SideInfo::default(), both.collect(), requests, counts, Vec::new())
}

/// How many of 100 pairs of five runs raise the alarm (any row says worse: exit code 11), and how many find p95 worse.
fn found(slower: f64) -> (usize, usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(2026);
    let (mut alarms, mut p95) = (0, 0);
    for _ in 0..100 {
        let (before, after) = (side(&mut rng, 5, 1.0), side(&mut rng, 5, slower).drawn_apart());
        let rows = row::rows(&before, &after, 0.05);
        alarms += usize::from(rows.iter().any(|row| row.change == Change::Worse));
        p95 += usize::from(
            rows.iter()
                .any(|row| row.request.is_none() && row.metric == "p95" && row.change == Change::Worse),
        );
    }
    (alarms, p95)
}

#[test]
fn the_same_build_twice_raises_at_most_5_alarms_in_100() {
    let (alarms, _) = found(1.0);
    assert!(alarms <= 5, "{alarms} of 100");
}

#[test]
fn a_build_8_per_cent_slower_is_found_in_at_least_80_of_100() {
    let (_, p95) = found(1.08);
    assert!(p95 >= 80, "{p95} of 100");
}

fn records(folder: &Path, name: &str, fixtures: &[Fixture]) -> Vec<PathBuf> {
    let write = |(index, fixture): (usize, &Fixture)| {
        let path = folder.join(format!("{name}-{index}"));
        fixture.write(&path);
        path
    };
    fixtures.iter().enumerate().map(write).collect()
}

/// Five runs of answers `slower` times as long, each a little different from the others.
fn runs(slower: f64) -> Vec<Fixture> {
    let budgets = vec![(None, "p95", "1s")];
    let like = |luck: f64| Fixture { slower: slower * luck, budgets: budgets.clone(), ..Fixture::default() };
    [0.99, 1.0, 1.01, 0.995, 1.005].map(like).into()
}

#[test]
fn records_of_a_slower_build_are_a_regression_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (records(folder.path(), "a", &runs(1.0)), records(folder.path(), "b", &runs(1.1)));
    let found = compare(&before, &after, 0.05).unwrap();
    assert_eq!((found.outcome, found.outcome.exit(), found.exit), (Outcome::Worse, Exit::Regression, 11));
    let p95 = found.rows.iter().find(|row| row.name() == "p95").unwrap();
    assert_eq!(p95.change, Change::Worse);
    assert!((p95.by.unwrap() - 0.1).abs() < 0.01, "{p95:?}");
    let interval = p95.interval.unwrap();
    assert!(interval.low.unwrap() > 0.05 && interval.high.unwrap() < 0.15, "{interval:?}");
    assert!(found.sentence.starts_with("Worse: p50 +"), "{}", found.sentence);

    let text = crate::export::comparison(&found);
    assert!(
        text.contains("before  5 runs · two <requests> & more (abababab) · commit c0ffeec0ff+"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.trim_end() == line && !line.contains('\u{1b}')), "{text}");
    let markdown = crate::export::comparison_markdown(&found);
    assert!(
        markdown.starts_with("### ❌ Comparison\n\nWorse: p50 +") && !markdown.contains("<requests>"),
        "{markdown}"
    );
    let json: serde_json::Value = serde_json::from_str(&crate::export::json(&found).unwrap()).unwrap();
    assert_eq!((&json["schema"], &json["outcome"]), (&"headroom.comparison/1".into(), &"worse".into()));

    let back = compare(&after, &before, 0.05).unwrap();
    assert_eq!((back.outcome, back.outcome.exit()), (Outcome::Better, Exit::Pass));
    let same = compare(&before, &before, 0.05).unwrap();
    assert_eq!((same.outcome, same.outcome.exit()), (Outcome::Same, Exit::Pass));
}

#[test]
fn one_run_against_one_is_reported_as_such_and_needs_twice_the_effect() {
    let folder = tempfile::tempdir().unwrap();
    let one = |name: &str, slower: f64| records(folder.path(), name, &runs(slower)[1..2]);
    let before = one("a", 1.0);
    let found = compare(&before, &one("b", 1.08), 0.05).unwrap();
    assert_eq!(found.outcome, Outcome::Same);
    assert!(found.notes[0].starts_with("One run on a side"), "{:?}", found.notes);
    assert_eq!(compare(&before, &one("c", 1.2), 0.05).unwrap().outcome, Outcome::Worse);
}

#[test]
fn errors_count_by_a_tenth_of_a_per_cent_and_percentiles_need_their_samples() {
    let folder = tempfile::tempdir().unwrap();
    let failing = |failed_per_s| {
        runs(1.0)
            .into_iter()
            .map(|run| Fixture { failed_per_s, budgets: vec![(None, "p95", "1s")], ..run })
            .collect::<Vec<_>>()
    };
    let (before, after) =
        (records(folder.path(), "a", &failing(0)), records(folder.path(), "b", &failing(2)));
    let found = compare(&before, &after, 0.05).unwrap();
    let row = |name: &str| found.rows.iter().find(|row| row.name() == name).unwrap();
    assert_eq!(row("errors").change, Change::Worse);
    assert_eq!(row("errors").change_text, "+1.96 points (+1.96 to +1.96 points)");
    let one = compare(&before[..1], &after[..1], 0.05).unwrap();
    let p999 = one.rows.iter().find(|row| row.name() == "p99.9").unwrap();
    assert_eq!((p999.change, p999.before.text.as_str()), (Change::TooFew, "n too small"));
}

#[test]
fn a_run_that_supports_no_verdict_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let before = records(folder.path(), "a", &runs(1.0));
    let mut slower = runs(1.5);
    slower[2].state = record::State::Running;
    let found = compare(&before, &records(folder.path(), "b", &slower), 0.05).unwrap();
    assert_eq!((found.outcome, found.outcome.exit()), (Outcome::Invalid, Exit::Invalid));
    assert!(found.sentence.contains("b-2: "), "{}", found.sentence);
    assert!(found.rows.iter().all(|row| row.change == Change::Undecided));
}
