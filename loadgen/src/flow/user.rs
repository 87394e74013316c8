//! A virtual user: goes through the steps of a flow, over connections of its own, and reports every request to the
//! recorder.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::Ordering,
    task::Poll,
    time::{Duration, Instant},
};

use rand::RngExt;

use crate::{
    control::{Level, Listener},
    engine::Engine,
    flow::{block::Asked, client::Client, session::Session, template::Template, think::Think},
    plan::model::{Action, Load, PerUser, Request, Slot, Step},
    transport::{Deadline, Failure, Gate},
};

/// A pause shorter than this is not worth giving the connection's buffers back for.
const PARK_FROM: Duration = Duration::from_millis(200);

/// Bytes of text that a user keeps room for while it pauses.
const ROOM: usize = 512;

/// One virtual user.
#[derive(Debug)]
pub struct VirtualUser {
    pub(super) engine: &'static Engine,
    pub(super) session: Session,
    pub(super) client: Client,
    pub(super) gate: Gate,
    pub(super) deadline: Deadline,
    pub(super) listener: Listener,
    pub(super) text: String,
    /// What is asked of the answer to the request that goes out next, beside what it expects itself.
    pub(super) asked: Option<Asked>,
    /// When this user's last request or pause ended: its present, without asking the clock again.
    pub now: Instant,
    /// When the next iteration is due, as long as this user is between two.
    pub due: Option<Due>,
    started: bool,
}

/// When the next thing is due, and whether this user waits for it with nothing else to do.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// The instant from which response time counts.
    pub at: Instant,
    /// Whether the user was free when `at` came: then a late start is the generator's fault, else the target's.
    pub free: bool,
}

impl Due {
    /// Due now, because the step before has just ended.
    pub const fn at_once(now: Instant) -> Self {
        Self { at: now, free: false }
    }
}

/// When the step after some steps is due; nothing if one of them failed.
pub type Done = Option<Due>;

/// The user was stopped; it must do nothing more.
#[derive(Debug)]
pub struct Stopped;

impl VirtualUser {
    /// A new user, the `index`-th of the run.
    pub fn new(engine: &'static Engine, index: u64) -> Self {
        let mut session = Session::new(&engine.plan, engine.seed, index);
        engine.plan.data.iter().for_each(|set| set.pick_for_user(&mut session));
        engine.recorder.users(1);
        if matches!(engine.plan.load, Load::Users { .. }) {
            engine.start.get_or_init(Instant::now);
        }
        Self {
            listener: engine.control.listener(),
            session,
            engine,
            client: Client::default(),
            gate: Gate::new(),
            deadline: Deadline::new(Instant::now()),
            text: String::new(),
            asked: None,
            now: Instant::now(),
            due: None,
            started: false,
        }
    }

    /// Does `on_start`, once; again at the next call if it failed.
    ///
    /// # Errors
    /// The user was stopped.
    pub async fn start(&mut self, due: Due) -> Result<bool, Stopped> {
        if !self.started {
            let engine = self.engine;
            self.started = self.steps(&engine.plan.on_start, due).await?.is_some();
        }
        Ok(self.started)
    }

    /// One iteration: a flow chosen by weight, from its first step, which is due at `due`, to its last or to the first
    /// that fails.
    ///
    /// # Errors
    /// The user was stopped.
    pub async fn iterate(&mut self, due: Due) -> Result<(), Stopped> {
        let engine = self.engine;
        let mut due = due;
        engine.recorder.started();
        if !self.started {
            if !self.start(due).await? {
                return Ok(());
            }
            due = Due::at_once(self.now);
        }
        self.session.begin_iteration(&engine.plan);
        engine.plan.data.iter().for_each(|set| set.pick_for_iteration(&mut self.session));
        let flow = engine.choose_flow(self.session.rng.random());
        self.steps(&engine.plan.flows[flow].steps, due).await?;
        self.session.iteration += 1;
        if engine.plan.target.wire.per_user == PerUser::Close {
            self.client.mine().disconnect();
        }
        Ok(())
    }

    /// Each flow once, in order, for looking at what goes over the wire.
    ///
    /// # Errors
    /// The user was stopped.
    pub async fn once(&mut self, flow: usize) -> Result<bool, Stopped> {
        let engine = self.engine;
        self.session.begin_iteration(&engine.plan);
        engine.plan.data.iter().for_each(|set| set.pick_for_iteration(&mut self.session));
        let done = self.steps(&engine.plan.flows[flow].steps, Due::at_once(Instant::now())).await?;
        Ok(done.is_some())
    }

