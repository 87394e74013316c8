use std::fmt::Write as _;

use super::{
    markdown::cell,
    table::{plain, rows},
};
use crate::claims::{Claims, Verdict};

/// The claims for a terminal: the answer, then a table a verdict, those first that a reader looks for. Without colour.
pub fn claims(found: &Claims) -> String {
    let mut text = format!("{}\n", found.sentence);
    for (index, source) in found.sources.iter().enumerate() {
        let _ = writeln!(
            text,
            "{:<9}{}: {}",
            if index == 0 { "measured" } else { "" },
            source.text,
            source.records.join(", ")
        );
    }
    for verdict in Verdict::ALL {
        let judged = || found.claims.iter().filter(|claim| claim.verdict == verdict);
        if judged().next().is_none() {
            continue;
        }
        let mut table = rows(["where", "what", "claimed", "why"]);
        for claim in judged() {
            table.add_row([
                claim.place.clone(),
                claim.subject.clone(),
                claim.claim.clone(),
                claim.why.clone(),
            ]);
        }
        let _ =
            write!(text, "\n{}: {}\n{}", verdict.words(), judged().count(), plain(&mut table, usize::MAX));
    }
    for note in &found.notes {
        let _ = write!(text, "\nnote: {note}");
    }
    text + "\n"
}

/// The claims as Markdown: the answer, and a table.
pub fn claims_markdown(found: &Claims) -> String {
    let mut text = format!("### Claims\n\n{}\n\n", cell(&found.sentence));
    for source in &found.sources {
        let _ = writeln!(text, "- measured: {}", cell(&source.text));
    }
    text += "\n| verdict | where | what | claimed | why |\n|---|---|---|---|---|\n";
    for verdict in Verdict::ALL {
        for claim in found.claims.iter().filter(|claim| claim.verdict == verdict) {
            let cells = [claim.place.clone(), claim.subject.clone(), claim.claim.clone(), claim.why.clone()]
                .map(|text| cell(&text));
            let _ = writeln!(text, "| {} | {} |", verdict.words(), cells.join(" | "));
        }
    }
    for (index, note) in found.notes.iter().enumerate() {
        let _ = writeln!(text, "{}- {}", if index == 0 { "\n" } else { "" }, cell(note));
    }
    text
}
