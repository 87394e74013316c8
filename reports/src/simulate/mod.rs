//! The planned topology under a day's load, with something lost at a time: what a plan's figures come to when requests meet in
//! queues.

mod cost;
mod figures;
mod plan;
mod run;
mod service;
#[cfg(test)]
mod tests;
mod text;

use std::path::Path;

use record::unit::{show_count, show_number, show_ratio};
use serde::Serialize;
use simulation::{Bin, Topology, What};

pub use cost::Cost;
pub use figures::Figures;
use figures::figures;
use plan::{DAY_S, Fault, Plan, PricedBy};
pub use run::BEFORE_S;
use run::{Counted, WIDTH_S};

use crate::{cost::Catalogue, failure::Failure, words};

/// The schema name of a simulation's JSON; the number after the slash changes when a reader would misread.
pub const SCHEMA: &str = "headroom.simulation/1";

/// What a simulation of a plan came to.
#[derive(Debug, Clone, Serialize)]
pub struct Simulation {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The program that made it.
    pub made_by: String,
    /// The plan's name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// It in one sentence.
    pub sentence: String,
    /// Seed of arrivals and service times.
    pub seed: u64,
    /// How often everything was simulated.
    pub replications: u64,
    /// How much of each step of the day was counted, seconds.
    pub sample_s: f64,
    /// What requests went through.
    pub tiers: Vec<TierRow>,
    /// What the instances of a day come to.
    pub cost: Cost,
    /// The day, step by step.
    pub day: Vec<Step>,
    /// The place in `day` of the step with the highest load.
    pub peak: usize,
    /// What came of each thing lost.
    pub faults: Vec<Lost>,
    /// What a reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// A tier.
#[derive(Debug, Clone, Serialize)]
pub struct TierRow {
    /// Its name.
    pub name: &'static str,
    /// Its place in [`Figures::utilisation`].
    pub place: usize,
    /// Instances.
    pub instances: u64,
    /// Requests that each works on at once.
    pub workers: u64,
    /// Where its service times come from.
    pub service: String,
    /// Share of their time that its workers were busy over the day, 0..1.
    pub mean_utilisation: f64,
    /// The same in the busiest step.
    pub peak_utilisation: f64,
    /// Hours of its instances in a day.
    pub instance_hours: u64,
}

/// A step of the day.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Where it begins, seconds from midnight.
    pub from_s: u64,
    /// Where it ends.
    pub to_s: u64,
    /// `20:30`.
    pub at: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What came of something that was lost for a while.
#[derive(Debug, Clone, Serialize)]
pub struct Lost {
    /// `an API instance`.
    pub what: String,
    /// `21:30`.
    pub at: String,
    /// For how long, seconds.
    pub lasts_s: u64,
    /// It in one sentence.
    pub sentence: String,
    /// Before.
    pub before: Figures,
    /// While it was lost.
    pub during: Figures,
    /// After it was back.
    pub after: Figures,
    /// Stretch by stretch; the first begins [`BEFORE_S`] before.
    pub steps: Vec<Step>,
}

/// The names of the tiers, in the order of [`simulation::Kind::ALL`].
pub const TIERS: [&str; 4] = ["load balancer", "API", "cache", "database"];

/// Reads the plan in `path`, simulates it, and prices the tiers that name a SKU by the file `prices`, or by the prices that the
/// program brings.
///
/// # Errors
/// The plan, a record it names, or the prices cannot be read; the plan has nothing that the prices could be used for, or
/// prices of its own in another currency.
pub fn simulate(path: &Path, prices: Option<&Path>) -> Result<Simulation, Failure> {
    let plan = plan::read(path)?;
    let catalogue = Catalogue::read(prices)?;
    let refuse = |what: String| Err(Failure::usage(format!("{}: {what}", path.display())));
    let own = plan.prices.iter().flatten().any(|by| matches!(by, PricedBy::Hour(_)));
    let listed = plan.prices.iter().flatten().any(|by| matches!(by, PricedBy::Sku { .. }));
    if prices.is_some() && !listed {
        return refuse(format!(
            "no tier names a `sku`, so nothing can be priced by {}; write one, such as `sku: c6i.large`, in place of `usd_per_hour`",
            catalogue.file
        ));
    }
    if own && listed && catalogue.currency() != "USD" {
        return refuse(format!(
            "has prices in USD (`usd_per_hour`), and those of {} are in {}; name a `sku` for every tier",
            catalogue.file,
            catalogue.currency()
        ));
    }
    let counted = run::run(&plan);
    Ok(told(&plan, &counted, &catalogue))
}

fn told(plan: &Plan, counted: &Counted, catalogue: &Catalogue) -> Simulation {
    let workers = workers(&plan.topology);
    // Every other stretch of the day is there for the queues to settle.
    let steps = DAY_S / plan.load.step_s;
    let day: Vec<Step> = (0..steps)
        .map(|step| {
            let bins: Vec<&Bin> = counted.day.iter().map(|bins| &bins[2 * step as usize + 1]).collect();
            let from_s = step * plan.load.step_s;
            let figures = figures(&bins, plan.load.sample_s, workers);
            Step { from_s, to_s: from_s + plan.load.step_s, at: clock(from_s), figures }
        })
        .collect();
    let load = |step: &Step| step.figures.offered;
    let peak = (0..day.len()).rev().max_by_key(|at| load(&day[*at])).unwrap_or(0);
    let tiers = tiers(plan, &day);
    let faults: Vec<Lost> =
        plan.faults.iter().zip(&counted.faults).map(|(fault, bins)| lost(fault, bins, workers)).collect();
    let cost = cost::cost(plan, &tiers, catalogue);
    Simulation {
        schema: SCHEMA,
        made_by: format!("headroom {}", env!("CARGO_PKG_VERSION")),
        name: plan.name.clone(),
        about: plan.about.clone(),
        sentence: sentence(&day, peak, &tiers, &faults),
        seed: plan.seed,
        replications: plan.replications,
        sample_s: plan.load.sample_s,
        notes: notes(plan, counted.events, &cost),
        cost,
        tiers,
        day,
        peak,
        faults,
    }
}

fn instances(topology: &Topology) -> [usize; 4] {
    [
        topology.balancer.as_ref().map_or(0, |tier| tier.instances),
        topology.api.instances,
        topology.cache.as_ref().map_or(0, |cache| cache.tier.instances),
        topology.database.as_ref().map_or(0, |database| database.shards * (1 + database.replicas)),
    ]
}

fn each_workers(topology: &Topology) -> [u32; 4] {
    [
        topology.balancer.as_ref().map_or(0, |tier| tier.workers),
        topology.api.workers,
        topology.cache.as_ref().map_or(0, |cache| cache.tier.workers),
        topology.database.as_ref().map_or(0, |database| database.workers),
    ]
}

fn workers(topology: &Topology) -> [f64; 4] {
    let (instances, workers) = (instances(topology), each_workers(topology));
    std::array::from_fn(|tier| instances[tier] as f64 * f64::from(workers[tier]))
}

fn tiers(plan: &Plan, day: &[Step]) -> Vec<TierRow> {
    let (instances, workers) = (instances(&plan.topology), each_workers(&plan.topology));
    let rows = (0..TIERS.len()).filter(|place| instances[*place] > 0).map(|place| {
        let busy = |step: &Step| step.figures.utilisation[place].unwrap_or(0.0);
        TierRow {
            name: TIERS[place],
            place,
            instances: instances[place] as u64,
            workers: u64::from(workers[place]),
            service: plan.origins[place].clone(),
            mean_utilisation: day.iter().map(busy).sum::<f64>() / day.len().max(1) as f64,
            peak_utilisation: day.iter().map(busy).fold(0.0, f64::max),
            instance_hours: instances[place] as u64 * plan::HOURS as u64,
        }
    });
    rows.collect()
}

fn lost(fault: &Fault, replications: &[Vec<Bin>], workers: [f64; 4]) -> Lost {
    let begins_s = fault.at_s.saturating_sub(BEFORE_S);
    // The first stretch is there for the queues to settle.
    let steps: Vec<Step> = (0..run::stretches(fault))
        .map(|at| {
            let bins: Vec<&Bin> = replications.iter().map(|bins| &bins[at as usize + 1]).collect();
            let from_s = begins_s + at * WIDTH_S;
            let figures = figures(&bins, WIDTH_S as f64, workers);
            Step { from_s, to_s: from_s + WIDTH_S, at: words::clock(from_s), figures }
        })
        .collect();
    let (first, last) =
        ((BEFORE_S / WIDTH_S) as usize, ((BEFORE_S + fault.lasts_s).div_ceil(WIDTH_S)) as usize);
    let together = |range: std::ops::Range<usize>| {
        let merged: Vec<Bin> =
            replications.iter().filter_map(|bins| merged(&bins[range.start + 1..range.end + 1])).collect();
        let bins: Vec<&Bin> = merged.iter().collect();
        figures(&bins, (range.len() as u64 * WIDTH_S) as f64, workers)
    };
    let (before, during, after) = (together(0..first), together(first..last), together(last..steps.len()));
    let what = match fault.what {
        What::Instance => "an API instance",
        What::Zone => "a zone",
        What::Cache => "the cache",
        What::Primary => "a shard's primary",
    };
    let at = clock(fault.at_s);
    let sentence = format!(
        "With {what} lost at {at} for {}, {} of the requests were not answered in time, {} before; p99 was {}, before {}.",
        words::length(fault.lasts_s as f64),
        show_ratio(during.lost_ratio),
        show_ratio(before.lost_ratio),
        during.p99.text,
        before.p99.text
    );
    Lost { what: what.to_owned(), at, lasts_s: fault.lasts_s, sentence, before, during, after, steps }
}

fn merged(bins: &[Bin]) -> Option<Bin> {
    let (first, others) = bins.split_first()?;
    let mut sum = first.clone();
    for bin in others {
        sum.offered += bin.offered;
        sum.answered += bin.answered;
        sum.timed_out += bin.timed_out;
        sum.dropped += bin.dropped;
        sum.failed += bin.failed;
        sum.waited_ns += bin.waited_ns;
        sum.response.add(&bin.response).expect("a growing histogram takes any other");
        sum.waiting.add(&bin.waiting).expect("a growing histogram takes any other");
        sum.busy_ns.iter_mut().zip(bin.busy_ns).for_each(|(sum, busy)| *sum += busy);
    }
    Some(sum)
}

fn sentence(day: &[Step], peak: usize, tiers: &[TierRow], faults: &[Lost]) -> String {
    let Some(step) = day.get(peak) else { return String::new() };
    let figures = &step.figures;
    let busiest = tiers.iter().max_by(|a, b| a.peak_utilisation.total_cmp(&b.peak_utilisation));
    let busiest = busiest.map_or_else(String::new, |tier| {
        format!(", its {} busy for {} of the time", tier.name, show_ratio(tier.peak_utilisation))
    });
    let worst = faults.iter().max_by(|a, b| a.during.lost_ratio.total_cmp(&b.during.lost_ratio));
    let worst = worst.map_or_else(String::new, |fault| {
        format!(
            " What costs most is to lose {}: {} not answered in time.",
            fault.what,
            show_ratio(fault.during.lost_ratio)
        )
    });
    format!(
        "At its peak, {}/s at {}, the plan answers with p95 {} and p99 {}{busiest}; {} are not answered in time.{worst}",
        show_number(figures.offered_per_s),
        step.at,
        figures.p95.text,
        figures.p99.text,
        show_ratio(figures.lost_ratio)
    )
}

fn notes(plan: &Plan, events: u64, cost: &Cost) -> Vec<String> {
    let mut notes = vec![
        format!(
            "{} events; each step of the day stands for itself by {} of it, after {} for the queues to settle, simulated {}.",
            show_count(events as i64),
            words::length(plan.load.sample_s),
            words::length(plan.load.settle_s),
            words::counted(plan.replications, "time", "times")
        ),
        "Arrivals are Poisson; an instance is a set of workers behind one queue, first come first served; a request that waited \
         longer than the timeout is gone and not worked on any more. Retries, network time and the work of other requests on \
         the same machine are not in it."
            .to_owned(),
        "Percentiles are of answers in time, from all replications together; with five replications or more their 95 % interval \
         is a bootstrap over replications, else by order statistics."
            .to_owned(),
    ];
    if cost.a_day.is_some() {
        notes.push(
            "The cost is that of the hours of the instances alone: traffic, storage and a balancer's units are in `reports plan`."
                .to_owned(),
        );
    }
    notes.extend(cost.notes.iter().cloned());
    if plan.topology.cache.is_some() {
        notes.push(
            "The cache's hit ratio is the plan's; writes pass the cache by and go to the primary.".to_owned(),
        );
    }
    notes
}

/// `20:30`.
fn clock(second: u64) -> String {
    format!("{:02}:{:02}", second / 3600 % 24, second / 60 % 60)
}
