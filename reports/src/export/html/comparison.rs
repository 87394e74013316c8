use maud::{Markup, html};
use record::unit::show_count;

use super::{
    figures::figure,
    pill,
    tables::{cell, figures as figure_column, glued, table, text},
};
use crate::{
    charts,
    compare::{Change, Row},
    export::comparison::{about, change, word},
    report::{Report, Tone},
};

/// What changed since the baseline, where the run was held against one.
pub fn comparison(report: &Report) -> Markup {
    let Some(found) = &report.comparison else { return html! {} };
    let valid = report.validity.valid;
    let columns = [
        text("Figure"),
        figure_column("Baseline (95 % interval)"),
        figure_column("n"),
        figure_column("This run (95 % interval)"),
        figure_column("n"),
        figure_column("Change (interval)"),
        text("Verdict"),
    ];
    let verdict = |row: &Row| pill(word(row.change), if valid { tone(row.change) } else { Tone::Plain });
    let rows = found.rows.iter().map(|row| {
        vec![
            cell(row.name()),
            cell(row.before.text.as_str()),
            cell(show_count(row.before.n as i64)),
            cell(row.after.text.as_str()),
            cell(show_count(row.after.n as i64)),
            cell(change(row)),
            verdict(row),
        ]
    });
    let drawn = charts::changes(found).map(|drawn| {
        let columns = [text("Figure"), figure_column("Change (interval)"), text("Verdict")];
        let rows = charts::changed(found)
            .into_iter()
            .map(|row| vec![cell(row.name()), cell(change(row)), verdict(row)]);
        let numbers = table("Change since the baseline", &columns, rows.collect());
        figure("Change since the baseline", "with its interval", &drawn, numbers)
    });
    html! {
        h2 { "Against the baseline" }
        p {
            (glued(&found.sentence))
            @if !valid { " This run is not valid, so none of it is decided." }
        }
        dl class="card facts" {
            @for (name, side) in [("Baseline", &found.before), ("This run", &found.after)] {
                div { dt { (name) } dd { (glued(&about(side))) } }
            }
        }
        (table("Against the baseline", &columns, rows.collect()))
        @if let Some(drawn) = drawn { (drawn) }
        @if !found.notes.is_empty() { ul class="notes" { @for note in &found.notes { li { (glued(note)) } } } }
    }
}

const fn tone(change: Change) -> Tone {
    match change {
        Change::Worse => Tone::Bad,
        Change::Better => Tone::Good,
        Change::Same | Change::Undecided => Tone::Plain,
        Change::TooFew => Tone::Warn,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        path::{Path, PathBuf},
    };

    use record::Verdict;

    use crate::{
        baseline,
        export::html::{
            html,
            tests::{numbers, shown, text_of, well_formed},
        },
        fixture::Fixture,
        read::Evidence,
        report::{Report, report},
    };

    fn written(folder: &Path, name: &str, fixture: &Fixture) -> PathBuf {
        let path = folder.join(name);
        fixture.write(&path);
        path
    }

    /// A run `slower` than each of so many runs of a baseline, held against them.
    fn held(runs: usize, fixture: &Fixture, slower: f64) -> Report {
        let folder = tempfile::tempdir().unwrap();
        let like = |at: usize| Fixture { slower: 1.0 + 0.005 * at as f64, ..fixture.clone() };
        let baseline: Vec<PathBuf> =
            (0..runs).map(|at| written(folder.path(), &format!("before-{at}"), &like(at))).collect();
        let record = written(folder.path(), "run", &Fixture { slower, ..fixture.clone() });
        let evidence = Evidence::open(&record).unwrap();
        let found = baseline::held_against(std::slice::from_ref(&evidence), &baseline, 0.05).unwrap();
        report(&evidence).unwrap().held_against(found)
    }

    fn good() -> Fixture {
        Fixture { failed_per_s: 0, budgets: vec![(None, "p95", "1s")], ..Fixture::default() }
    }

    #[test]
    fn the_page_says_of_every_percentile_and_request_what_changed_and_whether_it_counts() {
        let report = held(5, &good(), 1.3);
        assert_eq!((report.headline.verdict, report.headline.exit), (Verdict::Regression, 11));
        let page = html(&report);
        well_formed("held", &page);
        assert!(page.contains("regression</title>") && page.contains(">Against the baseline</h2>"));
        assert!(
            report.headline.sentence.ends_with("Yet it is worse than its baseline."),
            "{:?}",
            report.headline
        );
        for said in [
            "p50",
            "p95",
            "p95 of list tasks",
            "p99 of one/task",
            "throughput",
            "errors",
            "5 runs · ",
            "n too small",
        ] {
            assert!(page.contains(said), "{said}");
        }
        let rows = &report.comparison.as_ref().unwrap().rows;
        let section = page.split(">Against the baseline</h2>").nth(1).unwrap().split("<h2>").next().unwrap();
        let open = section.split("<figure>").next().unwrap();
        assert_eq!(open.matches("scope=\"row\"").count(), rows.len());
        // Drawn for a wide page and for a phone: all but the share of errors and what has too few answers.
        assert_eq!(section.matches(">worse</text>").count(), 2 * open.matches(">worse</span>").count());
        assert!(section.matches(">worse</span>").count() >= 3, "{section}");
        let same = held(5, &good(), 1.0);
        assert_eq!(same.headline.verdict, Verdict::Pass);
        assert!(html(&same).contains("No change that is both more than chance and at least 5"));
    }

    #[test]
    fn a_run_without_a_verdict_is_compared_and_nothing_is_decided_and_without_a_baseline_there_is_no_section()
    {
        let fixture = Fixture { budgets: vec![(None, "p99.9", "1s")], ..good() };
        let folder = tempfile::tempdir().unwrap();
        let baseline = written(folder.path(), "before", &Fixture { budgets: Vec::new(), ..fixture.clone() });
        let record = written(folder.path(), "run", &Fixture { slower: 2.0, ..fixture });
        let evidence = Evidence::open(&record).unwrap();
        let found = baseline::held_against(std::slice::from_ref(&evidence), &[baseline], 0.05).unwrap();
        let alone = report(&evidence).unwrap();
        assert!(!html(&alone).contains("Against the baseline"));
        let report = alone.held_against(found);
        assert_eq!(report.headline.verdict, Verdict::Invalid);
        let page = html(&report);
        assert!(page.contains("This run is not valid, so none of it is decided."));
        let section = page.split(">Against the baseline</h2>").nth(1).unwrap();
        assert!(section.contains("<span class=\"pill plain\">worse</span>"), "{section}");
    }

    #[test]
    fn every_number_of_a_page_held_against_a_baseline_is_in_the_json() {
        for (name, report) in
            [("worse", held(5, &good(), 1.3)), ("one run", held(1, &Fixture::default(), 1.0))]
        {
            let (mut known, mut seen) = (BTreeSet::new(), BTreeSet::new());
            shown(&serde_json::to_value(&report).unwrap(), &mut known);
            known.insert("95".to_owned());
            numbers(&text_of(&html(&report)), &mut seen);
            let unknown: Vec<&String> = seen.difference(&known).collect();
            assert!(unknown.is_empty(), "{name}: not in the JSON: {unknown:?}");
        }
    }
}
