//! The documents' figures against what was measured. A claim is data: where it stands, what it says, and the rule by which a
//! record decides on it; no verdict is written by hand.

mod file;
mod measure;
mod price;
mod relief;
mod rule;
mod source;
mod sum;
#[cfg(test)]
mod tests;
mod users;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use record::unit::show_number;
use serde::Serialize;

use rule::Rule;
pub use source::About;
use source::Source;
pub use sum::Worked;

use crate::{
    cost::Catalogue,
    failure::Failure,
    report::{Interval, interval_words},
};
use file::{Claim, figures};
use measure::Figure;

/// The schema name of the claims' JSON; the number after the slash changes when a reader would misread.
pub const SCHEMA: &str = "headroom.claims/1";

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The figure measured lies wholly on the other side.
    Contradicted,
    /// The document's own figures do not make it.
    ArithmeticError,
    /// The figure measured lies wholly where the claim has it.
    Supported,
    /// Not measured, not enough of it, or on both sides.
    Inconclusive,
    /// Nothing that is measured here could tell.
    UntestableHere,
}

impl Verdict {
    /// All, those first that a reader looks for.
    pub const ALL: [Self; 5] = [
        Self::Contradicted,
        Self::ArithmeticError,
        Self::Supported,
        Self::Inconclusive,
        Self::UntestableHere,
    ];

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Contradicted => "contradicted",
            Self::ArithmeticError => "error of arithmetic",
            Self::Supported => "supported",
            Self::Inconclusive => "inconclusive",
            Self::UntestableHere => "untestable here",
        }
    }
}

/// The claims with their verdicts.
#[derive(Debug, Clone, Serialize)]
pub struct Claims {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The program that made it.
    pub made_by: String,
    /// It in one sentence.
    pub sentence: String,
    /// What the figures come from.
    pub sources: Vec<About>,
    /// How many claims of each verdict.
    pub counts: Vec<(Verdict, u64)>,
    /// The claims, in the order of the documents.
    pub claims: Vec<Judged>,
    /// What a reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// A claim with its verdict.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    /// Its name.
    pub id: String,
    /// The document it stands in.
    pub document: String,
    /// The line or lines.
    pub line: String,
    /// Both in short: `003:349`, the document by the beginning of its name.
    pub place: String,
    /// Its kind.
    pub category: String,
    /// What it is about.
    pub subject: String,
    /// The figure as the document has it, with its unit.
    pub claim: String,
    /// What decides on it.
    pub rule: Rule,
    /// What the rule expects, in words; empty where nothing is measured.
    pub expected: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub why: String,
    /// Every figure that was measured for it.
    pub evidence: Vec<Measured>,
    /// The sums of its figures.
    pub sums: Vec<Worked>,
}

/// A figure measured for a claim, in the unit of its rule.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// What it was measured on: an index into [`Claims::sources`]; of a pair, with and without.
    pub sources: Vec<usize>,
    /// The figure; nothing where only its bounds are known.
    pub value: Option<f64>,
    /// Its 95 % interval, or what bounds it.
    pub interval: Interval,
    /// Both, in words.
    pub text: String,
    /// What it rests on.
    pub n: u64,
    /// The same in words: `1,200 answers`.
    pub n_text: String,
    /// Where it was measured, in words.
    pub at: String,
    /// Whether it alone supports the claim; nothing where it lies on both sides.
    pub holds: Option<bool>,
}

