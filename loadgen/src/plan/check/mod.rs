//! From what a file says to what can be run: every name resolved, every value checked. Problems are collected.

mod answer;
mod blocks;
mod body;
mod budgets;
mod condition;
mod data;
mod flows;
mod generators;
mod load;
mod multipart;
mod names;
mod numbers;
mod observe;
mod request;
mod steps;
mod target;
mod think;
mod wire;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use indexmap::{IndexMap, IndexSet};
use sha2::{Digest, Sha256};

use super::{
    Overrides,
    file::{Defaults, File},
    forms::Scalar,
    model::{Plan, Source},
    problem::{Files, Problem, Span},
};
use crate::flow::data::DataSet;

/// What is known so far about the scenario that is being checked.
struct Check<'a> {
    files: &'a Files,
    problems: Vec<Problem>,
    /// The scenario's constants.
    vars: IndexMap<String, Scalar>,
    /// Those that the command line gave.
    overridden: Vec<String>,
    data: Vec<DataSet>,
    /// Data sets that could not be read; what is said about them would be noise.
    unread: Vec<String>,
    /// Every variable that some step sets, by slot.
    saved: IndexMap<String, Saved>,
    /// Every name that times are recorded by, of requests and blocks.
    requests: IndexSet<String>,
    /// Those of blocks.
    blocks: HashSet<String>,
    /// The files that requests send.
    uploads: HashMap<PathBuf, Bytes>,
    defaults: Defaults,
}

/// A variable.
#[derive(Debug, Clone, Copy)]
struct Saved {
    /// Where it is set first.
    place: Span,
    /// Whether it holds all values of an answer.
    list: bool,
}

impl Check<'_> {
    fn problem(&mut self, span: Span, message: impl Into<String>) {
        let problem = Problem::at(span, message);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The value, or nothing and a problem at `span`.
    fn keep<T>(&mut self, span: Span, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.problem(span, message)).ok()
    }

    /// `name` as written in file number `file`, seen from where the run is started.
    fn beside(&self, file: usize, name: &str) -> PathBuf {
        self.files.get(file).0.parent().unwrap_or(Path::new("")).join(name)
    }
}

/// Makes the plan of what the file says beside `unknown` keys.
///
/// # Errors
/// Every problem that was found, those of `unknown` first.
pub fn plan(
    file: File,
    unknown: Vec<Problem>,
    path: &Path,
    files: &Files,
    overrides: &Overrides,
) -> Result<Plan, Vec<Problem>> {
    let mut check = Check {
        files,
        problems: unknown,
        vars: IndexMap::new(),
        overridden: Vec::new(),
        data: Vec::new(),
        unread: Vec::new(),
        saved: IndexMap::new(),
        requests: IndexSet::new(),
        blocks: HashSet::new(),
        uploads: HashMap::new(),
        defaults: file.defaults.unwrap_or_default(),
    };
    let top = Span::start_of(0);
    match &file.version {
        Some(version) if version.value == 1 => {}
        Some(version) => {
            check.problem(
                version.span,
                format!("version {} is unknown; this loadgen reads version 1", version.value),
            );
        }
        None => check.problem(top, "`version` is missing; write `version: 1`"),
    }
    let name = file.name.map(|name| name.value).filter(|name| !name.trim().is_empty());
    if name.is_none() {
        check.problem(top, "`name` is missing; say what the run is called");
    }
    check.vars(file.vars.unwrap_or_default(), overrides);
    check.data_sets(file.data.unwrap_or_default());
    let target = check.target(file.target, overrides);
    let on_start = file.on_start.unwrap_or_default();
    let flows = match file.flows {
        Some(flows) if !flows.is_empty() => flows.value,
        Some(flows) => {
            check.problem(flows.span, "`flows` is empty; a user needs something to do");
            Vec::new()
        }
        None => {
            check.problem(top, "`flows` is missing; a user needs something to do");
            Vec::new()
        }
    };
    check.collect_saved(&on_start, &flows);
    let (on_start, kept) = check.on_start(&on_start);
    let flows = check.flows(&flows, &kept);
    let load = check.load(file.load, overrides);
    let abort = check.abort(file.abort);
    let observe = check.observers(file.observe.unwrap_or_default());
    let budgets = check.budgets(file.budgets.unwrap_or_default(), &observe);
    let allow = file.allow.unwrap_or_default().into_iter().map(|host| host.value);
    let allow = allow.chain(overrides.allow.iter().cloned()).collect();
    match (name, target, load) {
        (Some(name), Some(target), Some((load, warm_up))) if check.problems.is_empty() => Ok(Plan {
            name,
            about: file.about.map(|about| about.value).unwrap_or_default(),
            source: source(path, files, overrides),
            target,
            allow,
            load,
            warm_up,
            abort,
            data: check.data,
            slots: check.saved.len(),
            kept,
            on_start,
            flows,
            requests: check.requests.into_iter().collect(),
            observe,
            budgets,
        }),
        _ => Err(check.problems),
    }
}

fn source(path: &Path, files: &Files, overrides: &Overrides) -> Source {
    let mut text = String::new();
    for (path, content) in files.iter() {
        // Without its folders: the same scenario is the same on another machine.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        text.push_str(&format!("# file: {name}\n{content}"));
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    let mut hash = Sha256::new();
    hash.update(&text);
    hash.update(format!("{overrides:?}"));
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Source { file: path.to_owned(), text, sha256 }
}
