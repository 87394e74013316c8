//! Runs kept to hold later ones against: by scenario and kind of machine, because a figure of another is no measure.

use std::{
    fs,
    path::{Path, PathBuf},
};

use record::{Exit, Run, Verdict, files};

use crate::{
    compare::{self, Comparison, Side},
    failure::Failure,
    read::Evidence,
    words,
};

/// What was kept.
#[derive(Debug)]
pub struct Accepted {
    /// Where.
    pub folder: PathBuf,
    /// What, in a sentence.
    pub sentence: String,
}

/// What of a record a comparison needs: all but the log of seconds and the samples of errors.
const KEPT: [&str; 4] = [files::RUN, files::TOTALS, files::SERIES, files::TARGET];

/// Keeps the runs of `records` in `store` as the baseline of their scenario and kind of machine, in place of what was kept
/// there.
///
/// # Errors
/// A record cannot be read, supports no verdict, was not finished, or belongs to another key than the first; the store
/// cannot be written.
pub fn accept(records: &[PathBuf], store: &Path) -> Result<Accepted, Failure> {
    let mut runs = Vec::new();
    for folder in records {
        let evidence = Evidence::open(folder)?;
        let judgement = &evidence.judgement;
        if !matches!(judgement.verdict, Verdict::Pass | Verdict::Missed)
            || evidence.record.run.totals.is_none()
        {
            let message =
                format!("{}: no baseline can be made of this run. {}", folder.display(), judgement.sentence);
            return Err(Failure { exit: Exit::Invalid, message });
        }
        runs.push(evidence.record.run);
    }
    let Some(first) = runs.first() else { return Err(Failure::usage("name the runs to keep")) };
    if let Some((at, why)) = runs.iter().enumerate().find_map(|(at, run)| Some((at, differs(first, run)?))) {
        return Err(Failure::usage(format!(
            "{} and {} do not belong to one baseline: {why}",
            records[0].display(),
            records[at].display()
        )));
    }
    let folder = store.join(key(first));
    let unwritable = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Failure::usage(format!("cannot write {path}: {error}"))
    };
    // Whole before it takes the place of the old one, so that no gate meets half a baseline.
    let beside = store.join(format!(".{}.new", key(first)));
    if beside.exists() {
        fs::remove_dir_all(&beside).map_err(unwritable(&beside))?;
    }
    for (index, record) in records.iter().enumerate() {
        let run = beside.join(format!("run-{}", index + 1));
        fs::create_dir_all(&run).map_err(unwritable(&run))?;
        for name in KEPT.into_iter().filter(|name| record.join(name).exists()) {
            fs::copy(record.join(name), run.join(name)).map_err(unwritable(&run.join(name)))?;
        }
    }
    let replaced = folder.exists();
    if replaced {
        fs::remove_dir_all(&folder).map_err(unwritable(&folder))?;
    }
    fs::rename(&beside, &folder).map_err(unwritable(&folder))?;
    let few = if records.len() < crate::stats::MIN_RUNS {
        "; with fewer than five it does not know how much runs of one build differ, and only large changes will count"
    } else {
        ""
    };
    let sentence = format!(
        "{} {} of {} on {}{few}.",
        if replaced { "Replaced the baseline by" } else { "Kept" },
        words::counted(records.len() as u64, "run", "runs"),
        first.scenario.name,
        machine(first)
    );
    Ok(Accepted { folder, sentence })
}

/// Holds `runs`, which are of one scenario and kind of machine, against `baseline`: records, or one folder that [`accept`] keeps baselines in.
///
/// # Errors
/// There is none for its scenario and kind of machine, or a record named is of another, or supports no verdict.
pub fn held_against(
    runs: &[Evidence],
    baseline: &[PathBuf],
    least_effect: f64,
) -> Result<Comparison, Failure> {
    let Some(evidence) = runs.first() else { return Err(Failure::usage("name the runs to judge")) };
    let run = &evidence.record.run;
    for other in &runs[1..] {
        if let Some(why) = differs(run, &other.record.run) {
            return Err(Failure::usage(format!(
                "{} and {} cannot be held against one baseline: {why}",
                evidence.record.folder.display(),
                other.record.folder.display()
            )));
        }
    }
    let records = match baseline {
        [store] if !store.join(files::RUN).exists() => kept(store, run)?,
        records => records.to_vec(),
    };
    for folder in &records {
        if let Some(why) = differs(run, &Evidence::open(folder)?.record.run) {
            return Err(Failure::usage(format!(
                "{} is no baseline for {}: {why}",
                folder.display(),
                evidence.record.folder.display()
            )));
        }
    }
    let before = Side::read(&records)?;
    if let Some(invalid) = before.invalid.first() {
        return Err(Failure {
            exit: Exit::Invalid,
            message: format!("the baseline supports no verdict: {invalid}"),
        });
    }
    let folders: Vec<PathBuf> = runs.iter().map(|run| run.record.folder.clone()).collect();
    let mut after = Side::read(&folders)?;
    // Whether these runs support a verdict is the gate's to say, by the budgets that it was given.
    after.invalid.clear();
    Ok(compare::between(before, after, least_effect))
}

