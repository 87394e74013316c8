//! `loadgen run`: from the checked plan to the record and the verdict.

mod journal;
mod prepare;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use record::{Exit, Run, State};

pub use self::prepare::reach;
use self::{
    journal::Journal,
    prepare::{Prepared, prepare},
};
use crate::{
    arrival::Schedule, cli::RunArgs, control::Level, drive, engine::Engine, outputs, pacer, plan,
    plan::model::Load, screen, stop::Stop,
};

/// After Ctrl-C, how long requests in flight may still be answered.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often the run looks at its clock and its users.
const GLANCE: Duration = Duration::from_millis(10);

/// Runs a scenario.
pub fn run(arguments: &RunArgs) -> Result<Exit, Stop> {
    let plan = plan::load(&arguments.scenario.file, &arguments.scenario.overrides())?;
    let reports = outputs::find_reports(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(crate::host::cores())
        .thread_name("user")
        .enable_all()
        .build()?;
    watch_for_panics();
    let hush = drive::Hush::begin()?;
    let loaded = runtime.block_on(load(plan, arguments));
    // Goose and users that were cut are not waited for.
    runtime.shutdown_background();
    drop(hush);
    let (run, folder) = loaded?;
    if PANICKED.load(Ordering::Relaxed) {
        let folder = folder.display();
        return Err(Stop::Internal(format!(
            "a virtual user panicked, which is a defect of loadgen; the record is {folder}"
        )));
    }
    if let Some(reports) = reports {
        outputs::write_reports(&reports, arguments, &folder)?;
    }
    if arguments.json {
        outputs::print_summary(&run, &folder)?;
    }
    if !arguments.quiet {
        eprint!("{}", screen::closing(&run, &folder, screen::colour()));
        if let Some(report) = &arguments.report {
            eprintln!("report: {}", report.display());
        }
    }
    Ok(run.judgement.map_or(Exit::Internal, |judgement| judgement.verdict.exit()))
}

/// Whether any task of the run panicked. A user that panicked is one user less, which no figure would show.
static PANICKED: AtomicBool = AtomicBool::new(false);

fn watch_for_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICKED.store(true, Ordering::Relaxed);
        usual(panic);
    }));
}

async fn load(plan: plan::model::Plan, arguments: &RunArgs) -> Result<(Run, PathBuf), Stop> {
    let Prepared { engine, observers, target, run, folder } = prepare(plan, arguments).await?;
    let (arrivals, queue) = match &engine.plan.load {
        Load::Arrivals { max_in_flight, .. } => {
            let (sender, receiver) = flume::bounded(*max_in_flight);
            (Some(sender), Some(receiver))
        }
        Load::Users { .. } => (None, None),
    };
    let mut goose = tokio::spawn(drive::drive(engine, queue));
    let start = tokio::select! {
        start = begin(engine, arrivals, arguments.quiet) => start?,
        ended = &mut goose => {
            ended.map_err(|error| Stop::Internal(error.to_string()))??;
            return Err(Stop::Internal("goose ended before the load began".to_owned()));
        }
    };
    let live = screen::Live::choose(arguments.quiet, arguments.no_tui);
    let mut journal = Journal::open(&folder, run, engine, observers, live, start)?;
    let state = attend(engine, &mut journal, start).await?;
    let run = journal.close(state).await?;
    drop(target);
    Ok((run, folder))
}

/// Waits until the load begins, and says when that is: with the first user (closed model), or when all users wait for
/// work (open model).
async fn begin(
    engine: &'static Engine,
    arrivals: Option<flume::Sender<Instant>>,
    quiet: bool,
) -> Result<Instant, Stop> {
    let Load::Arrivals { process, max_in_flight, stages } = &engine.plan.load else {
        loop {
            if let Some(start) = engine.start.get() {
                return Ok(*start);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let (began, mut told) = (Instant::now(), false);
    while engine.ready.load(Ordering::Acquire) < *max_in_flight as u64 {
        if engine.control.interrupted() {
            return Err(Stop::Interrupted);
        }
        if began.elapsed() > Duration::from_secs(2) && !told && !quiet {
            told = true;
            eprintln!("{max_in_flight} users get ready (on_start); the load begins when all are");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What on_start measured belongs to no second of the load.
    engine.recorder.rotate(0);
    let start = *engine.start.get_or_init(|| Instant::now() + Duration::from_millis(20));
    let schedule = Schedule::new(stages, *process, engine.seed);
    let sender = arrivals.expect("the open model comes with its queue of arrivals");
    pacer::start(engine, schedule, start, sender)?;
    Ok(start)
}

/// Keeps the run's clock: a journal entry a second, the end of the load when it has come, and the end of the run when
/// every user has gone.
async fn attend(engine: &Engine, journal: &mut Journal, start: Instant) -> Result<State, Stop> {
    let planned = start + Duration::from_secs_f64(journal.run.planned_s());
    let mut state = State::Finished;
    // When the users are cut, once they have been told to come to an end.
    let mut cut: Option<Instant> = None;
    let mut second = 0;
    loop {
        let boundary = start + Duration::from_secs(second + 1);
        let now = Instant::now();
        if now >= boundary {
            journal.second(second)?;
            second += 1;
            if cut.is_none() && journal.storm() {
                state = State::Aborted;
                engine.control.raise(Level::Drain);
                cut = Some(now + PATIENCE);
            }
            continue;
        }
        if engine.control.interrupted() && state == State::Finished && now < planned {
            state = State::Interrupted;
            cut = Some(now + PATIENCE);
        } else if cut.is_none() && now >= planned {
            engine.control.raise(Level::Drain);
            cut = Some(now + engine.plan.longest_timeout() + PATIENCE);
        } else if engine.control.interrupted() {
            // Asked again to stop, while the last answers are waited for.
            cut = cut.map(|at| at.min(now + PATIENCE));
        }
        if let Some(at) = cut {
            if engine.recorder.users_now() == 0 || now > at + PATIENCE {
                journal.last(second)?;
                return Ok(state);
            }
            if now >= at {
                engine.control.raise(Level::Cut);
            }
        }
        tokio::time::sleep(GLANCE.min(boundary - now)).await;
    }
}

/// The folder that a run's record goes to unless the user names one.
fn default_folder(name: &str, start: chrono::DateTime<chrono::Local>) -> PathBuf {
    let slug: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let stem = format!("{slug}-{}", start.format("%Y%m%d-%H%M%S"));
    let taken = |folder: &PathBuf| folder.exists();
    let numbered = (2..).map(|n| Path::new("runs").join(format!("{stem}-{n}")));
    let mut candidates = std::iter::once(Path::new("runs").join(&stem)).chain(numbered);
    candidates.find(|folder| !taken(folder)).expect("there are endless numbers")
}
