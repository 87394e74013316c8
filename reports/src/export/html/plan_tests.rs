use std::{collections::BTreeSet, path::PathBuf};

use record::Model;

use super::{
    plan,
    tests::{numbers, shown, text_of, well_formed},
};
use crate::{fixture::Fixture, plan as planner, plan::Plan};

/// Plans of every sort of evidence: runs to a limit, none broken, few answers, one closed run, nothing observed.
fn plans() -> Vec<(&'static str, Plan)> {
    let run = |per_s: u64, slower: f64| Fixture {
        warm_up_s: 10,
        level: per_s as f64,
        per_s,
        slower,
        failed_per_s: 0,
        budgets: vec![(None, "p95", "40ms")],
        ..Fixture::default()
    };
    let ramp: Vec<Fixture> = [(40, 0.8), (80, 0.9), (100, 1.0), (120, 1.0), (140, 2.0), (150, 4.0)]
        .map(|(rate, slower)| run(rate, slower))
        .into();
    let closed = Fixture { model: Model::Closed, ..run(100, 1.0) };
    vec![
        ("to a limit", of(&ramp)),
        ("no limit found", of(&ramp[..4])),
        ("of one run", of(&ramp[..1])),
        ("few answers", of(&[Fixture { budgets: vec![(None, "error_rate", "5%")], ..run(1, 1.0) }])),
        ("closed", of(&[closed])),
        ("nothing observed", of(&[Fixture { observed: false, ..run(100, 1.0) }])),
    ]
}

fn of(runs: &[Fixture]) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let write = |(index, run): (usize, &Fixture)| {
        let path = folder.path().join(index.to_string());
        run.write(&path);
        path
    };
    let records: Vec<PathBuf> = runs.iter().enumerate().map(write).collect();
    planner::plan(&records, None, None).unwrap()
}

#[test]
fn every_plan_makes_a_whole_page_that_asks_for_nothing() {
    for (name, found) in plans() {
        let page = plan(&found);
        well_formed(name, &page);
        for foreign in
            ["<script", "javascript:", "src=", "@import", "url(", "NaN", "inf/s", "None", "<no value>"]
        {
            assert!(!page.contains(foreign), "{name}: {foreign}");
        }
        assert_eq!(page.matches("<h1>").count(), 1, "{name}");
        for figure in page.split("<figure>").skip(1).map(|it| it.split("</figure>").next().unwrap()) {
            for part in [
                "role=\"img\"",
                "<title id=",
                "<desc id=",
                "<details>",
                "<th scope=\"col\"",
                "tabindex=\"0\"",
            ] {
                assert!(figure.contains(part), "{name}: a figure lacks {part}");
            }
        }
        let ids: Vec<&str> =
            page.match_indices(" id=\"").map(|(at, _)| page[at + 5..].split('"').next().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{name}: an id stands twice");
    }
}

#[test]
fn every_number_on_the_page_of_a_plan_is_in_the_json() {
    for (name, found) in plans() {
        let (mut known, mut seen) = (BTreeSet::new(), BTreeSet::new());
        shown(&serde_json::to_value(&found).unwrap(), &mut known);
        // The confidence of an interval is its name, and so are the thousand of a price for 1,000 users.
        known.extend(["95".to_owned(), "1,000".to_owned()]);
        numbers(&text_of(&plan(&found)), &mut seen);
        assert!(seen.len() > 50, "{name}: too few numbers found to have checked anything");
        let unknown: Vec<&String> = seen.difference(&known).collect();
        assert!(unknown.is_empty(), "{name}: not in the JSON: {unknown:?}");
    }
}

#[test]
fn figures_of_their_own_are_whole_svg_files_in_plain_colours() {
    let folder = tempfile::tempdir().unwrap();
    let (_, found) = plans().swap_remove(0);
    let written = crate::export::plan_svg(&found, folder.path()).unwrap();
    let files: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert_eq!((written, files.len()), (6, 6));
    for svg in files {
        assert!(svg.starts_with("<svg width=") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(svg.contains("xmlns=\"http://www.w3.org/2000/svg\"") && !svg.contains("var(--"), "{svg}");
        well_formed("svg", &svg);
    }
}