/// The runs that `store` keeps for `run`.
fn kept(store: &Path, run: &Run) -> Result<Vec<PathBuf>, Failure> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    let found = folders(&store.join(key(run)));
    if !found.is_empty() {
        return Ok(found);
    }
    let names =
        folders(store).into_iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let there: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    Err(Failure::usage(format!(
        "{} keeps no baseline `{}` (scenario with its settings, and kind of machine); it keeps {}. Make one with `reports accept`",
        store.display(),
        key(run),
        if there.is_empty() { "none".to_owned() } else { there.join(", ") }
    )))
}

/// Why the two runs are no measure of each other, if they are not.
fn differs(one: &Run, other: &Run) -> Option<String> {
    if one.scenario.sha256 != other.scenario.sha256 {
        return Some(format!(
            "the scenarios or the settings they ran with differ ({} {:.8}, {} {:.8})",
            one.scenario.name, one.scenario.sha256, other.scenario.name, other.scenario.sha256
        ));
    }
    (machine(one) != machine(other))
        .then(|| format!("the load was made on {} and on {}", machine(one), machine(other)))
}

/// The kind of machine: what changes a measurement and stays when it boots.
fn machine(run: &Run) -> String {
    let memory_gib = run.host.memory_bytes.div_ceil(1 << 30);
    format!("{}, {} cores, {memory_gib} GiB", run.host.cpu, run.host.cores)
}

