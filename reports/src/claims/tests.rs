use std::path::Path;

use record::{Model, ObservedKind, ObservedValue, TargetRow, files};

use super::*;
use crate::fixture::Fixture;

const NONE: &[&Path] = &[];

fn find<'a>(found: &'a Claims, id: &str) -> &'a Judged {
    found.claims.iter().find(|claim| claim.id == id).unwrap()
}

#[test]
fn without_a_record_only_sums_and_prices_decide() {
    let found = claims(&[], NONE, &Catalogue::built_in()).unwrap();
    assert_eq!(found.claims.len(), 126);
    assert_eq!(found.counts.iter().map(|(_, count)| count).sum::<u64>(), 126);
    for claim in &found.claims {
        let decided = matches!(claim.verdict, Verdict::Supported | Verdict::Contradicted);
        assert_eq!(decided, matches!(claim.rule, Rule::Price { .. }), "{claim:?}");
        assert!(claim.evidence.is_empty() != decided && !claim.why.is_empty());
    }
    // The cores are 80 to 120 and not 240; 70 to 80 % of hits spare the database 3.3 to 5 times and not 5 to 10.
    let wrong: Vec<(&str, &str)> = found
        .claims
        .iter()
        .filter(|claim| claim.verdict == Verdict::ArithmeticError)
        .map(|claim| (claim.id.as_str(), claim.why.as_str()))
        .collect();
    assert_eq!(wrong.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["003-290-291-080", "004-150-104"]);
    assert!(wrong[0].1.ends_with("20–30 × 4 = 80–120 cores, not 240."), "{wrong:?}");
    assert!(wrong[1].1.ends_with("1 ÷ (1 − 0.7–0.8) = 3.33–5 times, not 5–10."), "{wrong:?}");
    let day = find(&found, "004-383-386-112");
    assert!(day.why.contains("500,000 ÷ 86,400 = 5.79 requests/s"), "{}", day.why);
    assert!(find(&found, "001-442-020").why.contains("150 + 30 + 100 + 20 + 30 = 330 USD a month"));
    assert!(find(&found, "003-349-090").why.contains("it takes a valid run and 72 answers or more"));
}

/// A run that keeps its budgets, with what can be seen of a database behind a cache.
fn run(folder: &Path, name: &str, fixture: &Fixture, hits: u64, queries: u64) -> PathBuf {
    let path = folder.join(name);
    fixture.write(&path);
    // The fixture observes no histogram; one of queries of 1 to 5 ms takes the place of what it observed.
    let text = std::fs::read_to_string(path.join(files::RUN)).unwrap();
    let mut run: record::Run = serde_json::from_str(&text).unwrap();
    let observed = |name: &str, kind| ObservedValue { source: "service".into(), name: name.into(), kind };
    run.observed = vec![
        observed("cache_hit_ratio", ObservedKind::Ratio),
        observed("db_p95", ObservedKind::Quantile(0.95)),
    ];
    (run.totals, run.judgement) = (None, None);
    std::fs::write(path.join(files::RUN), serde_json::to_string(&run).unwrap()).unwrap();
    let mut csv = String::from("second,source,name,component,value\n");
    for second in 0..fixture.seconds {
        let mut row = |name: &str, component: &str, value: u64| {
            let row = TargetRow {
                second,
                source: "service".into(),
                name: name.into(),
                component: component.into(),
                value: value as f64,
            };
            csv += &format!("{},{},{},{},{}\n", row.second, row.source, row.name, row.component, row.value);
        };
        row("cache_hit_ratio", "hits", hits * second);
        row("cache_hit_ratio", "all", 100 * second);
        row("db_p95", "le=0.001", 0);
        row("db_p95", "le=0.005", queries * second);
        row("db_p95", "le=+Inf", queries * second);
    }
    std::fs::write(path.join(files::TARGET), csv).unwrap();
    path
}

fn good() -> Fixture {
    Fixture { seconds: 40, failed_per_s: 0, budgets: vec![(None, "p95", "1s")], ..Fixture::default() }
}

#[test]
fn a_run_decides_by_itself_on_what_it_measures_with_figure_interval_and_n() {
    let folder = tempfile::tempdir().unwrap();
    let record = run(folder.path(), "run", &good(), 85, 30);
    let found = claims(&[record], NONE, &Catalogue::built_in()).unwrap();
    let p95 = find(&found, "003-349-090");
    assert_eq!((p95.verdict, p95.evidence.len()), (Verdict::Supported, 1));
    let figure = &p95.evidence[0];
    assert!(
        figure.interval.low.unwrap() <= figure.value.unwrap() && figure.interval.high.unwrap() < 500.0,
        "{figure:?}"
    );
    assert!(p95.why.contains("3,600 answers at two <requests> & more, 1 run, 100 arrivals/s"), "{}", p95.why);
    assert_eq!(find(&found, "003-353-095").verdict, Verdict::Supported);
    // 85 of 100 lie above 70 to 80.
    assert_eq!(find(&found, "004-149-103").verdict, Verdict::Supported);
    // Queries take 1 to 5 ms, not 200, and below 50.
    assert_eq!(find(&found, "002-283-040").verdict, Verdict::Contradicted);
    assert_eq!(find(&found, "003-352-094").verdict, Verdict::Supported);
    // 30 queries a second of at most 5 ms keep less than one connection busy.
    assert_eq!(find(&found, "001-24-001").verdict, Verdict::Supported);
    // The targets for 10,000 users are not shown by arrivals without users.
    let target = find(&found, "004-405-121");
    assert_eq!(target.verdict, Verdict::Inconclusive);
    assert!(target.why.ends_with("but the claim is made for 10,000 users."), "{}", target.why);
    // A request that the run does not have.
    assert!(find(&found, "003-89-073").why.contains("it takes a valid run with the request `warm list`"));
    for claim in found.claims.iter().filter(|claim| claim.verdict == Verdict::Supported) {
        let figure = claim.evidence.first().unwrap();
        assert!(
            figure.n > 0 && (figure.interval.low.is_some() || figure.interval.high.is_some()),
            "{claim:?}"
        );
    }
}

