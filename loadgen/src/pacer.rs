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
    queue: async_channel::Sender<Instant>,
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

#[cfg(test)]
mod tests {
    use record::Stage;

    use super::*;
    use crate::{
        adjust::Wish,
        plan::model::{Load, Process},
    };

    #[test]
    fn a_schedule_follows_its_dial_and_what_is_late_stays_due_when_it_was() {
        let stages = vec![Stage { from: 100.0, to: 100.0, seconds: 10.0 }];
        let schedule = Schedule::new(&stages, Process::Constant, 1);
        let dial = Dial::new(&Load::Arrivals { process: Process::Constant, max_in_flight: 1, stages }, None);
        dial.turn(Wish::Held(200.0), 5.0).unwrap();
        // A pacer that looks five seconds into the load, with nothing given yet.
        let start = Instant::now() - Duration::from_secs(5);
        let (seen, over) = (Cell::new(0), || false);
        let turning = Turning { schedule, dial: Some(&dial), start, seen: &seen, over: &over };
        // The load has not come to its end, so that an exhausted schedule would be waited on: the next turn may fill it.
        let due: Vec<f64> = turning.take(1_400).map(|due| due.as_secs_f64()).collect();
        assert!(due.is_sorted() && seen.get() == 1);
        assert!((due[499] - 4.99).abs() < 1e-6, "{}", due[499]);
        let gaps = due.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.skip(1_000).all(|gap| (gap - 0.005).abs() < 1e-6));
    }

    #[test]
    fn a_load_that_is_turned_down_to_nothing_is_waited_on_until_its_end_or_the_runs() {
        let stages = vec![Stage { from: 100.0, to: 100.0, seconds: 10.0 }];
        let schedule = || Schedule::new(&stages, Process::Constant, 1);
        let load = Load::Arrivals { process: Process::Constant, max_in_flight: 1, stages: stages.clone() };
        let (dial, seen) = (Dial::new(&load, None), Cell::new(0));
        dial.turn(Wish::Held(0.0), 0.0).unwrap();
        let stopped = Cell::new(0);
        let over = || stopped.replace(stopped.get() + 1) == 2;
        let start = Instant::now();
        let mut turning =
            Turning { schedule: schedule(), dial: Some(&dial), start, seen: &seen, over: &over };
        // What was due in the instants before the pacer saw the turn is still given.
        let due: Vec<Duration> = turning.by_ref().collect();
        assert!(due.iter().all(|due| *due < start.elapsed()) && stopped.get() == 3, "{due:?}");
        let ended = Instant::now() - Duration::from_secs(11);
        let (seen, over) = (Cell::new(0), || panic!("nobody waits behind the end of a load"));
        let mut turning =
            Turning { schedule: schedule(), dial: Some(&dial), start: ended, seen: &seen, over: &over };
        assert_eq!(turning.by_ref().take(1_000).count(), 1_000);
    }
}