/// The name of a baseline's folder: scenario, the beginning of its hash, machine.
fn key(run: &Run) -> String {
    let plain = |text: &str| {
        let lower = text.to_lowercase();
        let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-")
    };
    let hash: String = run.scenario.sha256.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    format!("{}-{hash}-{}", plain(&run.scenario.name), plain(&machine(run)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{export, fixture::Fixture, gate};

    fn records(folder: &Path, name: &str, slower: &[f64]) -> Vec<PathBuf> {
        let write = |(index, slower): (usize, &f64)| {
            let path = folder.join(format!("{name}-{index}"));
            Fixture { slower: *slower, budgets: vec![(None, "p95", "1s")], ..Fixture::default() }
                .write(&path);
            path
        };
        slower.iter().enumerate().map(write).collect()
    }

    const ALIKE: [f64; 5] = [0.99, 1.0, 1.01, 0.995, 1.005];

    #[test]
    fn a_run_that_meets_its_budgets_and_is_worse_than_the_baseline_is_a_regression_in_every_form() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("baselines");
        let accepted = accept(&records(folder.path(), "main", &ALIKE), &store).unwrap();
        assert!(
            accepted.sentence.starts_with("Kept 5 runs of two <requests> & more on cpu, 2 cores, 8 GiB.")
        );
        assert!(
            accepted.folder.join("run-5/totals.hlog").exists()
                && !accepted.folder.join("run-5/latency.hlog").exists()
        );
        let decide = |name: &str, slower: f64| {
            let record = records(folder.path(), name, &[slower]).remove(0);
            let evidence = Evidence::open(&record).unwrap();
            let comparison =
                held_against(std::slice::from_ref(&evidence), std::slice::from_ref(&store), 0.05).unwrap();
            gate::decide(&evidence).held_against(comparison)
        };
        let worse = decide("worse", 1.2);
        assert_eq!((worse.verdict, worse.exit), (Verdict::Regression, 11));
        assert!(
            worse.sentence.contains("Yet it is worse than its baseline. Worse: p50 +"),
            "{}",
            worse.sentence
        );
        assert!(export::table(&worse).contains("against the baseline: Worse: p50 +"));
        assert!(export::markdown(&worse).contains("#### Against the baseline"));
        assert!(export::github(&worse).contains("against the baseline::Worse"));
        assert!(export::junit(&worse).unwrap().contains("no worse than the baseline"));
        assert!(export::json(&worse).unwrap().contains("headroom.comparison/1"));
        assert_eq!(decide("alike", 1.02).verdict, Verdict::Pass);
    }

    #[test]
    fn a_baseline_of_another_scenario_or_machine_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("baselines");
        let runs = records(folder.path(), "main", &ALIKE[..2]);
        accept(&runs, &store).unwrap();
        let change = |from: &str, to: &str| {
            let path = runs[1].join(files::RUN);
            fs::write(&path, fs::read_to_string(&path).unwrap().replacen(from, to, 1)).unwrap();
            let evidence = Evidence::open(&runs[1]).unwrap();
            let by_store = held_against(std::slice::from_ref(&evidence), std::slice::from_ref(&store), 0.05)
                .unwrap_err();
            let by_record = held_against(std::slice::from_ref(&evidence), &runs[..1], 0.05).unwrap_err();
            assert_eq!((by_store.exit, by_record.exit), (Exit::Usage, Exit::Usage));
            (by_store.message, by_record.message, accept(&runs, &store).unwrap_err().message)
        };
        let (by_store, by_record, kept) = change("\"cores\": 2", "\"cores\": 64");
        assert!(
            by_store.contains("keeps no baseline `two-requests-more-abababababab-cpu-64-cores-8-gib`"),
            "{by_store}"
        );
        assert!(
            by_record.contains("the load was made on cpu, 64 cores, 8 GiB and on cpu, 2 cores, 8 GiB"),
            "{by_record}"
        );
        assert!(kept.contains("do not belong to one baseline"), "{kept}");
        let (_, by_record, _) = change("\"sha256\": \"ab", "\"sha256\": \"cd");
        assert!(by_record.contains("the scenarios or the settings they ran with differ"), "{by_record}");
    }

    #[test]
    fn five_runs_together_are_held_against_a_baseline_more_sharply_than_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("baselines");
        accept(&records(folder.path(), "main", &ALIKE), &store).unwrap();
        let opened = |folders: &[PathBuf]| -> Vec<Evidence> {
            folders.iter().map(|it| Evidence::open(it).unwrap()).collect()
        };
        let decide = |folders: &[PathBuf]| {
            let runs = opened(folders);
            let comparison = held_against(&runs, std::slice::from_ref(&store), 0.05).unwrap();
            let decided = runs.iter().map(|run| ("run".to_owned(), gate::decide(run))).collect();
            gate::Decisions::of(decided, Some(comparison))
        };
        // 8 % is under twice the least effect, which is what one run would have to show.
        let slower = records(folder.path(), "slower", &ALIKE.map(|like| 1.08 * like));
        assert_eq!(decide(&slower[..1]).verdict, Verdict::Pass);
        let together = decide(&slower);
        assert_eq!((together.verdict, together.exit), (Verdict::Regression, 11), "{}", together.sentence);
        assert!(
            together.sentence.starts_with("5 of 5 runs passed. Yet they are worse than their baseline."),
            "{}",
            together.sentence
        );
        let table = export::tables(&together);
        assert!(
            table.contains("together: regression") && table.matches("verdict: passed").count() == 5,
            "{table}"
        );
        assert!(export::junits(&together).unwrap().contains("no worse than the baseline"));
        assert!(export::markdowns(&together).contains("#### Against the baseline"));

        // The worst verdict of any is that of all.
        Fixture { state: record::State::Running, ..Fixture::default() }.write(&folder.path().join("killed"));
        let mut runs = opened(&slower[..1]);
        runs.extend(opened(&[folder.path().join("killed")]));
        let decided = runs.iter().map(|run| ("run".to_owned(), gate::decide(run))).collect();
        assert_eq!(gate::Decisions::of(decided, None).verdict, Verdict::Invalid);

        // Runs of two machines have no one baseline.
        let path = slower[1].join(files::RUN);
        fs::write(&path, fs::read_to_string(&path).unwrap().replacen("\"cores\": 2", "\"cores\": 64", 1))
            .unwrap();
        let refused = held_against(&opened(&slower), std::slice::from_ref(&store), 0.05).unwrap_err();
        assert!(
            refused.message.contains("cannot be held against one baseline: the load was made on"),
            "{refused}"
        );
    }

    #[test]
    fn no_baseline_is_made_of_a_run_without_a_verdict_and_a_new_one_replaces_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("baselines");
        let killed = folder.path().join("killed");
        Fixture { state: record::State::Running, ..Fixture::default() }.write(&killed);
        assert_eq!(accept(&[killed], &store).unwrap_err().exit, Exit::Invalid);
        let runs = records(folder.path(), "main", &ALIKE);
        accept(&runs, &store).unwrap();
        let accepted = accept(&runs[..1], &store).unwrap();
        assert!(accepted.sentence.starts_with("Replaced the baseline by 1 run"), "{}", accepted.sentence);
        assert!(accepted.folder.join("run-1").exists() && !accepted.folder.join("run-2").exists());
    }
}
