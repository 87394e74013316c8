//! One line every ten seconds, for pipes and logs: no escape codes, every figure behind its name.

use std::fmt::Write as _;

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
    /// The line of a second that was not one to print, in case it is the last.
    unprinted: String,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { pen: Pen::new(), unprinted: String::new() }
    }

    pub(super) fn draw(&mut self, snapshot: &Snapshot<'_>) {
        self.unprinted = line(snapshot);
        if is_due(snapshot.row.second) {
            self.pen.write(std::mem::take(&mut self.unprinted).into_bytes());
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

/// The second just recorded and the judged window so far, in one line.
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
