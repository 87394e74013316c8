use std::fmt::Write as _;

use record::unit::show_count;

use super::{
    markdown::cell,
    table::{plain, rows},
};
use crate::{
    compare::{Change, Comparison, Outcome, Row, SideInfo},
    words,
};

/// What may be said of a change, in words.
pub const fn word(change: Change) -> &'static str {
    match change {
        Change::Worse => "worse",
        Change::Better => "better",
        Change::Same => "no change",
        Change::Undecided => "undecided",
        Change::TooFew => "n too small",
    }
}

/// A comparison for a terminal: the answer, the two sets, the figures. Without colour, so that a pipe and a terminal read
/// the same.
pub fn comparison(found: &Comparison) -> String {
    format!("{}\n\n{}", found.sentence, comparison_body(found))
}

/// A comparison without its answer.
pub fn comparison_body(found: &Comparison) -> String {
    let mut text = String::new();
    for (name, side) in [("before", &found.before), ("after", &found.after)] {
        let _ = writeln!(text, "{name:<7} {}", about(side));
    }
    let mut table = rows(["", "before (95 % interval)", "after (95 % interval)", "change (interval)", ""]);
    for row in &found.rows {
        table.add_row([
            row.name(),
            figure(row, true),
            figure(row, false),
            change(row),
            word(row.change).to_owned(),
        ]);
    }
    let _ = write!(text, "\n{}", plain(&mut table, 1));
    for note in &found.notes {
        let _ = write!(text, "\nnote: {note}");
    }
    if found.notes.is_empty() { text } else { text + "\n" }
}

/// A comparison as Markdown: the answer, the table, the notes.
pub fn comparison_markdown(found: &Comparison) -> String {
    let mark = match found.outcome {
        Outcome::Same | Outcome::Better => "✅",
        Outcome::Worse => "❌",
        Outcome::Invalid => "⚠️",
    };
    format!("### {mark} Comparison\n\n{}\n\n{}", cell(&found.sentence), comparison_markdown_body(found))
}

/// A comparison as Markdown, without its answer.
pub fn comparison_markdown_body(found: &Comparison) -> String {
    let mut text = String::new();
    for (name, side) in [("before", &found.before), ("after", &found.after)] {
        let _ = writeln!(text, "- {name}: {}", cell(&about(side)));
    }
    text += "\n| | before (95 % interval) | after (95 % interval) | change (interval) | |\n|---|--:|--:|--:|---|\n";
    for row in &found.rows {
        let bold = matches!(row.change, Change::Worse | Change::Better);
        let word = if bold { format!("**{}**", word(row.change)) } else { word(row.change).to_owned() };
        let cells = [row.name(), figure(row, true), figure(row, false), change(row)].map(|text| cell(&text));
        let _ = writeln!(text, "| {} | {word} |", cells.join(" | "));
    }
    for (index, note) in found.notes.iter().enumerate() {
        let _ = writeln!(text, "{}- {}", if index == 0 { "\n" } else { "" }, cell(note));
    }
    text
}

/// What a set of runs is of.
pub fn about(side: &SideInfo) -> String {
    let mut parts = vec![words::counted(side.runs, "run", "runs"), side.scenarios.join(", ")];
    if !side.commits.is_empty() {
        parts.push(format!("commit {}", side.commits.join(", ")));
    }
    parts.push(format!("first {}", side.first_start_text));
    parts.join(" · ")
}

fn figure(row: &Row, before: bool) -> String {
    let figure = if before { &row.before } else { &row.after };
    match figure.value {
        Some(_) => figure.text.clone(),
        None => format!("{} (n = {})", figure.text, show_count(figure.n as i64)),
    }
}

/// A change with its interval; a dash where there is none.
pub fn change(row: &Row) -> String {
    if row.change == Change::TooFew { "–".to_owned() } else { row.change_text.clone() }
}
