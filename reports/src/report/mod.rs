//! Everything the page shows, as one tree that is also the JSON file. A field's name carries its unit (`_us`, `_s`,
//! `_per_s`, `_ratio` 0..1, `_bytes`); what draws it only formats.

mod budgets;
mod checks;
mod errors;
mod generator;
mod headline;
mod heat;
mod method;
mod observed;
mod requests;
mod setting;
#[cfg(test)]
mod snapshot;
mod spectrum;
mod tiles;
mod timeline;

use record::Verdict;
use serde::Serialize;

pub use budgets::{BudgetRow, budget_rows, quantile_interval, span, words as interval_words};
pub use checks::Check;
pub use errors::ErrorRow;
pub use generator::GeneratorHealth;
pub use headline::{Headline, Tone, word};
pub use heat::{Band, Column, Heat};
pub use observed::Target;
pub use requests::RequestRow;
pub use setting::Setting;
pub use spectrum::{Point, Spectrum};
pub use timeline::{Bin, Timeline};

use crate::{
    compare::{Comparison, Outcome},
    failure::Failure,
    read::Evidence,
};

/// The schema name written to the JSON; the number after the slash changes when a reader would misread.
pub const SCHEMA: &str = "headroom.report/1";

/// A report on one run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The program that made it.
    pub made_by: String,
    /// The answer: verdict, one sentence, six figures.
    pub headline: Headline,
    /// What was run, and on what.
    pub setting: Setting,
    /// Whether the run supports a verdict, and if not, why.
    pub validity: record::Validity,
    /// The figures held against each other.
    pub checks: Vec<Check>,
    /// The budgets with what was measured.
    pub budgets: Vec<BudgetRow>,
    /// The run over time.
    pub timeline: Timeline,
    /// Where its answers lie on an axis of latency, stretch by stretch.
    pub heat: Heat,
    /// Latency by percentile.
    pub spectrum: Spectrum,
    /// What was observed of the target.
    pub target: Target,
    /// Figures by request name.
    pub requests: Vec<RequestRow>,
    /// Failed requests by kind, the most frequent first.
    pub errors: Vec<ErrorRow>,
    /// What the generator itself used.
    pub generator: GeneratorHealth,
    /// What came of holding it against a baseline, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// What a reader must know before using a figure.
    pub caveats: Vec<String>,
    /// How the figures were made.
    pub method: Vec<String>,
}

/// The ends of a 95 % interval, in the unit of the figure it belongs to; an end the sample cannot bound is absent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// Makes the report of one run.
///
/// # Errors
/// The record holds nothing, or its latency log is damaged.
pub fn report(evidence: &Evidence) -> Result<Report, Failure> {
    evidence.refuse_nothing()?;
    let (timeline, heat) = timeline::timeline(evidence)?;
    let budgets = budget_rows(evidence);
    let checks = checks::checks(evidence, &timeline);
    Ok(Report {
        schema: SCHEMA,
        made_by: format!("headroom {}", env!("CARGO_PKG_VERSION")),
        headline: headline::headline(evidence, &budgets),
        setting: setting::setting(evidence),
        validity: evidence.judgement.validity.clone(),
        caveats: method::caveats(evidence, &checks),
        method: method::method(evidence),
        timeline,
        heat,
        spectrum: spectrum::spectrum(&evidence.totals),
        target: observed::target(evidence),
        requests: requests::requests(evidence),
        errors: errors::errors(evidence),
        generator: generator::generator(evidence),
        checks,
        budgets,
        comparison: None,
    })
}

impl Report {
    /// The same with a comparison with its baseline. As at the gate, a run that passed and is worse becomes a regression.
    pub fn held_against(mut self, comparison: Comparison) -> Self {
        let headline = &mut self.headline;
        if headline.verdict == Verdict::Pass && comparison.outcome == Outcome::Worse {
            headline.verdict = Verdict::Regression;
            headline.exit = headline.verdict.exit().code();
            (headline.word, headline.tone) = word(headline.verdict);
            headline.sentence += " Yet it is worse than its baseline.";
        }
        self.comparison = Some(comparison);
        self
    }
}

/// The sum of every histogram of one kind, over all request names.
pub fn merged(totals: &record::Histograms, wanted: impl Fn(&record::Kind) -> bool) -> record::Histogram {
    let mut all = record::new_histogram();
    for (_, histogram) in totals.iter().filter(|(tag, _)| wanted(&tag.kind)) {
        all.add(histogram).expect("a growing histogram takes any other");
    }
    all
}