    /// Steps in order, the first due at `due`.
    pub(super) async fn steps(&mut self, steps: &'static [Step], mut due: Due) -> Result<Done, Stopped> {
        for step in steps {
            if let Some(condition) = &step.condition
                && !condition.holds(&self.engine.plan.data, &mut self.session)
            {
                continue;
            }
            due = match &step.action {
                Action::Think(think) => self.think_from(think, due).await?,
                Action::Request(request) => {
                    if !self.request(request, due).await? {
                        return Ok(None);
                    }
                    Due::at_once(self.now)
                }
                Action::Set(set) => {
                    set.iter().for_each(|(slot, text)| self.set(*slot, text));
                    due
                }
                Action::Block(block) => match self.block(block, due).await? {
                    Some(due) => due,
                    None => return Ok(None),
                },
            };
        }
        Ok(Some(due))
    }

    /// A pause within a flow, from when the step before ended.
    pub(super) async fn think_from(&mut self, think: &Think, due: Due) -> Result<Due, Stopped> {
        let until = due.at.max(Instant::now()) + think.sample(&mut self.session.rng);
        self.pause(until).await
    }

    /// Sets a variable; a text that needs another which is not set unsets it.
    fn set(&mut self, slot: Slot, text: &Template) {
        self.text.clear();
        let made = text.render(&self.engine.plan, &mut self.session, &mut self.text);
        self.session.slots[slot] = made.is_ok().then(|| self.text.as_str().into());
    }

    /// A pause drawn from `think`.
    pub fn think(&mut self, think: &Think) -> Duration {
        think.sample(&mut self.session.rng)
    }

    /// Whether the run is being stopped.
    pub fn stopped(&self) -> bool {
        self.listener.level() >= Level::Drain
    }

    /// Says that this user waits for work.
    pub fn is_ready(&self) {
        self.engine.ready.fetch_add(1, Ordering::Release);
    }

    /// Gives back what is not needed in a long pause.
    pub(super) fn park(&mut self) {
        self.client.mine().park();
        if self.text.capacity() > ROOM {
            self.text = String::new();
        }
    }

    /// Waits until `until`.
    ///
    /// # Errors
    /// The user was stopped.
    pub async fn pause(&mut self, until: Instant) -> Result<Due, Stopped> {
        let now = Instant::now();
        if until <= now {
            return if self.stopped() { Err(Stopped) } else { Ok(Due { at: until, free: false }) };
        }
        if until - now >= PARK_FROM {
            self.park();
        }
        let went_on = self.sleep_until(until).await;
        self.now = self.now.max(until);
        if went_on { Ok(Due { at: until, free: true }) } else { Err(Stopped) }
    }

    /// Steps back: closes the user's connections and counts it no longer. What it knows stays.
    pub fn rest(&mut self) {
        self.client.mine().disconnect();
        self.engine.recorder.users(-1);
    }

    /// Comes back from a rest.
    pub fn return_from_rest(&mut self) {
        self.engine.recorder.users(1);
        self.now = Instant::now();
    }

    /// Whether `until` came; else the user was stopped.
    async fn sleep_until(&mut self, until: Instant) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(alarm) = self.engine.alarm() {
            return attending(&self.client, &self.gate, alarm.sleep_until(until, &self.listener)).await;
        }
        attending(&self.client, &self.gate, self.deadline.sleep_until(until, &self.listener)).await
    }

    /// Sends one request of the scenario and records what came of it; whether it went well.
    pub(super) async fn request(&mut self, request: &Request, mut due: Due) -> Result<bool, Stopped> {
        if self.stopped() {
            return Err(Stopped);
        }
        if let Some(ceiling) = &self.engine.ceiling {
            let now = Instant::now();
            let slot = ceiling.take(now);
            if slot > now {
                // A request held back by our own ceiling is due when the ceiling lets it go.
                due = self.pause(slot).await?;
            }
        }
        self.engine.recorder.in_flight(1);
        let went = self.send(request, due).await;
        self.engine.recorder.in_flight(-1);
        match went {
            Ok(()) => Ok(true),
            Err(failure) if failure.is_cut() => Err(Stopped),
            Err(_) => Ok(false),
        }
    }

    /// Waits for `future` and meanwhile attends to the user's connections.
    pub async fn attending<F: Future>(&self, future: F) -> F::Output {
        attending(&self.client, &self.gate, future).await
    }
}

async fn attending<F: Future>(client: &Client, gate: &Gate, future: F) -> F::Output {
    if !client.open().wants_attention() {
        return future.await;
    }
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _ = gate.poll(cx, |cx| {
            client.open().attend(cx);
            Poll::<()>::Pending
        });
        future.as_mut().poll(cx)
    })
    .await
}

impl Drop for VirtualUser {
    fn drop(&mut self) {
        self.engine.recorder.users(-1);
    }
}

/// Shorthand used where a failure ends a request.
pub(super) type Went<T> = Result<T, Failure>;
