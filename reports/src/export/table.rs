use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use record::unit::show_count;

use super::{comparison::comparison_body, outcome};
use crate::gate::{Decision, Decisions};

/// A decision for a terminal: the verdict, the reasons against it, the budgets. Without colour, so that a pipe and a
/// terminal read the same.
pub fn table(decision: &Decision) -> String {
    let text = judged(decision);
    match &decision.comparison {
        Some(comparison) => {
            format!("{text}\nagainst the baseline: {}\n{}", comparison.sentence, comparison_body(comparison))
        }
        None => text,
    }
}

/// Several decisions: each under the name of its folder, then what they come to together.
pub fn tables(decisions: &Decisions) -> String {
    let mut text = String::new();
    for (folder, decision) in &decisions.runs {
        let _ = writeln!(text, "{folder}\n{}", judged(decision));
    }
    let _ = writeln!(text, "together: {}\n{}", decisions.word, decisions.sentence);
    if let Some(comparison) = &decisions.comparison {
        let _ =
            write!(text, "\nagainst the baseline: {}\n{}", comparison.sentence, comparison_body(comparison));
    }
    text
}

fn judged(decision: &Decision) -> String {
    let mut text = format!("verdict: {}\n{}\n", decision.word, decision.sentence);
    for reason in decision.other_reasons() {
        let _ = writeln!(text, "not valid: {reason}");
    }
    if decision.budgets.is_empty() {
        return text;
    }
    let mut table = rows(["budget", "outcome", "measured", "95 % interval", "n"]);
    for row in &decision.budgets {
        let close = if row.close { ", narrowly" } else { "" };
        table.add_row([
            row.text.clone(),
            format!("{}{close}", outcome(row.outcome).0),
            row.measured_text.clone(),
            row.interval_text.clone(),
            show_count(row.n as i64),
        ]);
    }
    if !decision.validity.valid {
        text += "The run is not valid, so no budget is decided; what it measured:\n";
    }
    text + &plain(&mut table, 2)
}

/// A table of one style with a header.
pub fn rows<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// The table as lines, its columns from `right` on aligned to the right.
pub fn plain(table: &mut Table, right: usize) -> String {
    for column in table.column_iter_mut().skip(right) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{}", line.trim_end());
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture::Fixture, gate::decide, read::Evidence};

    #[test]
    fn the_table_is_plain_text_with_a_line_a_budget() {
        let folder = tempfile::tempdir().unwrap();
        Fixture::default().write(folder.path());
        let text = table(&decide(&Evidence::open(folder.path()).unwrap()));
        assert!(text.starts_with("verdict: missed\nMissed 1 of 5 budgets"), "{text}");
        assert_eq!(text.lines().count(), 2 + 1 + 5);
        assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.trim_end() == line), "{text:?}");
    }
}
