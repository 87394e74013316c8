//! `loadgen capacity`: the highest load that keeps the budgets, with an interval.
//!
//! ```text
//! search (which rate next) ─► range (a trial, its record) ─► question (its batches) ─► share (bounds) ─► search … ─► answer
//! ```

mod answer;
mod hunt;
mod question;
mod range;
mod search;
mod share;

use std::path::Path;

use record::{Exit, Stage, capacity::Method};

use self::{
    hunt::Hunt,
    range::Range,
    search::{CONFIDENCE, Search, round},
};
use crate::{
    cli::{AWAY_RATE, CapacityArgs},
    control::Level,
    drive, outputs, plan,
    plan::model::{Load, Plan, Process},
    run::{Prepared, prepare, tls_options, until_ready, with_users},
    screen,
    stop::Stop,
};

/// Users that stand ready where the scenario is of the closed model and nobody says how many.
const USERS: usize = 1_000;
/// How far below the first rate a rate is worth trying.
const DEPTH: f64 = 64.0;

/// Searches the capacity.
pub fn capacity(arguments: &CapacityArgs) -> Result<Exit, Stop> {
    let mut plan = plan::load(&arguments.scenario.file, &arguments.scenario.overrides())?;
    if plan.budgets.is_empty() {
        return Err(Stop::Usage(format!(
            "{}: a capacity is the highest load that keeps the budgets, and the scenario has none; add for example\n  \
             budgets:\n    - {{ p99: 200ms }}",
            plan.source.file.display()
        )));
    }
    let (budgets, mut notes) = question::budgets_of(&plan.budgets);
    plan.budgets = budgets;
    let model = OpenModel::of(&plan, arguments, &mut notes);
    plan.load = Load::Arrivals { process: model.process, max_in_flight: model.users, stages: Vec::new() };
    let (found, folder) = with_users(search(plan, model, notes, arguments))?;
    if arguments.json {
        outputs::print_json(&found)?;
    }
    if !arguments.quiet {
        eprint!("{}", screen::closing_search(&found, &folder, screen::colour()));
    }
    Ok(answer::exit(&found))
}

/// The scenario's load as the search offers it.
#[derive(Debug)]
struct OpenModel {
    process: Process,
    users: usize,
    /// The first rate, iterations a second.
    start: f64,
    /// What lies between two iterations of a user, where the scenario is of the closed model.
    between: Option<Between>,
}

/// What lies between two iterations of a user of the closed model.
#[derive(Debug, Clone, Copy)]
pub enum Between {
    /// From the end of one to the start of the next, seconds.
    Pause(f64),
    /// From the start of one to the start of the next, seconds.
    Pacing(f64),
}

impl OpenModel {
    fn of(plan: &Plan, arguments: &CapacityArgs, notes: &mut Vec<String>) -> Self {
        let peak = |stages: &[Stage]| stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max);
        let (process, users, guess, between) = match &plan.load {
            Load::Arrivals { process, max_in_flight, stages } => {
                (*process, *max_in_flight, peak(stages) / 8.0, None)
            }
            Load::Users { stages, think, pacing } => {
                notes.push(
                    "The scenario's users became Poisson arrivals of iterations: independent people arrive so, and an open \
                     model cannot wait for a target that is late."
                        .to_owned(),
                );
                let between = match (pacing, think) {
                    (Some(pacing), _) => Between::Pacing(pacing.as_secs_f64()),
                    (None, think) => {
                        Between::Pause(think.as_ref().map_or(0.0, |think| think.mean().as_secs_f64()))
                    }
                };
                let (Between::Pause(s) | Between::Pacing(s)) = between;
                (Process::Poisson, USERS, peak(stages) / (s + 1.0) / 8.0, Some(between))
            }
        };
        let start = arguments.start_rate.unwrap_or_else(|| round(guess.max(1.0)));
        Self { process, users: arguments.max_in_flight.unwrap_or(users), start, between }
    }
}

async fn search(
    plan: Plan,
    model: OpenModel,
    notes: Vec<String>,
    arguments: &CapacityArgs,
) -> Result<(record::Capacity, std::path::PathBuf), Stop> {
    let tls = tls_options(&plan, arguments.reach.insecure);
    let Prepared { engine, observers, target, run, folder } = prepare(plan, arguments.setting()).await?;
    let queue = async_channel::bounded(model.users);
    let goose = tokio::spawn(drive::drive(engine, Some(queue.1.clone())));
    if let Err(stop) = until_ready(engine, model.users, arguments.quiet).await {
        remove_if_empty(&folder);
        return Err(stop);
    }
    let ceiling = arguments.max_rate.unwrap_or(if run.target.loopback { f64::INFINITY } else { AWAY_RATE });
    let method = Method {
        confidence: CONFIDENCE,
        precision: arguments.precision,
        trial_s: arguments.trial.as_secs().max(1),
        max_rate_per_s: Some(ceiling).filter(|rate| rate.is_finite()),
        soak_s: arguments.soak.as_secs(),
    };
    let search = Search {
        precision: arguments.precision,
        start: model.start,
        floor: round(model.start / DEPTH),
        ceiling,
        allowed: run.budgets.iter().map(question::allowed).collect(),
        tried: Vec::new(),
    };
    let template = record::Run { observed: observers.defined(), ..run };
    let range = Range { engine, template, process: model.process, queue, observers: Some(observers), tls };
    let screen = screen::Search::choose(arguments.quiet, arguments.no_tui);
    let hunt = Hunt::new(range, search, method, folder.clone(), arguments.time_limit, screen);
    let found = Box::pin(hunt.run(notes, model.between)).await?;
    engine.control.raise(Level::Cut);
    goose.abort();
    drop(target);
    found.write(&folder)?;
    Ok((found, folder))
}

/// Leaves no empty folder behind.
fn remove_if_empty(folder: &Path) {
    let _ = std::fs::remove_dir(folder);
}
