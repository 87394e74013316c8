//! From what was measured to what it takes to serve a number of users: the phases, their topologies, their bills, and what
//! all of it rests on. One tree, which is also the JSON; the page only draws it.

mod answer;
mod documents;
mod inputs;
mod loads;
mod phases;
mod planned;
mod safe;
mod saturation;
mod size;
mod tornado;
mod words;

use std::path::{Path, PathBuf};

use record::Exit;
use serde::Serialize;

pub use answer::Answer;
pub use documents::Document;
pub use inputs::{Input, Rests};
pub use loads::{Load, Percentile, Setting};
pub use planned::PhasePlan;
pub use safe::Safe;
pub use saturation::Busy;
pub use tornado::Bar;

use self::{inputs::Key, phases::Phases, size::Ground};
use crate::{
    capacity::{self, Fitting},
    claims::{Claims, claims},
    cost::{Catalogue, stale},
    failure::Failure,
};

/// The schema name of a plan's JSON; the number after the slash changes when a reader would misread.
pub const SCHEMA: &str = "headroom.plan/1";

/// What it holds, what binds, and what more costs.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The program that made it.
    pub made_by: String,
    /// The answer: one sentence, six figures.
    pub answer: Answer,
    /// What was run, and on what.
    pub setting: Setting,
    /// Records read.
    pub records: u64,
    /// The highest load that kept every budget.
    pub safe: Safe,
    /// What was measured, by load.
    pub loads: Vec<Load>,
    /// Limits that the budgets set on percentiles of all requests.
    pub limits: Vec<Limit>,
    /// The scalability law fitted to it.
    pub fit: Option<Fitting>,
    /// Why there is none.
    pub fit_refused: Option<String>,
    /// How busy what is known was, the busiest first.
    pub busy: Vec<Busy>,
    /// What the plan rests on.
    pub inputs: Vec<Input>,
    /// The phases in order of users.
    pub phases: Vec<PhasePlan>,
    /// Index into `phases` of the one that the answer speaks of.
    pub next: usize,
    /// The documents' monthly tables.
    pub documents: Vec<Document>,
    /// What documents claim, held against the records.
    pub claims: Claims,
    /// The prices used.
    pub prices: Prices,
    /// What a reader must know before using a figure.
    pub caveats: Vec<String>,
    /// How the figures were made.
    pub method: Vec<String>,
}

/// A limit on a percentile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limit {
    /// Which percentile, 0..1.
    pub quantile: f64,
    /// The limit, microseconds.
    pub us: f64,
    /// In words.
    pub text: String,
}

/// The prices used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prices {
    /// The file.
    pub file: String,
    /// Provider and region.
    pub place: String,
    /// Currency.
    pub currency: String,
    /// Date of the oldest price used.
    pub oldest: String,
    /// Date of the newest price used.
    pub newest: String,
    /// Prices used that are stale at the date of the newest run, in words.
    pub stale: Vec<String>,
    /// Prices used that nobody can trace, in words.
    pub untraceable: Vec<String>,
}

