//! One line every ten seconds, for pipes and logs: no escape codes, every figure behind its name.

use std::fmt::Write as _;

use record::SeriesRow;

use super::{
    Snapshot,
    figures::{self, Figure},
    pen::Pen,
};

/// Seconds between two lines.
const EVERY_S: u64 = 10;

/// The plain lines.
#[derive(Debug)]
pub struct Lines {
    pen: Pen,
    since: Since,
    /// The line of a second that was not one to print, in case it is the last.
    unprinted: String,
}

/// What there was since the last line.
#[derive(Debug, Default)]
pub(super) struct Since {
    seconds: u64,
    offered: u64,
    completed: u64,
}

impl Since {
    /// Adds the second of `row`; gives it with the mean rates since the last line in place of its own.
    pub fn add(&mut self, row: &SeriesRow) -> SeriesRow {
        self.seconds += 1;
        self.offered += row.offered;
        self.completed += row.completed;
        let mean = |count: u64| (count + self.seconds / 2) / self.seconds;
        SeriesRow { offered: mean(self.offered), completed: mean(self.completed), ..row.clone() }
    }
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { pen: Pen::new(), since: Since::default(), unprinted: String::new() }
    }

    pub(super) fn draw(&mut self, snapshot: &Snapshot<'_>) {
        let row = self.since.add(snapshot.row);
        self.unprinted = line(&Snapshot { row: &row, ..*snapshot });
        if is_due(row.second) {
            self.pen.write(std::mem::take(&mut self.unprinted).into_bytes());
            self.since = Since::default();
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.pen.end(std::mem::take(&mut self.unprinted).into_bytes());
    }
}

/// Whether a line is printed once `second` is over: at 0:10, 0:20, …
pub(super) fn is_due(second: u64) -> bool {
    (second + 1).is_multiple_of(EVERY_S)
}

/// The rates of `snapshot`'s row, the judged window so far, and what is observed, in one line.
pub(super) fn line(snapshot: &Snapshot<'_>) -> String {
    let judged = figures::is_judged(snapshot);
    let mut text =
        format!("{} {}", figures::progress(snapshot), figures::phase(snapshot.run, snapshot.row.second));
    let mut add = |figure: &Figure| {
        let mark = if figure.missed { " (missed)" } else { "" };
        let _ = write!(text, " | {} {}{mark}", figure.label, figure.value);
    };
    figures::load(snapshot).iter().for_each(&mut add);
    figures::latency(snapshot).iter().for_each(&mut add);
    add(&figures::errors(snapshot));
    figures::observed(snapshot).iter().for_each(&mut add);
    let state = match figures::not_valid(snapshot) {
        _ if !judged => "not judged yet".to_owned(),
        Some(why) => format!("not valid: {why} | {}", figures::budgets(snapshot)),
        None => format!("valid so far | {}", figures::budgets(snapshot)),
    };
    let line = format!("{text} | {state}");
    // A name in a scenario must not break the line.
    line.chars().filter(|letter| !letter.is_control()).chain(['\n']).collect()
}
