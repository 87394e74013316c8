//! The only room that knows Goose. Goose launches, ramps and stops users; what a user does in its one transaction, when
//! it does it and how it is measured is ours.
//!
//! A transaction is not one iteration but as many as fit into a slice of time, because Goose's bookkeeping between two
//! transactions costs more than a fast request. Users leave a ramp-down at the end of a slice or of a pause.

use std::{
    fs::File,
    future::Future,
    io::{self, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use async_channel::{RecvError, TryRecvError};
use goose::{client::GooseClientBuilder, config::GooseConfiguration, prelude::*};
use record::Stage;

use crate::{
    control::Level,
    engine::Engine,
    flow::{
        think::Think,
        user::{Due, Stopped, VirtualUser},
    },
    plan::{model::Load, profile},
};

/// How long a user goes on within one transaction.
const SLICE: Duration = Duration::from_millis(100);

/// How long a user that has stopped waits for Goose to dismiss it.
const IDLE: Duration = Duration::from_millis(250);

/// Open model: users launched per second before the load begins.
const LAUNCH_RATE: usize = 20_000;

/// What a Goose user carries from one transaction to the next. Goose wants it to be `Sync` and `Clone`; one task uses it,
/// and nobody clones it.
#[derive(Clone)]
struct Carried(Arc<Mutex<Option<Box<VirtualUser>>>>);

/// Keeps standard output for the run's own data: Goose prints progress to it that no setting turns off. Until this is
/// dropped, what is printed there goes nowhere.
pub struct Hush(OwnedFd);

impl Hush {
    /// Begins to keep standard output.
    ///
    /// # Errors
    /// No more files can be opened.
    pub fn begin() -> io::Result<Self> {
        let nowhere = File::options().write(true).open("/dev/null")?;
        let kept = io::stdout().as_fd().try_clone_to_owned()?;
        point_stdout_at(nowhere.as_fd())?;
        Ok(Self(kept))
    }
}

impl Drop for Hush {
    fn drop(&mut self) {
        let _ = io::stdout().flush();
        // Of all that can fail here, nothing can be done about.
        let _ = point_stdout_at(self.0.as_fd());
    }
}

fn point_stdout_at(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both descriptors are open for the length of the call.
    let done = unsafe { libc::dup2(file.as_raw_fd(), io::stdout().as_raw_fd()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Launches the users of the plan's load and keeps them until the run is stopped. `arrivals` is the queue of due
/// instants of the open model.
///
/// # Errors
/// Goose refused the load.
pub async fn drive(
    engine: &'static Engine,
    arrivals: Option<async_channel::Receiver<Instant>>,
) -> anyhow::Result<()> {
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(engine.plan.target.base_url.to_string());
    configuration.no_telnet = true;
    configuration.no_metrics = true;
    configuration.no_print_metrics = true;
    configuration.quiet = 3;
    let mut plan = String::new();
    let transaction = match (&engine.plan.load, arrivals) {
        (Load::Users { stages, .. }, _) => {
            plan = match engine.crowd.get() {
                None => test_plan(&engine.share.of_users(stages)),
                // All at once; which of them are active is the crowd's concern.
                Some(crowd) => test_plan(&[crowd.launch(profile::seconds(stages))]),
            };
            Transaction::new(Arc::new(move |user| closed(engine, user)))
        }
        (Load::Arrivals { max_in_flight, .. }, Some(arrivals)) => {
            configuration.users = Some(engine.share.users(*max_in_flight as u64) as usize);
            configuration.increase_rate = Some(LAUNCH_RATE.to_string());
            configuration.iterations = Some(1);
            Transaction::new(Arc::new(move |user| open(engine, arrivals.clone(), user)))
        }
        (Load::Arrivals { .. }, None) => unreachable!("the open model comes with its queue of arrivals"),
    };
    // Goose's own HTTP client is never used: one, shared by all users, is the least it can be brought to build.
    let client = GooseClientBuilder::new().without_cookies().gzip(false);
    let mut attack = GooseAttack::initialize_with_config(configuration)
        .and_then(|attack| attack.set_client_builder_without_cookies(client))
        .context("goose")?;
    if !plan.is_empty() {
        attack = *attack.set_default(GooseDefault::TestPlan, plan.as_str()).context("goose")?;
    }
    let attack = attack.register_scenario(Scenario::new("load").register_transaction(transaction));
    // Its future is too large to lie on a stack.
    Box::pin(attack.execute()).await.context("goose")?;
    Ok(())
}

/// The closed model's profile as Goose has it: `users,time` to reach them in or to keep them for, in whole seconds that
/// add up to the profile's own; the last one longer, because the run's own clock ends the load.
fn test_plan(stages: &[Stage]) -> String {
    let mut steps: Vec<(usize, u64)> = Vec::new();
    let (mut users, mut at, mut told) = (0, 0.0, 0);
    for stage in stages {
        let (from, to) = (stage.from.round() as usize, stage.to.round() as usize);
        if from != users {
            steps.push((from, 0));
        }
        at += stage.seconds;
        let end = at.round() as u64;
        steps.push((to, end - told));
        (users, told) = (to, end);
    }
    steps.push((users, 5));
    let steps: Vec<String> = steps.iter().map(|(users, seconds)| format!("{users},{seconds}s")).collect();
    steps.join(";")
}

type Ran<'a> = Pin<Box<dyn Future<Output = TransactionResult> + Send + 'a>>;

fn closed<'a>(engine: &'static Engine, goose: &'a mut GooseUser) -> Ran<'a> {
    Box::pin(async move {
        if engine.control.level() >= Level::Drain {
            drop(take(goose));
            tokio::time::sleep(IDLE).await;
            return Ok(());
        }
        let mut user = match take(goose) {
            Some(user) => user,
            None => match first(engine, goose).await {
                Some(index) => Box::new(VirtualUser::new(engine, index)),
                None => return Ok(()),
            },
        };
        if closed_slice(engine, &mut user).await.is_ok() {
            put(goose, user);
        }
        Ok(())
    })
}

/// The index of a new user, once it may be active; nothing when the run is over before.
async fn first(engine: &Engine, goose: &GooseUser) -> Option<u64> {
    let Some(crowd) = engine.crowd.get() else {
        return Some(engine.share.user(goose.weighted_users_index as u64));
    };
    let index = crowd.join().await;
    if index.is_none() {
        tokio::time::sleep(IDLE).await;
    }
    index
}

fn take(goose: &mut GooseUser) -> Option<Box<VirtualUser>> {
    let carried = goose.get_session_data::<Carried>()?;
    carried.0.lock().expect("no panic under this lock").take()
}

fn put(goose: &mut GooseUser, user: Box<VirtualUser>) {
    if let Some(carried) = goose.get_session_data::<Carried>() {
        *carried.0.lock().expect("no panic under this lock") = Some(user);
    } else {
        goose.set_session_data(Carried(Arc::new(Mutex::new(Some(user)))));
    }
}

async fn closed_slice(engine: &Engine, user: &mut VirtualUser) -> Result<(), Stopped> {
    let Load::Users { think, pacing, .. } = &engine.plan.load else {
        unreachable!("this is the closed model")
    };
    // A user that never has to wait, because all it does fails at once, must not keep its thread from the others.
    tokio::task::yield_now().await;
    user.now = user.now.max(Instant::now());
    let until = user.now + SLICE;
    while user.now < until {
        let due = user.due.take().unwrap_or(Due::at_once(user.now));
        engine.recorder.offered();
        let before = user.now;
        user.iterate(due).await?;
        if user.now == before {
            // Nothing was done: no step's condition held.
            user.now = Instant::now();
        }
        user.due = Some(pause(engine, user, due, think.as_ref(), *pacing).await?);
    }
    Ok(())
}

/// Waits for what comes between two iterations; a paced user that is behind its pace does not wait, and its next
/// iteration counts from when it should have begun.
async fn pause(
    engine: &Engine,
    user: &mut VirtualUser,
    began: Due,
    think: Option<&Think>,
    pacing: Option<Duration>,
) -> Result<Due, Stopped> {
    let until = match (think, pacing) {
        (None, None) if user.stopped() => return Err(Stopped),
        (None, None) if engine.crowd.get().is_none() => return Ok(Due::at_once(user.now)),
        (None, None) => user.now,
        (_, Some(pacing)) => began.at + pacing,
        (Some(think), None) => user.now + user.think(think),
    };
    match engine.crowd.get() {
        None => user.pause(until).await,
        Some(crowd) => crowd.pause(user, until).await,
    }
}

fn open<'a>(
    engine: &'static Engine,
    arrivals: async_channel::Receiver<Instant>,
    goose: &'a mut GooseUser,
) -> Ran<'a> {
    Box::pin(async move {
        let mut user = VirtualUser::new(engine, engine.share.user(goose.weighted_users_index as u64));
        let _ = user.start(Due::at_once(Instant::now())).await;
        user.is_ready();
        loop {
            // Something waits already: this user was busy when it came due, through no fault of the generator's.
            let due = match arrivals.try_recv() {
                Ok(at) => Due { at, free: false },
                Err(TryRecvError::Closed) => break,
                Err(TryRecvError::Empty) => match user.attending(arrivals.recv()).await {
                    Ok(at) => Due { at, free: true },
                    Err(RecvError) => break,
                },
            };
            engine.recorder.busy(1);
            let went = user.iterate(due).await;
            engine.recorder.busy(-1);
            if went.is_err() {
                break;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_becomes_goose_steps() {
        let stage = |from, to, seconds| Stage { from, to, seconds };
        let ramp = [stage(0.0, 10.0, 2.0), stage(10.0, 10.0, 5.5), stage(10.0, 2.0, 1.5)];
        assert_eq!(test_plan(&ramp), "10,2s;10,6s;2,1s;2,5s");
        assert_eq!(test_plan(&[stage(4.0, 4.0, 9.0)]), "4,0s;4,9s;4,5s");
    }
}
