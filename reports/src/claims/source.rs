use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use record::{Capacity, Model, Verdict, capacity::Purpose, files, unit::show_count};
use serde::Serialize;

use crate::{failure::Failure, read::Evidence, words};

/// A share of hits below which a run counts as one without a cache.
const COLD: f64 = 0.01;

/// Where figures come from: a set of runs of one scenario on one kind of machine, of one build, with the cache or without;
/// or a capacity search.
pub enum Source {
    /// Runs.
    Runs(Runs),
    /// A search.
    Search(PathBuf, Box<Capacity>),
}

/// Runs whose figures belong together.
pub struct Runs {
    /// The runs, in the order given.
    pub runs: Vec<Evidence>,
    /// Their folders.
    pub folders: Vec<PathBuf>,
}

/// What a source is, for a reader.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
    /// The names of its folders, without where they lie: the same records elsewhere give the same bytes.
    pub records: Vec<String>,
    /// In a few words: `phase-1k, 2 runs, 1,000 users`.
    pub text: String,
}

impl Runs {
    /// Users at once in the closed model, the fewest of any run; nothing in the open one, whose users are not counted.
    pub fn users(&self) -> Option<u64> {
        let closed =
            |run: &Evidence| (run.record.run.model == Model::Closed).then_some(run.summary.peak_users);
        self.runs.iter().map(closed).collect::<Option<Vec<u64>>>()?.into_iter().min()
    }

    /// The load in words: `1,000 users`, `400 arrivals/s`.
    pub fn load(&self) -> String {
        if let Some(users) = self.users() {
            return words::counted(users, "user", "users");
        }
        let offered: u64 = self.runs.iter().map(|run| run.summary.offered).sum();
        let seconds: u64 = self.runs.iter().map(|run| run.summary.seconds).sum();
        format!("{} arrivals/s", record::unit::show_number(offered as f64 / seconds.max(1) as f64))
    }

    /// Hits over lookups of an observed ratio by one of `names`; nothing where none is observed.
    pub fn hit_ratio(&self, names: &[String]) -> Option<f64> {
        let (mut hits, mut all) = (0.0, 0.0);
        for run in &self.runs {
            let seen =
                names.iter().find_map(|name| run.summary.observed.iter().find(|seen| seen.name == *name))?;
            hits += seen.value.unwrap_or(0.0) * seen.n;
            all += seen.n;
        }
        Some(if all > 0.0 { hits / all } else { 0.0 })
    }

    /// Whether a hit ratio so low was seen that the cache did nothing.
    pub fn is_cold(ratio: f64) -> bool {
        ratio < COLD
    }
}

impl Source {
    /// What it is.
    pub fn about(&self) -> About {
        match self {
            Self::Runs(runs) => {
                let run = &runs.runs[0].record.run;
                let count = words::counted(runs.runs.len() as u64, "run", "runs");
                About {
                    records: runs.folders.iter().map(|folder| named(folder)).collect(),
                    text: format!("{}, {count}, {}", run.scenario.name, runs.load()),
                }
            }
            Self::Search(folder, found) => About {
                records: vec![named(folder)],
                text: format!(
                    "{}, a capacity search of {} trials",
                    found.scenario.name,
                    show_count(found.steps.len() as i64)
                ),
            },
        }
    }
}

/// Reads the records and searches in `folders`, puts together what belongs together, and gives back what was left out, a
/// sentence each.
///
/// # Errors
/// A folder holds no record, or a damaged one.
pub fn sources(folders: &[PathBuf]) -> Result<(Vec<Source>, Vec<String>), Failure> {
    let (mut groups, mut left_out): (BTreeMap<String, Runs>, Vec<String>) = Default::default();
    let (mut searches, mut records) = (Vec::new(), Vec::new());
    for folder in folders {
        if folder.join(Capacity::FILE).is_file() {
            let found = Capacity::read(folder)?;
            records.extend(held(folder, &found));
            searches.push(Source::Search(folder.clone(), Box::new(found)));
        } else {
            records.push(folder.clone());
        }
    }
    for folder in &records {
        let evidence = Evidence::open(folder)?;
        evidence.refuse_nothing()?;
        let judgement = &evidence.judgement;
        if matches!(judgement.verdict, Verdict::Invalid | Verdict::NoData | Verdict::Interrupted) {
            left_out.push(format!("{} was left out: {}", named(folder), judgement.sentence));
            continue;
        }
        let key = key(&evidence);
        let group = groups.entry(key).or_insert_with(|| Runs { runs: Vec::new(), folders: Vec::new() });
        group.runs.push(evidence);
        group.folders.push(folder.clone());
    }
    let mut sources: Vec<Source> = groups.into_values().map(Source::Runs).collect();
    sources.append(&mut searches);
    Ok((sources, left_out))
}

/// A folder's name without where it lies.
fn named(folder: &Path) -> String {
    folder
        .file_name()
        .map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The records of a search at the rate that it found to be held, as far as they are still there.
fn held(folder: &Path, found: &Capacity) -> Vec<PathBuf> {
    let steps = found.steps.iter().filter(|step| {
        Some(step.rate_per_s) == found.answer.low_per_s && !matches!(step.purpose, Purpose::Overshoot)
    });
    steps.map(|step| folder.join(&step.record)).filter(|record| record.join(files::RUN).is_file()).collect()
}

/// What must be the same for runs to be of one thing.
fn key(evidence: &Evidence) -> String {
    let run = &evidence.record.run;
    let commit = run.git.as_ref().map_or("", |git| git.commit.as_str());
    let load = run.stages.last().map_or(0.0, |stage| stage.to);
    let cold = evidence
        .summary
        .observed
        .iter()
        .filter(|seen| seen.name.contains("hit"))
        .all(|seen| Runs::is_cold(seen.value.unwrap_or(0.0)));
    format!(
        "{} {} {commit} {} {} {} {cold} {load}",
        run.scenario.name, run.scenario.sha256, run.host.cpu, run.host.cores, run.target.base_url
    )
}
