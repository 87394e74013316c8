use maud::{Markup, html};

use super::{
    page, pill,
    tables::{cell, figures as figure_column, glued, table, text},
};
use crate::{
    claims::{Claims, Judged, Verdict},
    report::Tone,
};

/// The claims as one self-contained HTML page.
pub fn claims(found: &Claims) -> String {
    let body = html! {
        header {
            p class="k" { "Claims of the documents" }
            h1 { (glued(&found.sentence)) }
        }
        (section(found))
        h2 { "How the verdicts were made" }
        ul class="notes" { @for note in &found.notes { li { (glued(note)) } } }
        footer {
            "Every figure here is in the JSON that " code { "reports claims --json" } " writes (schema "
            code { (found.schema) } "). Made by " (found.made_by) "; the same records give the same page."
        }
    };
    page("Claims of the documents", &found.made_by, &body)
}

/// The claims as a section of a page: those that were decided open, the others folded.
pub fn section(found: &Claims) -> Markup {
    html! {
        h2 { "What the documents say" }
        p { "Each figure held against what was measured. What is in the table stands on one side of a figure with its whole interval." }
        @if !found.sources.is_empty() {
            ul class="notes" { @for source in &found.sources { li { (glued(&source.text)) } } }
        }
        @for (verdict, count) in found.counts.iter().filter(|(_, count)| *count > 0) {
            @let of = format!("{}: {count}", capital(verdict.words()));
            @if matches!(verdict, Verdict::UntestableHere | Verdict::Inconclusive) {
                details { summary { (of) } (rows(found, *verdict, &of)) }
            } @else {
                h3 { (of) }
                (rows(found, *verdict, &of))
            }
        }
    }
}

fn rows(found: &Claims, verdict: Verdict, name: &str) -> Markup {
    let columns = [text("Where"), text("What"), figure_column("Claimed"), text("Verdict"), text("Why")];
    let judged = found.claims.iter().filter(|claim| claim.verdict == verdict).map(row);
    table(name, &columns, judged.collect())
}

fn row(claim: &Judged) -> Vec<Markup> {
    let tone = match claim.verdict {
        Verdict::Supported => Tone::Good,
        Verdict::Contradicted | Verdict::ArithmeticError => Tone::Bad,
        Verdict::Inconclusive => Tone::Warn,
        Verdict::UntestableHere => Tone::Plain,
    };
    vec![
        cell(claim.place.as_str()),
        cell(claim.subject.as_str()),
        cell(claim.claim.as_str()),
        pill(claim.verdict.words(), tone),
        html! { span class="long" { (glued(&claim.why)) } },
    ]
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;
    use crate::{
        claims::claims as judged,
        cost::Catalogue,
        export::html::tests::{numbers, shown, text_of, well_formed},
        fixture::Fixture,
    };

    #[test]
    fn every_number_on_the_page_of_claims_is_in_the_json() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("run");
        Fixture { failed_per_s: 0, budgets: vec![(None, "p95", "1s")], ..Fixture::default() }.write(&record);
        for records in [vec![], vec![record]] {
            let found = judged(&records, &[] as &[&Path], &Catalogue::built_in()).unwrap();
            let page = claims(&found);
            well_formed("claims", &page);
            let (mut known, mut seen) = (BTreeSet::new(), BTreeSet::new());
            shown(&serde_json::to_value(&found).unwrap(), &mut known);
            numbers(&text_of(&page), &mut seen);
            assert!(seen.len() > 50, "too few numbers found to have checked anything");
            let unknown: Vec<&String> = seen.difference(&known).collect();
            assert!(unknown.is_empty(), "not in the JSON: {unknown:?}");
        }
    }
}
