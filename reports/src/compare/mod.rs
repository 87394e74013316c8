//! Two sets of runs: what changed, by how much, and whether it is more than chance.

mod change;
mod row;
mod side;

use std::path::PathBuf;

use record::{Exit, unit::show_ratio};
use serde::Serialize;

pub use change::Change;
pub use row::{Row, Unit};
pub use side::{Side, SideInfo};

use crate::{failure::Failure, stats};

/// The schema name of a comparison's JSON; the number after the slash changes when a reader would misread.
pub const SCHEMA: &str = "headroom.comparison/1";

/// What came of comparing two sets of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is worse, or better, beyond chance and the least effect.
    Same,
    /// Something is better and nothing is worse.
    Better,
    /// Something is worse.
    Worse,
    /// A run supports no verdict.
    Invalid,
}

/// Two sets of runs held against each other.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The program that made it.
    pub made_by: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The exit code of this command.
    pub exit: u8,
    /// It in one sentence.
    pub sentence: String,
    /// The least effect that counts, relative, 0..1.
    pub least_effect: f64,
    /// The least relative change that counts here: more than the least effect where a side has too few runs to tell how much runs
    /// of one build differ.
    pub counts_from: f64,
    /// The first set.
    pub before: SideInfo,
    /// The second set.
    pub after: SideInfo,
    /// The figures: of all requests, then by request.
    pub rows: Vec<Row>,
    /// What a reader must know before using a figure.
    pub notes: Vec<String>,
}

/// Compares the runs recorded in `before` and `after`. An effect smaller than `least_effect` (relative, 0..1) does not count.
///
/// # Errors
/// A record cannot be read, or holds nothing.
pub fn compare(before: &[PathBuf], after: &[PathBuf], least_effect: f64) -> Result<Comparison, Failure> {
    Ok(between(Side::read(before)?, Side::read(after)?, least_effect))
}

/// Compares two sets of runs.
pub fn between(before: Side, after: Side, least_effect: f64) -> Comparison {
    let after = after.drawn_apart();
    let mut rows = row::rows(&before, &after, least_effect);
    let invalid: Vec<&str> = before.invalid.iter().chain(&after.invalid).map(String::as_str).collect();
    if !invalid.is_empty() {
        rows.iter_mut().for_each(|row| row.change = Change::Undecided);
    }
    let any = |change| rows.iter().any(|row| row.change == change);
    let outcome = match (invalid.is_empty(), any(Change::Worse), any(Change::Better)) {
        (false, ..) => Outcome::Invalid,
        (true, true, _) => Outcome::Worse,
        (true, false, true) => Outcome::Better,
        (true, false, false) => Outcome::Same,
    };
    Comparison {
        schema: SCHEMA,
        made_by: format!("headroom {}", env!("CARGO_PKG_VERSION")),
        outcome,
        exit: outcome.exit().code(),
        sentence: sentence(outcome, &rows, &invalid, least_effect),
        least_effect,
        counts_from: if few(&before, &after) { change::FEW_TIMES * least_effect } else { least_effect },
        notes: notes(&before, &after, least_effect),
        before: before.info,
        after: after.info,
        rows,
    }
}

impl Outcome {
    /// The exit code that says so.
    pub const fn exit(self) -> Exit {
        match self {
            Self::Same | Self::Better => Exit::Pass,
            Self::Worse => Exit::Regression,
            Self::Invalid => Exit::Invalid,
        }
    }
}

fn sentence(outcome: Outcome, rows: &[Row], invalid: &[&str], least_effect: f64) -> String {
    let list = |change| {
        let named = rows
            .iter()
            .filter(|row| row.change == change)
            .map(|row| format!("{} {}", row.name(), row.change_text));
        named.collect::<Vec<_>>().join("; ")
    };
    match outcome {
        Outcome::Invalid => format!(
            "Nothing is decided, because not every run supports a verdict; leave it out or run it again: {}",
            invalid.join("; ")
        ),
        Outcome::Worse => format!("Worse: {}.", list(Change::Worse)),
        Outcome::Better => format!("Better: {}; nothing is worse.", list(Change::Better)),
        Outcome::Same => {
            format!("No change that is both more than chance and at least {}.", show_ratio(least_effect))
        }
    }
}

/// Whether a side has too few runs to tell how much runs of one build differ.
fn few(before: &Side, after: &Side) -> bool {
    before.runs().min(after.runs()) < stats::MIN_RUNS
}

fn notes(before: &Side, after: &Side, least_effect: f64) -> Vec<String> {
    let mut notes = Vec::new();
    if few(before, after) {
        let fewest = before.runs().min(after.runs());
        notes.push(format!(
            "{} on a side: how much runs of the same build differ is not known, so only changes of at least {} count here. Five \
             runs a side tell it.",
            if fewest == 1 { "One run".to_owned() } else { format!("{fewest} runs") },
            show_ratio(change::FEW_TIMES * least_effect)
        ));
    }
    for (what, of) in [
        ("scenario or the settings it ran with", (|info| &info.scenarios) as fn(&SideInfo) -> &Vec<String>),
        ("machine that made the load", |info| &info.hosts),
    ] {
        let all: std::collections::BTreeSet<&String> =
            of(&before.info).iter().chain(of(&after.info)).collect();
        if all.len() > 1 {
            notes.push(format!("The {what} is not the same in all runs; a change may come from that."));
        }
    }
    for (one, other, where_) in [(before, after, "first"), (after, before, "second")] {
        let only: Vec<&str> = one
            .requests
            .keys()
            .filter(|name| !other.requests.contains_key(*name))
            .map(String::as_str)
            .collect();
        if !only.is_empty() {
            notes.push(format!("Only in the {where_} set, and not compared: {}.", only.join(", ")));
        }
    }
    if before.info.commits.iter().chain(&after.info.commits).any(|commit| commit.ends_with('+')) {
        notes.push("A commit with a plus had uncommitted changes.".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests;