#[test]
fn slow_answers_and_failures_contradict() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Fixture { slower: 60.0, failed_per_s: 2, ..good() };
    let found = claims(&[run(folder.path(), "run", &slow, 40, 30)], NONE, &Catalogue::built_in()).unwrap();
    for id in ["003-349-089", "003-349-090", "004-405-121", "003-350-092", "003-353-095"] {
        assert_eq!(find(&found, id).verdict, Verdict::Contradicted, "{}", find(&found, id).why);
    }
}

#[test]
fn a_pair_of_runs_tells_what_the_cache_spares_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let with = run(folder.path(), "with", &good(), 85, 24);
    let without = run(folder.path(), "without", &good(), 0, 100);
    let found = claims(&[with.clone(), without.clone()], NONE, &Catalogue::built_in()).unwrap();
    let relief = find(&found, "003-88-072");
    assert_eq!(relief.verdict, Verdict::Supported, "{}", relief.why);
    assert!(
        (relief.evidence[0].value.unwrap() - 76.0).abs() < 0.5 && relief.evidence[0].sources.len() == 2,
        "{relief:?}"
    );
    let alone = claims(&[with], NONE, &Catalogue::built_in()).unwrap();
    assert!(
        find(&alone, "003-88-072").why.contains("two valid runs of one scenario, with the cache and without")
    );
    let more = claims(&[run(folder.path(), "more", &good(), 85, 60), without], NONE, &Catalogue::built_in())
        .unwrap();
    assert_eq!(find(&more, "003-88-072").verdict, Verdict::Contradicted);
}

#[test]
fn users_who_were_served_within_the_budgets_are_a_lower_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claims.json");
    let users = |expect: &str, larger: bool| {
        let rule = format!(r#"{{"measure":"users","expect":{expect},"of_larger_system":{larger}}}"#);
        std::fs::write(&path, format!(r#"{{"schema":"headroom.claims-file/1","document":"d","claims":[
            {{"id":"a","line":"1","category":"capacity","subject":"s","claim":"c","unit":"users","rule":{rule}}}]}}"#)).unwrap();
    };
    let record = |name: &str, budget| {
        let fixture = Fixture { model: Model::Closed, budgets: vec![(None, "p95", budget)], ..good() };
        fixture.write(&folder.path().join(name));
        folder.path().join(name)
    };
    // The fixture has 50 users.
    let (held, broke) = (record("held", "1s"), record("broke", "2ms"));
    let verdict = |record: &PathBuf| {
        claims(std::slice::from_ref(record), &[&path], &Catalogue::built_in()).unwrap().claims[0].verdict
    };
    users(r#"{"at_least":50}"#, false);
    assert_eq!((verdict(&held), verdict(&broke)), (Verdict::Supported, Verdict::Inconclusive));
    users(r#"{"at_least":60}"#, false);
    assert_eq!((verdict(&held), verdict(&broke)), (Verdict::Inconclusive, Verdict::Contradicted));
    users(r#"{"at_least":60}"#, true);
    assert_eq!(verdict(&broke), Verdict::Inconclusive);
    users(r#"{"about":20}"#, false);
    assert_eq!(verdict(&held), Verdict::Contradicted);
}

#[test]
fn an_invalid_run_measures_nothing_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let killed = Fixture { state: record::State::Running, ..good() };
    killed.write(&folder.path().join("killed"));
    let found = claims(&[folder.path().join("killed")], NONE, &Catalogue::built_in()).unwrap();
    let measured = found.claims.iter().flat_map(|claim| &claim.evidence).any(|it| !it.sources.is_empty());
    assert!(!measured);
    assert!(found.notes[0].contains("killed was left out: "), "{:?}", found.notes);
}

#[test]
fn the_table_the_markdown_and_the_page_hold_every_claim() {
    let folder = tempfile::tempdir().unwrap();
    let found = claims(&[run(folder.path(), "run", &good(), 85, 30)], NONE, &Catalogue::built_in()).unwrap();
    let (table, markdown, page) = (
        crate::export::claims(&found),
        crate::export::claims_markdown(&found),
        crate::export::claims_html(&found),
    );
    assert_eq!(markdown.lines().filter(|line| line.starts_with("| ")).count(), 1 + 126);
    assert_eq!(
        page.matches("<tr>").count(),
        126 + found.counts.iter().filter(|(_, count)| *count > 0).count()
    );
    for claim in &found.claims {
        assert!(table.contains(&claim.why), "{}", claim.why);
    }
    assert!(table.lines().all(|line| line.trim_end() == line) && !table.contains('\u{1b}'));
}
