//! Adaptive admission: under more load than can be answered, some requests are refused at once, for next to nothing, so that
//! the others are answered soon.
//!
//! What is watched is time lost in waiting, not a number of requests, since nobody knows beforehand how many this machine
//! with this database can take: how late the runtime runs a task that is ready, as every request that has arrived waits
//! so long too (L. Zhou et al., *Overload Control for Scaling WeChat Microservices*, SoCC 2018),
//! and how long handlers take while many are at work. The smallest wait of a window counts: a burst drains by itself, a
//! standing queue does not (K. Nichols, V. Jacobson, *Controlling Queue Delay*, CACM 55(7), 2012). The share of requests let
//! in follows what is waited (M. Welsh, D. Culler, *Adaptive Overload Control for Busy Internet Servers*, USITS 2003).

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::telemetry::metrics::Metrics;

/// How often the runtime's lateness is looked at, and how many looks are a window.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 5;
/// A window with fewer requests tells nothing: a machine that is busy with other things is late too.
const FEWEST: u64 = 32;
/// Fewer handlers at work are no queue, however long they take.
const AT_WORK: usize = 64;
/// However bad it is, so much is let in. A refusal has to be read and written too, which takes about a tenth of what a request
/// takes on average: with fewer let in, refusing would take most of the time, and who is let in would wait all the same.
const LEAST: f64 = 0.25;
/// Odd and near the golden ratio of 2³²: counted in its steps, what is let in is spread evenly.
const STEP: u32 = 0x9E37_79B9;

/// Decides which requests are let in.
pub struct Overload {
    /// What requests may wait; zero: never refuse.
    wait: Duration,
    /// Of `u32::MAX`.
    share: AtomicU32,
    turn: AtomicU32,
    window: Window,
    shed: Counter,
    share_seen: Gauge,
}

/// What happened since the last look at it.
#[derive(Default)]
struct Window {
    refused: AtomicU64,
    answered: AtomicU64,
    took_us: AtomicU64,
}

impl Overload {
    /// Lets requests wait about so long; zero: never refuses.
    pub fn new(wait: Duration, metrics: &Metrics) -> Self {
        let share_seen = metrics.admitted_share();
        share_seen.set(1.0);
        let shed = metrics.requests_shed();
        Self { wait, share: u32::MAX.into(), turn: 0.into(), window: Window::default(), shed, share_seen }
    }

    /// Whether the next request is let in.
    pub fn admits(&self) -> bool {
        let share = self.share.load(Ordering::Relaxed);
        if share == u32::MAX || self.turn.fetch_add(STEP, Ordering::Relaxed) < share {
            return true;
        }
        self.window.refused.fetch_add(1, Ordering::Relaxed);
        self.shed.increment(1);
        false
    }

    /// A handler took so long.
    pub fn answered(&self, took: Duration) {
        self.window.answered.fetch_add(1, Ordering::Relaxed);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.window.took_us.fetch_add(took_us, Ordering::Relaxed);
    }

    /// Adjusts the share until `stop`; `in_flight` is how many handlers are at work.
    pub async fn watch(&self, in_flight: &AtomicUsize, stop: CancellationToken) {
        if self.wait.is_zero() {
            return;
        }
        let mut law = Law::new(self.wait);
        loop {
            let mut late = Duration::MAX;
            for _ in 0..LOOKS {
                let due = Instant::now() + LOOK;
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep_until(due) => late = late.min(due.elapsed()),
                }
            }
            let seen = self.window.take(late, in_flight.load(Ordering::Relaxed));
            let before = law.share;
            law.adjust(&seen);
            self.set(law.share);
            if before == 1.0 && law.share < 1.0 {
                let late_ms = late.as_millis();
                tracing::warn!(
                    late_ms,
                    in_flight = seen.at_work,
                    "more is asked than can be answered in time; refusing some"
                );
            } else if before < 1.0 && law.share == 1.0 {
                tracing::info!("all requests are let in again");
            }
        }
    }

    /// Lets in such a share, 0 to 1, from now on.
    pub fn set(&self, share: f64) {
        self.share_seen.set(share);
        // 1.0 is all of them, exactly.
        self.share.store((share * f64::from(u32::MAX)) as u32, Ordering::Relaxed);
    }
}

impl Window {
    fn take(&self, late: Duration, at_work: usize) -> Seen {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let (answered, took_us) = (take(&self.answered), take(&self.took_us));
        let mean = Duration::from_micros(took_us.checked_div(answered).unwrap_or(0));
        Seen { late, at_work, mean, requests: answered + take(&self.refused) }
    }
}

/// A window.
struct Seen {
    /// The least that the runtime was late.
    late: Duration,
    /// Handlers at work at its end.
    at_work: usize,
    /// Mean time of the handlers that ended in it.
    mean: Duration,
    /// Requests that were answered or refused in it.
    requests: u64,
}

/// From what was seen to the share that is let in.
struct Law {
    wait: Duration,
    /// What handlers take when there is no queue: a slow database is no overload.
    usual: Duration,
    share: f64,
}

