use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use record::{Kind, Verdict};
use serde::Serialize;

use crate::{
    failure::Failure,
    read::Evidence,
    report::merged,
    stats::{Cumulative, Resamples},
    words,
};

/// One set of runs.
#[derive(Debug, Clone)]
pub struct Side {
    /// What they are.
    pub info: SideInfo,
    /// Response times of all requests, a run each.
    pub all: Vec<Cumulative>,
    /// Response times by request, a run each; an empty one where the run did not send it.
    pub requests: BTreeMap<String, Vec<Cumulative>>,
    /// Counts, a run each.
    pub counts: Vec<Counts>,
    /// Draws of the runs.
    pub resamples: Resamples,
    /// Runs that support no verdict, each with the reason.
    pub invalid: Vec<String>,
}

/// What a run counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Requests answered as expected.
    pub completed: u64,
    /// Requests failed, and arrivals dropped.
    pub lost: u64,
    /// Length of the judged window, seconds.
    pub seconds: u64,
}

/// What a set of runs is of.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SideInfo {
    /// How many runs.
    pub runs: u64,
    /// The folders, in the order given.
    pub records: Vec<String>,
    /// The scenarios' names with the beginning of their hash.
    pub scenarios: Vec<String>,
    /// The commits, shortened; with a plus where there were uncommitted changes.
    pub commits: Vec<String>,
    /// The machines that made the load: processor, cores, kernel.
    pub hosts: Vec<String>,
    /// First instant of load of the first run, RFC 3339 UTC.
    pub first_start: String,
    /// The same as people write it.
    pub first_start_text: String,
}

impl Side {
    /// Reads the records of `folders`.
    ///
    /// # Errors
    /// One cannot be read, or holds nothing.
    pub fn read(folders: &[PathBuf]) -> Result<Self, Failure> {
        let (mut runs, mut invalid, mut info) = (Vec::new(), Vec::new(), SideInfo::default());
        let (mut scenarios, mut commits, mut hosts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for folder in folders {
            let evidence = Evidence::open(folder)?;
            evidence.refuse_nothing()?;
            let (run, judgement) = (&evidence.record.run, &evidence.judgement);
            if matches!(judgement.verdict, Verdict::Invalid | Verdict::NoData | Verdict::Interrupted) {
                invalid.push(format!("{}: {}", folder.display(), judgement.sentence));
            }
            let short = |hash: &str, length: usize| hash.chars().take(length).collect::<String>();
            scenarios.insert(format!("{} ({})", run.scenario.name, short(&run.scenario.sha256, 8)));
            commits.extend(
                run.git.as_ref().map(|git| short(&git.commit, 10) + if git.dirty { "+" } else { "" }),
            );
            hosts.insert(format!("{}, {} cores, {}", run.host.cpu, run.host.cores, run.host.kernel));
            if info.first_start.is_empty() || run.start < info.first_start {
                info.first_start.clone_from(&run.start);
            }
            info.records.push(folder.display().to_string());
            runs.push(evidence);
        }
        info.scenarios = scenarios.into_iter().collect();
        info.commits = commits.into_iter().collect();
        info.hosts = hosts.into_iter().collect();
        info.first_start_text = words::instant(&info.first_start);
        let all = runs.iter().map(|run| {
            Cumulative::new(&merged(&run.totals, |kind| *kind == Kind::Response), run.summary.dropped)
        });
        let counts = runs.iter().map(|run| Counts {
            completed: run.summary.completed,
            lost: run.summary.failed + run.summary.dropped,
            seconds: run.summary.seconds,
        });
        Ok(Self::new(info, all.collect(), by_request(&runs), counts.collect(), invalid))
    }

    /// Of what was read.
    pub fn new(
        mut info: SideInfo,
        all: Vec<Cumulative>,
        requests: BTreeMap<String, Vec<Cumulative>>,
        counts: Vec<Counts>,
        invalid: Vec<String>,
    ) -> Self {
        let resamples = Resamples::new(all.len(), 0);
        info.runs = all.len() as u64;
        Self { info, all, requests, counts, resamples, invalid }
    }

    /// The same with draws of their own, for the other side of a comparison.
    pub fn drawn_apart(mut self) -> Self {
        self.resamples = Resamples::new(self.all.len(), 1);
        self
    }

    /// How many runs it holds.
    pub fn runs(&self) -> usize {
        self.all.len()
    }
}

fn by_request(runs: &[Evidence]) -> BTreeMap<String, Vec<Cumulative>> {
    let tags = runs.iter().flat_map(|run| run.totals.keys());
    let names: BTreeSet<&String> =
        tags.filter(|tag| tag.kind == Kind::Response).map(|tag| &tag.request).collect();
    let of = |name: &String| {
        let empty = record::new_histogram();
        let tag = record::Tag { request: name.clone(), kind: Kind::Response };
        runs.iter().map(|run| Cumulative::new(run.totals.get(&tag).unwrap_or(&empty), 0)).collect()
    };
    names.into_iter().map(|name| (name.clone(), of(name))).collect()
}
