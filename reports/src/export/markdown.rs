use std::fmt::Write as _;

use record::unit::show_count;

use super::{comparison::comparison_markdown_body, outcome};
use crate::{
    gate::{Decision, Decisions},
    report::Tone,
};

/// A decision as Markdown: the sentence, the reasons against it, the table of budgets.
pub fn markdown(decision: &Decision) -> String {
    let text = judged(decision);
    match &decision.comparison {
        Some(comparison) => format!(
            "{text}\n#### Against the baseline\n\n{}\n\n{}",
            cell(&comparison.sentence),
            comparison_markdown_body(comparison)
        ),
        None => text,
    }
}

/// Several decisions as Markdown: what they come to together, then each.
pub fn markdowns(decisions: &Decisions) -> String {
    let mut text = format!("### Together: {}\n\n{}\n", decisions.word, cell(&decisions.sentence));
    if let Some(comparison) = &decisions.comparison {
        let _ = write!(
            text,
            "\n#### Against the baseline\n\n{}\n\n{}",
            cell(&comparison.sentence),
            comparison_markdown_body(comparison)
        );
    }
    for (folder, decision) in &decisions.runs {
        let _ = write!(text, "\n{}\n\n{}", cell(folder), judged(decision));
    }
    text
}

fn judged(decision: &Decision) -> String {
    let mark = match decision.tone {
        Tone::Good => "✅",
        Tone::Bad => "❌",
        Tone::Warn | Tone::Plain => "⚠️",
    };
    let mut text = format!(
        "### {mark} {}: {}\n\n{}\n",
        cell(&decision.scenario),
        decision.word,
        cell(&decision.sentence)
    );
    for (index, reason) in decision.other_reasons().enumerate() {
        let _ = writeln!(text, "{}- not valid: {}", if index == 0 { "\n" } else { "" }, cell(reason));
    }
    if decision.budgets.is_empty() {
        return text;
    }
    if !decision.validity.valid {
        text += "\nThe run is not valid, so no budget is decided; what it measured:\n";
    }
    text += "\n| budget | outcome | measured | 95 % interval | n |\n|---|---|--:|--:|--:|\n";
    for row in &decision.budgets {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            cell(&row.text),
            outcome(row.outcome).0,
            cell(&row.measured_text),
            if row.interval_text.is_empty() { "–" } else { &row.interval_text },
            show_count(row.n as i64)
        );
    }
    text
}

/// Text that stays in its cell and means nothing to Markdown.
pub fn cell(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' => safe.extend(['\\', c]),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\n' | '\r' => safe.push(' '),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture::Fixture, gate::decide, read::Evidence};

    #[test]
    fn the_summary_is_a_table_that_no_name_can_break() {
        let folder = tempfile::tempdir().unwrap();
        Fixture::default().write(folder.path());
        let mut decision = decide(&Evidence::open(folder.path()).unwrap());
        decision.budgets[0].text = "p95 of a|b*c\nd ≤ 1 s".into();
        let text = markdown(&decision);
        assert!(
            text.starts_with("### ❌ two &lt;requests&gt; & more: missed\n\nMissed 1 of 5 budgets"),
            "{text}"
        );
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 7);
        assert_eq!(rows[2], r"| p95 of a\|b\*c d ≤ 1 s | met | 24 ms | 23.7–24.3 ms | 1,600 |");
        let columns = |row: &str| row.replace(r"\|", "").matches('|').count();
        assert!(rows.iter().all(|row| columns(row) == 6), "{text}");
    }
}
