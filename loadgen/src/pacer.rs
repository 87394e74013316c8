//! The open model's clock: a thread of its own that sleeps to each due instant and puts it into the queue. An operating
//! system thread starts requests several times more exactly than an async timer, whose wheel turns once a millisecond.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{arrival::Schedule, control::Level, engine::Engine};

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
        for offset in engine.share.of_arrivals(schedule) {
            let due = start + offset;
            while let Some(wait) = due.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) {
                if over() {
                    return;
                }
                thread::sleep(wait.min(NAP));
            }
            if over() {
                return;
            }
            engine.recorder.offered();
            if queue.try_send(due).is_err() {
                engine.recorder.dropped();
            }
        }
    })
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
