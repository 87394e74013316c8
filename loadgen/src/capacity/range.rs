//! The users stand ready, and one trial after the other is offered to them; each leaves a run record of its own.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use record::{Record, Rule, Run, Stage, State};

use crate::{
    arrival::Schedule,
    engine::Engine,
    observe::Observers,
    pacer,
    plan::model::Process,
    run::{GLANCE, Journal, LEAD},
    screen::{Board, Search},
    stop::Stop,
    transport::TlsOptions,
};

/// Seconds in a row with half of the answers over a budget's limit after which a trial is given up: it has told what it can.
const HOPELESS_S: u64 = 3;
/// After the planned end, how long iterations that pause may still go on.
const PAUSES: Duration = Duration::from_secs(30);

/// Users that are ready for arrivals, and what is needed to offer them some.
#[derive(Debug)]
pub struct Range {
    /// What the users share.
    pub engine: &'static Engine,
    /// What every trial's record begins with.
    pub template: Run,
    /// How arrivals are spaced.
    pub process: Process,
    /// The queue of arrivals, both ends: what waits in it when a trial is given up is taken out again.
    pub queue: (async_channel::Sender<Instant>, async_channel::Receiver<Instant>),
    /// Who looks at the target.
    pub observers: Option<Observers>,
    /// For new observers, should the old ones be lost.
    pub tls: TlsOptions,
}

/// One trial to be made.
#[derive(Debug)]
pub struct Trial {
    /// The load profile, iterations a second.
    pub stages: Vec<Stage>,
    /// Seconds at its beginning that are not judged.
    pub settle_s: u64,
    /// Seed of its arrivals.
    pub seed: u64,
    /// Folder of its record.
    pub folder: PathBuf,
    /// Whether it may end early because it is clear that the budgets are broken.
    pub may_end_early: bool,
}

/// What came of a trial.
#[derive(Debug)]
pub struct Made {
    /// Its record.
    pub record: Record,
    /// Why it supports no figure: the generator was the limit.
    pub limited: Option<String>,
    /// Mean number of iterations under way in the judged window.
    pub mean_busy: f64,
}

/// What is noted of a trial while it goes on.
#[derive(Debug, Default)]
struct Notes {
    busy: Vec<u64>,
    hopeless_s: u64,
    crowded_s: u64,
}

impl Range {
    /// Makes `trial` and waits until all its iterations have ended.
    ///
    /// # Errors
    /// The record cannot be written, or this machine has no thread to give.
    pub async fn make(&mut self, trial: Trial, board: &Board, screen: &mut Search) -> Result<Made, Stop> {
        fs::create_dir_all(&trial.folder)
            .map_err(|error| Stop::Usage(format!("{}: {error}", trial.folder.display())))?;
        let observers = match self.observers.take() {
            Some(observers) => observers,
            None => Observers::new(&self.engine.plan, &self.tls)?,
        };
        let mut run = self.template.clone();
        #[expect(clippy::disallowed_methods, reason = "a record says when the run began")]
        let now = chrono::Utc::now();
        run.start = now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        run.seed = trial.seed;
        run.stages.clone_from(&trial.stages);
        run.warm_up_s = trial.settle_s;
        // What came in between belongs to no trial.
        self.engine.recorder.rotate(0);
        let start = Instant::now() + LEAD;
        let halt = Arc::new(AtomicBool::new(false));
        let schedule = Schedule::new(&trial.stages, self.process, trial.seed);
        pacer::start(self.engine, schedule, start, self.queue.0.clone(), halt.clone())?;
        let mut journal =
            Journal::open(&trial.folder, run, self.engine, observers, crate::screen::Live::Quiet, start)?;
        let (state, notes) = self.attend(&mut journal, &trial, start, &halt, board, screen).await?;
        let (run, observers) = journal.close(state).await?;
        self.observers = observers;
        let judged = notes.busy.iter().skip(trial.settle_s as usize);
        let seconds = judged.clone().count().max(1) as f64;
        Ok(Made {
            limited: limited(&run, &notes),
            mean_busy: judged.sum::<u64>() as f64 / seconds,
            record: Record::open(&trial.folder)?,
        })
    }

    /// Keeps the trial's clock.
    async fn attend(
        &self,
        journal: &mut Journal,
        trial: &Trial,
        start: Instant,
        halt: &AtomicBool,
        board: &Board,
        screen: &mut Search,
    ) -> Result<(State, Notes), Stop> {
        let engine = self.engine;
        let planned = start + Duration::from_secs_f64(journal.run.planned_s());
        let give_up = planned + engine.plan.longest_timeout() + PAUSES;
        let (mut second, mut notes) = (0, Notes::default());
        loop {
            let boundary = start + Duration::from_secs(second + 1);
            let now = Instant::now();
            if engine.control.interrupted() {
                journal.last(second)?;
                return Ok((State::Interrupted, notes));
            }
            if now >= boundary {
                journal.second(second)?;
                journal.with_snapshot(|snapshot| screen.draw(board, Some(snapshot)));
                self.note(journal, trial, second, &mut notes);
                if trial.may_end_early
                    && notes.hopeless_s >= HOPELESS_S
                    && !halt.swap(true, Ordering::Relaxed)
                {
                    while self.queue.1.try_recv().is_ok() {
                        engine.recorder.dropped();
                    }
                }
                second += 1;
                continue;
            }
            let offered = now >= planned || halt.load(Ordering::Relaxed);
            let idle = engine.recorder.busy_now() == 0 && self.queue.1.is_empty();
            if offered && (idle || now > give_up) {
                journal.last(second)?;
                return Ok((State::Finished, notes));
            }
            tokio::time::sleep(GLANCE.min(boundary - now)).await;
        }
    }

    fn note(&self, journal: &Journal, trial: &Trial, second: u64, notes: &mut Notes) {
        let (row, latency) = journal.latest();
        let (busy, users) = (self.engine.recorder.busy_now(), self.template.max_users);
        notes.busy.push(busy);
        let crowded = busy >= users && !self.queue.1.is_empty() && row.in_flight * 5 < busy * 4;
        notes.crowded_s += u64::from(crowded);
        let limits = journal.run.budgets.iter().filter(|budget| budget.request.is_none());
        let hopeless = limits
            .filter(|budget| matches!(budget.metric, record::Metric::Response(_)))
            .any(|budget| latency.p50_us.is_some_and(|p50| p50 as f64 > budget.limit));
        notes.hopeless_s = if hopeless && second >= trial.settle_s { notes.hopeless_s + 1 } else { 0 };
    }
}

/// Why a trial says nothing of the target, if it does not.
fn limited(run: &Run, notes: &Notes) -> Option<String> {
    if notes.crowded_s >= HOPELESS_S {
        return Some(format!(
            "all {} users were under way and most of them paused: more could not be begun; raise --max-in-flight",
            run.max_users
        ));
    }
    let rules = [Rule::Late, Rule::Saturated, Rule::Starved, Rule::Undelivered];
    let reasons = &run.judgement.as_ref()?.validity.reasons;
    reasons.iter().find(|reason| rules.contains(&reason.rule)).map(|reason| reason.detail.clone())
}