/// Judges the claims of `files` (those that come with the program where there are none) by what `records` measured, and those of
/// prices by `catalogue`.
///
/// # Errors
/// A record or a claims file cannot be read, or is damaged.
pub fn claims(
    records: &[PathBuf],
    files: &[impl AsRef<Path>],
    catalogue: &Catalogue,
) -> Result<Claims, Failure> {
    let documents = file::documents(files)?;
    let (sources, left_out) = source::sources(records)?;
    let figures = figures(&documents);
    let mut judged = Vec::new();
    for document in &documents {
        for claim in &document.claims {
            judged.push(judge(&document.document, claim, &sources, &figures, catalogue)?);
        }
    }
    let counts: Vec<(Verdict, u64)> = Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict, judged.iter().filter(|claim| claim.verdict == verdict).count() as u64))
        .collect();
    let words: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| {
            format!(
                "{count} {}",
                if *verdict == Verdict::ArithmeticError && *count > 1 {
                    "errors of arithmetic"
                } else {
                    verdict.words()
                }
            )
        })
        .collect();
    Ok(Claims {
        schema: SCHEMA,
        made_by: format!("headroom {}", env!("CARGO_PKG_VERSION")),
        sentence: format!("Of {} figures: {}.", judged.len(), words.join(", ")),
        sources: sources.iter().map(Source::about).collect(),
        counts,
        claims: judged,
        notes: left_out.into_iter().chain(notes(catalogue)).collect(),
    })
}

fn judge(
    document: &str,
    claim: &Claim,
    sources: &[Source],
    figures: &BTreeMap<String, sum::Range>,
    catalogue: &Catalogue,
) -> Result<Judged, Failure> {
    let sums: Result<Vec<Worked>, String> = claim.sums.iter().map(|sum| sum.work_out(figures)).collect();
    let sums = sums.map_err(|why| Failure::usage(format!("claim {}: {why}", claim.id)))?;
    let evidence = if price::is_by_price(&claim.rule) {
        price::price(&claim.rule, catalogue).into_iter().collect()
    } else {
        evidence(&claim.rule, sources)
    };
    let (verdict, why) = verdict(&claim.rule, &evidence, &sums, sources);
    Ok(Judged {
        id: claim.id.clone(),
        document: document.to_owned(),
        line: claim.line.clone(),
        place: format!("{}:{}", document.split(['_', '.']).next().unwrap_or(document), claim.line),
        category: claim.category.clone(),
        subject: claim.subject.clone(),
        claim: format!("{} {}", claim.claim, claim.unit).trim().to_owned(),
        expected: claim.rule.expect().map_or_else(String::new, |expect| expect.words(claim.rule.unit())),
        rule: claim.rule.clone(),
        verdict,
        why,
        evidence,
        sums,
    })
}

fn evidence(rule: &Rule, sources: &[Source]) -> Vec<Measured> {
    if let Rule::DatabaseRelief { queries, hits, .. } = rule {
        let found = relief::relief(sources, queries, hits);
        let place = |wanted: &Source| sources.iter().position(|source| std::ptr::eq(source, wanted));
        return found
            .into_iter()
            .map(|(figure, pair)| {
                measured(rule, &figure, pair.into_iter().filter_map(place).collect(), sources)
            })
            .collect();
    }
    let each = sources.iter().enumerate();
    each.filter_map(|(index, source)| {
        Some(measured(rule, &measure::measure(rule, source)?, vec![index], sources))
    })
    .collect()
}

fn measured(rule: &Rule, figure: &Figure, places: Vec<usize>, sources: &[Source]) -> Measured {
    let unit = rule.unit();
    let shown = |value: f64| format!("{} {unit}", show_number(value));
    let interval = interval_words(figure.interval, shown);
    let text = match figure.value {
        Some(value) if interval.is_empty() => format!("{}, without bounds", shown(value)),
        Some(value) => format!("{} ({interval})", shown(value)),
        None => interval,
    };
    let at: Vec<String> = places.iter().map(|place| sources[*place].about().text).collect();
    let mut holds = rule.expect().and_then(|expect| expect.holds(figure.interval));
    // What holds for few users is not shown for many; what does not hold for few will not for many.
    let users = |source: &Source| match source {
        Source::Runs(runs) => runs.users(),
        Source::Search(..) => None,
    };
    if let Some(wanted) = rule.at_users()
        && holds == Some(true)
        && places.iter().any(|place| users(&sources[*place]).is_none_or(|users| users < wanted))
    {
        holds = None;
    }
    if matches!(rule, Rule::Users { of_larger_system: true, .. }) && holds == Some(false) {
        holds = None;
    }
    // A query that waits for a connection counts as one that has it: so many at once show that a pool suffices, and not that
    // it does not.
    if matches!(rule, Rule::BusyConnections { .. }) && holds == Some(false) {
        holds = None;
    }
    Measured {
        sources: places,
        value: figure.value,
        interval: figure.interval,
        text,
        n: figure.n,
        n_text: figure.n_text(),
        at: at.join(" against "),
        holds,
    }
}

