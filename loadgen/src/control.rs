//! How a run is stopped: one level that every virtual user sees at once, whether it thinks, waits for an arrival or
//! waits for an answer.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::Context,
};

use futures_util::task::AtomicWaker;

/// How far a run has been stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Users go on.
    Run,
    /// No new iterations, no new steps; what is in flight is waited for.
    Drain,
    /// What is in flight is given up and not counted.
    Cut,
}

/// The level of a run and the users to be woken when it rises.
#[derive(Debug, Default)]
pub struct Control {
    level: AtomicU8,
    interrupted: AtomicBool,
    users: Mutex<Vec<Arc<AtomicWaker>>>,
}

impl Control {
    /// The level now.
    pub fn level(&self) -> Level {
        match self.level.load(Ordering::Acquire) {
            0 => Level::Run,
            1 => Level::Drain,
            _ => Level::Cut,
        }
    }

    /// Raises the level and wakes every user. A level never falls.
    pub fn raise(&self, level: Level) {
        self.level.fetch_max(level as u8, Ordering::AcqRel);
        let users = self.users.lock().expect("no user panics while it registers");
        users.iter().for_each(|user| user.wake());
    }

    /// The user asked the run to stop.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Release);
        self.raise(Level::Drain);
    }

    /// Whether the user asked the run to stop.
    pub fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    /// A virtual user's ear.
    pub fn listener(self: &Arc<Self>) -> Listener {
        let waker = Arc::new(AtomicWaker::new());
        self.users.lock().expect("no user panics while it registers").push(waker.clone());
        Listener { control: self.clone(), waker }
    }
}

/// A virtual user's ear for the level of its run.
#[derive(Debug)]
pub struct Listener {
    control: Arc<Control>,
    waker: Arc<AtomicWaker>,
}

impl Listener {
    /// Whether the run has reached `level`; if not, the task of `cx` is woken when it rises.
    pub fn reached(&self, level: Level, cx: &mut Context<'_>) -> bool {
        if self.control.level() >= level {
            return true;
        }
        self.waker.register(cx.waker());
        self.control.level() >= level
    }

    /// The level now.
    pub fn level(&self) -> Level {
        self.control.level()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.waker.take();
    }
}
