//! `loadgen run`: from the checked plan to the record and the verdict.

mod audience;
mod beginning;
mod journal;
mod prepare;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use record::{Exit, Run, State};

use self::beginning::Beginning;
pub use self::{
    audience::Invited,
    beginning::StartAt,
    journal::Journal,
    prepare::{Prepared, Setting, prepare, reach, tls_options},
};
use crate::{
    arrival::Schedule,
    cli::RunArgs,
    control::Level,
    drive,
    engine::Engine,
    outputs, pacer, plan,
    plan::model::Load,
    screen,
    share::Share,
    stop::Stop,
    web::Page,
    workers::{self, Leash},
};

/// After Ctrl-C, how long requests in flight may still be answered.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often the run looks at its clock and its users.
pub const GLANCE: Duration = Duration::from_millis(10);
/// From the moment that everything is ready to the first second of the open model's load.
pub const LEAD: Duration = Duration::from_millis(20);

/// Runs a scenario.
pub fn run(arguments: &RunArgs) -> Result<Exit, Stop> {
    let mut plan = plan::load(&arguments.scenario.file, &arguments.scenario.overrides())?;
    let reports = outputs::find_reports(arguments)?;
    let invited = Invited::open(arguments, &plan)?;
    let share = arguments.shard.unwrap_or(Share::WHOLE);
    let (run, folder, page) = match (arguments.workers, arguments.start_at) {
        (1, None) if arguments.worker => {
            workers::leave_to_parent(&mut plan, share);
            let threads = (crate::host::cores() / share.of() as usize).max(1);
            with_threads(threads, load(plan, arguments, invited))?
        }
        (1, None) if !share.is_whole() => {
            let right = "--shard needs --start-at T, the same for all parts: they are one load only if they begin together";
            return Err(Stop::Usage(right.to_owned()));
        }
        (1, start) => {
            // Sooner than after the target was waited for.
            start.map_or(Ok(()), StartAt::refuse_past)?;
            with_users(load(plan, arguments, invited))?
        }
        (count, _) => with_users(workers::load(plan, arguments, invited, count))?,
    };
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
    if let Some(page) = page {
        page.stay();
    }
    Ok(run.judgement.map_or(Exit::Internal, |judgement| judgement.verdict.exit()))
}

/// Does `work`, in which virtual users come and go, on a runtime of its own.
///
/// # Errors
/// What `work` says, or a virtual user panicked.
pub fn with_users<T>(work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    with_threads(crate::host::cores(), work)
}

fn with_threads<T>(threads: usize, work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("user")
        .enable_all()
        .build()?;
    watch_for_panics();
    let hush = drive::Hush::begin()?;
    let done = runtime.block_on(work);
    // Goose and users that were cut are not waited for.
    runtime.shutdown_background();
    drop(hush);
    let done = done?;
    if PANICKED.load(Ordering::Relaxed) {
        return Err(Stop::Internal(
            "a virtual user panicked, which is a defect of loadgen; what was measured up to then is in the record"
                .to_owned(),
        ));
    }
    Ok(done)
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

async fn load(
    plan: plan::model::Plan,
    arguments: &RunArgs,
    invited: Invited,
) -> Result<(Run, PathBuf, Option<Page>), Stop> {
    let Prepared { engine, observers, target, mut run, folder } = prepare(plan, arguments.setting()).await?;
    let audience = invited.seat(arguments, engine, &run, &folder)?;
    let mut beginning = match arguments.start_at {
        _ if arguments.worker => Beginning::WhenTold(Leash::hold(engine.control.clone())?),
        Some(start) => Beginning::At(start),
        None => Beginning::WhenReady,
    };
    let (arrivals, queue) = match &engine.plan.load {
        Load::Arrivals { max_in_flight, .. } => {
            // Not flume's: there an arrival that is taken costs a look at everybody who waits for one.
            let (sender, receiver) =
                async_channel::bounded(engine.share.users(*max_in_flight as u64) as usize);
            (Some(sender), Some(receiver))
        }
        Load::Users { .. } => {
            // Its users begin as they come.
            if let Some(start) = beginning.wait(&engine.control, Duration::ZERO, arguments.quiet).await? {
                run.start = start.to_string();
                engine.start.get_or_init(|| start.instant());
            }
            beginning = Beginning::WhenReady;
            (None, None)
        }
    };
    let mut goose = tokio::spawn(drive::drive(engine, queue));
    let start = tokio::select! {
        start = begin(engine, arrivals, beginning, &mut run, arguments.quiet) => start?,
        ended = &mut goose => {
            ended.map_err(|error| Stop::Internal(error.to_string()))??;
            return Err(Stop::Internal("goose ended before the load began".to_owned()));
        }
    };
    let live = screen::Live::choose(arguments.quiet, arguments.no_tui);
    let mut journal = Journal::open(&folder, run, engine, observers, live, start)?;
    journal.audience = audience.clone();
    if arguments.worker {
        journal.leave_machine();
    }
    let state = attend(engine, &mut journal, start).await?;
    let (run, _) = journal.close(state).await?;
    drop(target);
    let page = audience.end(engine, &run, &folder, arguments.web.web_stay);
    Ok((run, folder, page))
}

/// Waits until the load begins, and says when that is: with the first user (closed model), or when all users wait for
/// work (open model).
async fn begin(
    engine: &'static Engine,
    arrivals: Option<async_channel::Sender<Instant>>,
    beginning: Beginning,
    run: &mut Run,
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
    until_ready(engine, engine.share.users(*max_in_flight as u64) as usize, quiet).await?;
    let said = beginning.wait(&engine.control, LEAD, quiet).await?;
    if let Some(start) = said {
        run.start = start.to_string();
    }
    let start = *engine.start.get_or_init(|| said.map_or_else(|| Instant::now() + LEAD, StartAt::instant));
    let schedule = Schedule::new(stages, *process, engine.seed);
    let sender = arrivals.expect("the open model comes with its queue of arrivals");
    pacer::start(engine, schedule, start, sender, Arc::default())?;
    Ok(start)
}

/// Waits until all `users` of the open model have done `on_start` and wait for work.
///
/// # Errors
/// The user asked to stop.
pub async fn until_ready(engine: &Engine, users: usize, quiet: bool) -> Result<(), Stop> {
    let (began, mut told) = (Instant::now(), false);
    while engine.ready.load(Ordering::Acquire) < users as u64 {
        if engine.control.interrupted() {
            return Err(Stop::Interrupted);
        }
        if began.elapsed() > Duration::from_secs(2) && !told && !quiet {
            told = true;
            eprintln!("{users} users get ready (on_start); the load begins when all are");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What on_start measured belongs to no second of the load.
    engine.recorder.rotate(0);
    Ok(())
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
