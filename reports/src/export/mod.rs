//! One form a file: each takes what was found and puts it into words for one kind of reader.

mod claims;
mod comparison;
mod fit;
mod gate;
mod github;
mod html;
mod json;
mod junit;
mod markdown;
mod plan;
mod prices;
mod simulation;
mod svg;
mod table;

pub use claims::{claims, claims_markdown};
pub use comparison::{comparison, comparison_markdown};
pub use fit::fit;
pub use gate::{gate, gates};
pub use github::github;
pub use html::{claims as claims_html, html, plan as plan_html, simulation as simulation_html};
pub use json::json;
pub use junit::{junit, junits};
pub use markdown::{markdown, markdowns};
pub use plan::{plan, plan_markdown};
pub use prices::{findings, prices};
pub use simulation::simulation;
pub use svg::{plan_svg, report_svg};
pub use table::{table, tables};

use record::Outcome;

use crate::report::Tone;

/// An outcome in a word.
const fn outcome(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Met => ("met", Tone::Good),
        Outcome::Missed => ("missed", Tone::Bad),
        Outcome::TooFew => ("n too small", Tone::Warn),
        Outcome::NoData => ("no data", Tone::Warn),
    }
}