/// Makes the plan of records and folders of searches.
///
/// # Errors
/// Records, phases or prices cannot be read or used; nothing measured supports a plan.
pub fn plan(records: &[PathBuf], phases: Option<&Path>, prices: Option<&Path>) -> Result<Plan, Failure> {
    let catalogue = Catalogue::read(prices)?;
    let file = Phases::read(phases)?;
    let seen = loads::seen(records)?;
    let refuse = |message: String| Failure { exit: Exit::Invalid, message };
    let safe = safe::safe(&seen).map_err(|why| refuse(format!("nothing to plan by: {why}")))?;
    let inputs = inputs::inputs(&seen, &safe, file.measured_instances.0, &file.assume);
    let (fit, fit_refused) = match fitted(&seen) {
        Ok(fit) => (Some(fit), None),
        Err(failure) => (None, Some(failure.message)),
    };
    let hits = inputs::Values::mid(&inputs).get(Key::CacheHitRatio);
    let miss_ratio = miss_ratio(fit.as_ref(), &inputs, hits);
    let ground = Ground { miss_ratio, hits, cores: saturation::cores(&seen) };
    let planned: Vec<PhasePlan> = file
        .phases
        .iter()
        .map(|phase| planned::planned(phase, &inputs, &ground, &safe, &catalogue))
        .collect();
    let beyond = |phase: &PhasePlan| phase.peak_per_s > safe.rate_per_s;
    let next = planned.iter().position(beyond).unwrap_or(planned.len() - 1);
    let prices = used(&catalogue, &planned, &seen.setting);
    let documents = documents::documents(&catalogue, |users| {
        planned.iter().find(|phase| phase.users == users as f64).map(|phase| phase.monthly_text.clone())
    });
    let answer = answer::answer(&seen, &safe, &inputs, &planned[next]);
    let claims = claims(records, &[] as &[&Path], &catalogue)?;
    Ok(Plan {
        claims,
        schema: SCHEMA,
        made_by: format!("headroom {}", env!("CARGO_PKG_VERSION")),
        caveats: words::caveats(&seen, &safe, &inputs, &planned, &prices),
        method: words::method(&ground),
        limits: safe::limits(&seen)
            .into_iter()
            .map(|(quantile, us, text)| Limit { quantile, us, text })
            .collect(),
        busy: saturation::busy(&seen),
        answer,
        safe,
        records: seen.records,
        setting: seen.setting,
        loads: seen.loads,
        fit,
        fit_refused,
        inputs,
        phases: planned,
        next,
        documents,
        prices,
    })
}

/// Points of the fitted law that are drawn.
const DRAWN: usize = 48;

fn fitted(seen: &loads::Seen) -> Result<Fitting, Failure> {
    let mut asked = capacity::Asked {
        cache: ("cache_hit_ratio".into(), "db_rate".into()),
        curve: DRAWN,
        ..capacity::Asked::default()
    };
    if let Some(cores) = saturation::cores(seen) {
        asked.have.push((saturation::CPU.to_owned(), cores));
    }
    capacity::fitting(&seen.points, &asked)
}

/// Share of the queries that a miss makes where no cache model says it.
const HALF: f64 = 0.5;

/// Share of the queries that misses make, by the fitted cache model where there is one.
fn miss_ratio(fit: Option<&Fitting>, inputs: &[Input], hits: f64) -> f64 {
    let queries = inputs::Values::mid(inputs).get(Key::QueriesPerRequest);
    let model = fit.and_then(|fit| fit.cache.as_ref());
    model.map_or(HALF, |model| (model.on_a_miss * (1.0 - hits) / queries).clamp(0.0, 1.0))
}

fn used(catalogue: &Catalogue, phases: &[PhasePlan], setting: &Setting) -> Prices {
    let lines = || phases.iter().flat_map(|phase| &phase.bill.lines);
    let used = |price: &&crate::cost::Price| {
        lines().any(|line| {
            line.cost.is_some()
                && !line.item.quantity.is_zero()
                && line.item.service == price.service
                && line.item.sku == price.sku
        })
    };
    let prices: Vec<_> = catalogue.prices.iter().filter(used).collect();
    let date = |pick: fn(std::vec::IntoIter<chrono::NaiveDate>) -> Option<chrono::NaiveDate>| {
        let dates: Vec<_> = prices.iter().map(|price| price.as_of).collect();
        pick(dates.into_iter()).map_or_else(String::new, |date| date.format("%-d %B %Y").to_string())
    };
    let on = chrono::DateTime::parse_from_rfc3339(&setting.newest).map(|at| at.to_utc().date_naive()).ok();
    let name = |price: &&crate::cost::Price| format!("{} {}", price.service, price.sku);
    let mut old: Vec<String> = prices
        .iter()
        .filter_map(|price| Some(format!("{} ({} days)", name(price), on.and_then(|on| stale(price, on))?)))
        .collect();
    let mut untraceable: Vec<String> =
        prices.iter().filter(|price| price.grade == crate::cost::Grade::C).map(name).collect();
    old.dedup();
    untraceable.dedup();
    Prices {
        file: catalogue.file.clone(),
        place: catalogue.place(),
        currency: catalogue.currency().to_owned(),
        oldest: date(|dates| dates.min()),
        newest: date(|dates| dates.max()),
        stale: old,
        untraceable,
    }
}

#[cfg(test)]
mod tests;
