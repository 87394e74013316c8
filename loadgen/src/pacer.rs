//! The open model's clock: a thread of its own that sleeps to each due instant and puts it into the queue. An operating
//! system thread starts requests several times more exactly than an async timer, whose wheel turns once a millisecond.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{adjust::Dial, arrival::Schedule, control::Level, engine::Engine};

/// The longest sleep, so that a stop is seen soon.
const NAP: Duration = Duration::from_millis(50);

/// Starts the pacer; it ends, and lets go of the queue with that, after the last arrival, when the run is stopped or when
/// `halt` is set.
///
/// # Errors
/// No thread can be started.
pub fn start(
    engine: &'static Engine,
    schedule: Schedule,
    start: Instant,
    queue: flume::Sender<Instant>,
    halt: Arc<AtomicBool>,
) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("pacer".to_owned()).spawn(move || {
        exact_timers();
        let over = || halt.load(Ordering::Relaxed) || engine.control.level() >= Level::Drain;
        let dial = engine.dial.get();
        let seen = Cell::new(0);
        let turning = Turning { schedule, dial, start, seen: &seen, over: &over };
        for offset in engine.share.of_arrivals(turning) {
            let due = start + offset;
            let turned = || dial.is_some_and(|dial| dial.turns() != seen.get());
            while let Some(wait) = due.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) {
                if over() || turned() {
                    break;
                }
                thread::sleep(wait.min(NAP));
            }
            if over() {
                return;
            }
            if turned() && due > Instant::now() {
                // It is given again, for when it is due now.
                continue;
            }
            engine.recorder.offered();
            if queue.try_send(due).is_err() {
                engine.recorder.dropped();
            }
        }
    })
}

/// A schedule that is turned when the dial is.
struct Turning<'a, O> {
    schedule: Schedule,
    dial: Option<&'a Dial>,
    start: Instant,
    /// Turns of the dial that are in the schedule.
    seen: &'a Cell<u64>,
    over: &'a O,
}

impl<O: Fn() -> bool> Iterator for Turning<'_, O> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let Some(dial) = self.dial else { return self.schedule.next() };
        loop {
            let turns = dial.turns();
            if turns != self.seen.get() {
                self.seen.set(turns);
                let at = self.start.elapsed();
                self.schedule.turn(at, dial.rest(at.as_secs_f64()));
            }
            let next = self.schedule.next();
            // A load that was turned down to nothing may be turned up again before its end.
            if next.is_some() || (self.over)() || dial.load(self.start.elapsed().as_secs_f64()).is_none() {
                return next;
            }
            thread::sleep(NAP);
        }
    }
}

/// Asks the kernel to wake this thread when its time has come instead of up to 50 µs later.
#[cfg(target_os = "linux")]
pub(crate) fn exact_timers() {
    // SAFETY: PR_SET_TIMERSLACK takes a number and affects nothing but this thread's timers.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_000_u64);
    }
}

/// Other systems have no such setting.
#[cfg(not(target_os = "linux"))]
pub(crate) fn exact_timers() {}
