//! What a person sees of a run while it goes on and when it has ended; all of it on stderr.

mod closing;
pub(crate) mod figures;
mod lines;
pub(crate) mod memory;
mod paint;
mod pen;
mod picture;
mod search;
mod snapshot;
mod table;
mod terminal;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    env,
    io::{IsTerminal as _, stderr},
};

pub use self::{
    closing::closing,
    paint::wrap,
    search::{Board, Search, closing_search},
    snapshot::Snapshot,
};
use self::{lines::Lines, terminal::Tui};

/// The live view of a run.
#[derive(Debug)]
pub enum Live {
    /// A screen drawn once a second.
    Tui(Tui),
    /// A line every ten seconds.
    Lines(Lines),
    /// Nothing.
    Quiet,
}

impl Live {
    /// A screen on a terminal that can show one; lines in a pipe, under `CI`, with `TERM=dumb` or if asked; nothing if
    /// `quiet`.
    pub fn choose(quiet: bool, no_tui: bool) -> Self {
        if quiet {
            Self::Quiet
        } else if no_tui || is_set("CI") || !can_draw() {
            Self::Lines(Lines::new())
        } else {
            Self::Tui(Tui::new(colour()))
        }
    }

    /// Shows a second. Returns at once, also when the terminal takes nothing.
    pub fn draw(&mut self, snapshot: &Snapshot<'_>) {
        match self {
            Self::Tui(tui) => tui.draw(snapshot),
            Self::Lines(lines) => lines.draw(snapshot),
            Self::Quiet => {}
        }
    }

    /// Leaves the last picture or line where it is and gives the terminal back. Dropping does the same.
    pub fn finish(self) {}
}

/// Whether stderr takes colours: a terminal, and neither `NO_COLOR` nor `TERM=dumb`.
pub fn colour() -> bool {
    can_draw() && !is_set("NO_COLOR")
}

/// Whether stderr is a terminal that can take back what it shows.
pub fn can_draw() -> bool {
    stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Set and not empty, as <https://no-color.org> has it.
fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}
