//! What a person sees of a capacity search: the rates tried, what is over the budgets at each, and the bracket closing in.

mod closing;
mod picture;

use std::time::Instant;

use record::{
    capacity::{Purpose, RateFinding},
    unit::show_ratio,
};

pub use self::closing::closing_search;
use self::picture::{doing, known, over, render, word, worst};
use super::{
    Snapshot, can_draw, colour, figures, is_set,
    paint::Paint,
    pen::Pen,
    terminal::{Tui, room},
};

/// The state of a search.
#[derive(Debug)]
pub struct Board {
    /// The scenario's name.
    pub title: String,
    /// Where the load goes.
    pub target: String,
    /// When the search began.
    pub began: Instant,
    /// What the present trial is for.
    pub purpose: Purpose,
    /// Its rate.
    pub rate_per_s: f64,
    /// Its length, seconds.
    pub seconds: u64,
    /// Its number, from 1.
    pub trial: usize,
    /// What is known of each rate, in order of rate.
    pub rates: Vec<RateFinding>,
    /// The highest rate known to hold, and the lowest known not to.
    pub bracket: (Option<f64>, Option<f64>),
    /// Share of the processor time that this machine's host gave to others in the trial that this one repeats for it, 0..1.
    pub stolen: Option<f64>,
}

/// The live view of a search.
#[derive(Debug)]
pub enum Search {
    /// A screen drawn once a second.
    Tui(Tui),
    /// A line after each trial.
    Lines(LinesOfTrials),
    /// Nothing.
    Quiet,
}

/// Lines for pipes and logs.
#[derive(Debug)]
pub struct LinesOfTrials(Pen);

impl Search {
    /// As [`super::Live::choose`].
    pub fn choose(quiet: bool, no_tui: bool) -> Self {
        if quiet {
            Self::Quiet
        } else if no_tui || is_set("CI") || !can_draw() {
            Self::Lines(LinesOfTrials(Pen::new()))
        } else {
            Self::Tui(Tui::new(colour()))
        }
    }

    /// Shows a second of a trial.
    pub fn draw(&mut self, board: &Board, snapshot: Option<&Snapshot<'_>>) {
        if let Self::Tui(tui) = self {
            let (columns, rows) = room();
            tui.put(render(board, snapshot, columns, rows, Paint { colour: colour() }));
        }
    }

    /// Shows what a trial has brought.
    pub fn after_trial(&mut self, board: &Board) {
        match self {
            Self::Lines(lines) => lines.0.write(line(board).into_bytes()),
            _ => self.draw(board, None),
        }
    }
}

impl Drop for LinesOfTrials {
    fn drop(&mut self) {
        self.0.end(Vec::new());
    }
}

fn line(board: &Board) -> String {
    let found = board.rates.iter().find(|rate| rate.rate_per_s == board.rate_per_s);
    let mut text = format!("{} trial {}", figures::clock(board.began.elapsed().as_secs()), board.trial);
    if let Some(stolen) = board.stolen {
        text +=
            &format!(" | {} – the host took {} of the processors: again", doing(board), show_ratio(stolen));
    } else if let Some(found) = found {
        let plain = Paint { colour: false };
        text += &format!(" | {} {}", doing(board), word(found.decision, plain).0);
        text += &worst(found).map(|worst| format!(" | {}", over(worst))).unwrap_or_default();
    }
    text += &format!(" | {}", known(board.bracket));
    text.chars().filter(|letter| !letter.is_control()).chain(['\n']).collect()
}
