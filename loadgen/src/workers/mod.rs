//! `run --workers N`: N processes of this program share a load, each with its own limit of open files, and this one
//! makes one record, one screen and one verdict of what they measure.
//!
//! ```text
//! parent: prepare ─► start workers ─► all ready? ─► begin at T ─► merge second by second ─► journal ─► verdict
//! worker: run --shard I/N ─► its own record, in workers/I of the parent's
//! ```

mod addresses;
mod crew;
mod leash;
mod parent;

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use record::Run;

pub use self::leash::Leash;
use self::{crew::Crew, parent::Parent};
use crate::{
    cli::RunArgs,
    control::Control,
    plan::model::{Abort, Plan},
    run::{Invited, Journal, Prepared, StartAt, prepare},
    screen,
    share::Share,
    stop::Stop,
    web::Page,
};

/// From the moment that all workers could begin to second 0: time for the word to reach them.
const LEAD: Duration = Duration::from_millis(300);
/// How often the workers are looked at.
const GLANCE: Duration = Duration::from_millis(20);
/// The folder of the workers' records in the record.
const FOLDER: &str = "workers";

/// What a worker leaves to its parent.
pub fn leave_to_parent(plan: &mut Plan, share: Share) {
    plan.target.command = None;
    plan.target.ready = None;
    plan.abort = Some(Abort::Off);
    plan.target.wire.source_addresses = addresses::of(plan, share);
}

/// Runs `plan` by `count` processes.
pub async fn load(
    plan: Plan,
    arguments: &RunArgs,
    invited: Invited,
    count: u64,
) -> Result<(Run, PathBuf, Option<Page>), Stop> {
    let longest = plan.longest_timeout();
    let Prepared { engine, observers, target, mut run, folder } = prepare(plan, arguments.setting()).await?;
    let mut crew = Crew::start(count, &folder.join(FOLDER), arguments, run.seed)?;
    until_ready(&mut crew, &engine.control, arguments.quiet).await?;
    #[expect(clippy::disallowed_methods, reason = "processes have no other clock in common")]
    let start = StartAt(SystemTime::now() + LEAD);
    crew.begin(start);
    run.start = start.to_string();
    run.host.open_files_limit *= count;
    let over = start.instant() + Duration::from_secs_f64(run.planned_s()) + longest;
    let live = screen::Live::choose(arguments.quiet, arguments.no_tui);
    let audience = invited.seat(arguments, engine, &run, &folder)?;
    let mut journal = Journal::open(&folder, run, engine, observers, live, start.instant())?;
    journal.audience = audience.clone();
    let run = Box::pin(Parent::new(journal, crew).attend(&engine.control, over)).await?;
    drop(target);
    let page = audience.end(engine, &run, &folder, arguments.web.web_stay);
    Ok((run, folder, page))
}

/// Waits until all workers could begin.
async fn until_ready(crew: &mut Crew, control: &Control, quiet: bool) -> Result<(), Stop> {
    let (began, mut told) = (Instant::now(), false);
    while !crew.are_ready()? {
        if control.interrupted() {
            crew.stop();
            return Err(Stop::Interrupted);
        }
        if began.elapsed() > Duration::from_secs(2) && !told && !quiet {
            told = true;
            eprintln!("{} workers get ready; the load begins when all are", crew.0.len());
        }
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}