impl Law {
    fn new(wait: Duration) -> Self {
        Self { wait, usual: Duration::ZERO, share: 1.0 }
    }

    fn adjust(&mut self, seen: &Seen) {
        let pressure = self.pressure(seen);
        // Down in proportion to what is too much, up slowly, and faster where nobody waits at all: a queue of a server that is
        // fully used is wanted small, not gone, which only idling would achieve.
        let step = match pressure {
            much if much > 1.0 => (0.02 * (1.0 - much)).max(-0.3),
            none if none < 0.1 => 0.05,
            some => 0.01 * (1.0 - some),
        };
        self.share = (self.share * step.exp()).clamp(LEAST, 1.0);
        if self.share == 1.0 && seen.at_work < AT_WORK && seen.requests >= FEWEST {
            self.usual = (self.usual * 15 + seen.mean) / 16;
        }
    }

    /// What is waited over what may be; above 1 is too much.
    fn pressure(&self, seen: &Seen) -> f64 {
        if seen.requests < FEWEST {
            return 0.0;
        }
        let late = seen.late.div_duration_f64(self.wait);
        let at_work = seen.mean.div_duration_f64(self.wait + 3 * self.usual);
        if seen.at_work < AT_WORK { late } else { late.max(at_work) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WAIT: Duration = Duration::from_millis(20);

    fn seen(late_ms: u64, at_work: usize, mean_ms: u64, requests: u64) -> Seen {
        Seen { late: Duration::from_millis(late_ms), at_work, mean: Duration::from_millis(mean_ms), requests }
    }

    /// Windows of a server that answers `capacity` a window, first come first served, under `offered` a window: how much was
    /// answered, and the longest wait in windows once the law had a hundred of them.
    fn served(law: &mut Law, capacity: f64, offered: f64, windows: usize) -> (f64, f64) {
        let (mut queue, mut answered, mut longest) = (0.0_f64, 0.0, 0.0_f64);
        for window in 0..windows {
            // What a window's first request finds is what no request of it is spared.
            let late_s = 0.1 * queue / capacity;
            queue += offered * law.share;
            let done = queue.min(capacity);
            (queue, answered) = (queue - done, answered + done);
            if window >= 100 {
                longest = longest.max(queue / capacity);
            }
            let late = Duration::from_secs_f64(late_s);
            law.adjust(&Seen { late, at_work: 0, mean: Duration::ZERO, requests: offered as u64 });
        }
        (answered, longest)
    }

    #[test]
    fn at_three_times_the_capacity_nearly_all_of_it_is_used_and_nobody_waits_long() {
        let mut law = Law::new(WAIT);
        let (answered, longest) = served(&mut law, 800.0, 2400.0, 600);
        assert!(answered > 0.97 * 800.0 * 600.0, "{answered}");
        assert!(longest < 1.0, "{longest} windows of 100 ms");
        served(&mut law, 800.0, 400.0, 30);
        assert!((law.share - 1.0).abs() < f64::EPSILON, "three seconds later all are let in: {}", law.share);
    }

    #[test]
    fn below_the_capacity_nobody_is_refused() {
        let mut law = Law::new(WAIT);
        served(&mut law, 800.0, 790.0, 600);
        assert!((law.share - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_slow_database_is_no_overload_and_a_queue_for_it_is() {
        let mut law = Law::new(WAIT);
        for _ in 0..200 {
            law.adjust(&seen(0, 40, 50, 100));
        }
        law.adjust(&seen(0, 100, 60, 200));
        assert!((law.share - 1.0).abs() < f64::EPSILON, "as slow as ever, only more of it");
        for _ in 0..20 {
            law.adjust(&seen(0, 900, 400, 200));
        }
        assert!(law.share < 0.8, "{}", law.share);
    }

    #[test]
    fn few_requests_are_never_refused_however_late_the_machine_is() {
        let mut law = Law::new(WAIT);
        law.adjust(&seen(5_000, 5, 5_000, FEWEST - 1));
        assert!((law.share - 1.0).abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn whatever_was_seen_some_are_let_in_and_five_calm_seconds_let_in_all(
            windows in prop::collection::vec((0_u64..10_000, 0_usize..5_000, 0_u64..10_000, 0_u64..10_000), 0..200),
        ) {
            let mut law = Law::new(WAIT);
            for (late_ms, at_work, mean_ms, requests) in windows {
                law.adjust(&seen(late_ms, at_work, mean_ms, requests));
                prop_assert!((LEAST..=1.0).contains(&law.share));
            }
            for _ in 0..50 {
                law.adjust(&seen(0, 5, 0, 500));
            }
            prop_assert!((law.share - 1.0).abs() < f64::EPSILON);
        }

        #[test]
        fn what_is_let_in_is_the_share_and_evenly_spread(share in 0.01_f64..1.0) {
            let overload = Overload::new(WAIT, &Metrics::default());
            overload.set(share);
            let admitted = (0..1000).filter(|_| overload.admits()).count();
            prop_assert!((admitted as f64 / 1000.0 - share).abs() < 0.005, "{admitted} of 1000 for {share}");
        }
    }
}
