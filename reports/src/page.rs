//! `reports html`: the page of a run.

use std::path::Path;

use record::Exit;

use crate::{
    STDOUT, baseline,
    cli::{Against, Html},
    export,
    failure::Failure,
    one_to_stdout, planning,
    read::Evidence,
    report, write,
};

/// Draws the page of one run; of a search or of several runs, that of their plan.
///
/// # Errors
/// A record or a baseline that cannot be used; a file that cannot be written.
pub fn page(args: &Html) -> Result<Exit, Failure> {
    one_to_stdout(&[Some(args.out.as_path()), args.json.as_deref()])?;
    let folder = match args.records.as_slice() {
        [one] if !one.join(record::Capacity::FILE).is_file() => one,
        _ => return planning::page(args),
    };
    let evidence = Evidence::open(folder)?;
    let mut report = report::report(&evidence)?;
    let Against { baseline, least_effect } = &args.against;
    if !baseline.is_empty() {
        let runs = std::slice::from_ref(&evidence);
        report = report.held_against(baseline::held_against(runs, baseline, *least_effect)?);
    }
    if let Some(path) = &args.json {
        write(path, &export::json(&report)?)?;
    }
    write(&args.out, &export::html(&report))?;
    if let Some(folder) = &args.svg {
        export::report_svg(&report, folder)?;
    }
    eprintln!("verdict: {}\n{}", report.headline.word, report.headline.sentence);
    if args.out != Path::new(STDOUT) {
        eprintln!("page: {}", args.out.display());
    }
    Ok(Exit::Pass)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use record::State;

    use super::*;
    use crate::fixture::Fixture;

    fn page_of(record: &Path, out: &Path) -> Html {
        let (records, out) = (vec![record.to_path_buf()], out.to_path_buf());
        let against = Against { baseline: Vec::new(), least_effect: 0.05 };
        Html { records, out, json: None, svg: None, against }
    }

    fn draw(fixture: &Fixture) -> (Result<Exit, Failure>, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        fixture.write(folder.path());
        let out = folder.path().join("report.html");
        (page(&page_of(folder.path(), &out)), fs::read_to_string(out).ok())
    }

    #[test]
    fn a_record_with_nothing_in_it_is_no_data_and_leaves_no_page() {
        for fixture in [
            Fixture { seconds: 0, ..Fixture::default() },
            Fixture { seconds: 5, per_s: 0, failed_per_s: 0, ..Fixture::default() },
            Fixture { seconds: 0, state: State::Running, ..Fixture::default() },
        ] {
            let (done, page) = draw(&fixture);
            let failure = done.unwrap_err();
            assert_eq!((failure.exit, page), (Exit::NoData, None));
            assert!(failure.message.contains("nothing was measured"), "{failure}");
        }
    }

    #[test]
    fn a_page_is_drawn_whatever_the_verdict() {
        for (fixture, says) in [
            (Fixture::default(), "Missed 1 of 5 budgets"),
            (Fixture { state: State::Running, ..Fixture::default() }, "the generator was killed"),
            (Fixture { state: State::Interrupted, ..Fixture::default() }, "Stopped by hand"),
            (Fixture { state: State::Aborted, ..Fixture::default() }, "Missed"),
        ] {
            let (done, page) = draw(&fixture);
            assert_eq!(done.unwrap(), Exit::Pass);
            assert!(page.unwrap().contains(says), "{says}");
        }
    }

    #[test]
    fn a_page_is_held_against_a_baseline_of_its_own_kind_alone() {
        let folder = tempfile::tempdir().unwrap();
        let [before, after, out] = ["before", "after", "report.html"].map(|name| folder.path().join(name));
        let fixture = Fixture { budgets: vec![(None, "p95", "1s")], ..Fixture::default() };
        fixture.write(&before);
        Fixture { slower: 1.5, ..fixture }.write(&after);
        let against = || Against { baseline: vec![before.clone()], least_effect: 0.05 };
        let args = || Html { against: against(), ..page_of(&after, &out) };
        assert_eq!(page(&args()).unwrap(), Exit::Pass);
        let drawn = fs::read_to_string(&out).unwrap();
        assert!(
            drawn.contains("Yet it is worse than its baseline.") && drawn.contains("Against the baseline")
        );
        fs::remove_file(&out).unwrap();
        for (from, to, says) in [
            ("\"sha256\": \"ab", "\"sha256\": \"cd", "the scenarios or the settings they ran with differ"),
            ("\"cores\": 2", "\"cores\": 64", "the load was made on"),
        ] {
            let path = after.join(record::files::RUN);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let failure = page(&args()).unwrap_err();
            assert_eq!((failure.exit, out.exists()), (Exit::Usage, false));
            assert!(
                failure.message.contains("is no baseline for") && failure.message.contains(says),
                "{failure}"
            );
            fs::write(&path, text).unwrap();
        }
    }

    #[test]
    fn a_folder_that_holds_no_record_is_a_bad_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let failure = page(&page_of(folder.path(), &folder.path().join("page.html"))).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("no run record"), "{failure}");
    }
}