fn verdict(rule: &Rule, evidence: &[Measured], sums: &[Worked], sources: &[Source]) -> (Verdict, String) {
    if let Some(wrong) = sums.iter().find(|sum| sum.holds == Some(false)) {
        return (Verdict::ArithmeticError, format!("{}: {}.", wrong.what, wrong.text));
    }
    if let Rule::Nothing { because } = rule {
        let sums: Vec<String> = sums.iter().map(|sum| format!("{}: {}", sum.what, sum.text)).collect();
        let told = if sums.is_empty() { String::new() } else { format!(" ({})", sums.join("; ")) };
        return (Verdict::UntestableHere, format!("{}{told}.", because.words()));
    }
    let say = |it: &Measured| format!("{} of {} at {}", it.text, it.n_text, it.at);
    let (held, broken): (Vec<_>, Vec<_>) =
        evidence.iter().filter(|it| it.holds.is_some()).partition(|it| it.holds == Some(true));
    match (held.as_slice(), broken.as_slice(), evidence) {
        ([first, ..], [], _) => (Verdict::Supported, format!("{}.", say(first))),
        ([], [first, ..], _) => (Verdict::Contradicted, format!("{}.", say(first))),
        ([one, ..], [other, ..], _) => (Verdict::Inconclusive, format!("{}; but {}.", say(one), say(other))),
        ([], [], [first, ..]) => (Verdict::Inconclusive, format!("{}{}.", say(first), open(rule, first))),
        ([], [], []) => {
            let none = match sources {
                _ if price::is_by_price(rule) => "not in the prices given",
                [] => "nothing was given to tell by",
                _ => "not measured",
            };
            (Verdict::Inconclusive, format!("{none}; it takes {}.", rule.wanted()))
        }
    }
}

/// Why a figure does not decide.
fn open(rule: &Rule, figure: &Measured) -> String {
    let holds = rule.expect().and_then(|expect| expect.holds(figure.interval));
    match (rule, holds) {
        (rule, Some(_)) if price::is_by_price(rule) => ", a price that nobody can trace".to_owned(),
        (_, Some(true)) => {
            let users = rule.at_users().unwrap_or_default();
            format!(", but the claim is made for {} users", record::unit::show_count(users as i64))
        }
        (Rule::Users { .. }, Some(false)) => ", which a larger system may exceed".to_owned(),
        (Rule::BusyConnections { .. }, Some(false)) => {
            ", in which those count that wait for a connection".to_owned()
        }
        _ => ", which leaves it open".to_owned(),
    }
}

fn notes(catalogue: &Catalogue) -> Vec<String> {
    let prices = format!(
        "Prices are those of {} ({}, {}), the only thing that a claim is held against without having been measured; how old they are \
         is told by `reports prices check`.",
        catalogue.file,
        catalogue.place(),
        catalogue.currency()
    );
    [
        "A claim is supported or contradicted only where the whole interval of what was measured lies on one side of it; each \
         figure holds for the load and the machine it was measured on.",
        "“About” a figure means within a tenth of it. An error of arithmetic is one of the document's own figures: a round figure \
         may be 5 % off its sum, any other half a per cent.",
        "Percentiles from histograms that the target keeps are bounded by the bounds of its buckets.",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([prices])
    .collect()
}
