use std::fmt::Write as _;

use record::unit::show_count;

use super::outcome;
use crate::{gate::Decision, report::Tone};

/// A decision as Markdown: the sentence, the reasons against it, the table of budgets.
pub fn markdown(decision: &Decision) -> String {
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
    if !decision.validity.reasons.is_empty() {
        text.push('\n');
    }
    for reason in &decision.validity.reasons {
        let _ = writeln!(text, "- {}", cell(&reason.detail));
    }
    if decision.budgets.is_empty() {
        return text;
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
fn cell(text: &str) -> String {
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
