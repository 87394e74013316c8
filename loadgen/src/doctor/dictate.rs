//! What the known server does with a request, as a pure function of when requests arrive. The server applies it to the
//! instants at which they came; the truth is the same function of the instants at which they were due.
//!
//! Times are offsets from the server's epoch.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

/// How long an answer takes once it is begun.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Service {
    /// Always the same.
    Fixed(Duration),
    /// Anything between, evenly.
    Uniform(Duration, Duration),
    /// Exponential with this mean.
    Exponential(Duration),
    /// `short`, but `long` for a share (0..1) of the requests.
    Bimodal {
        /// The usual time.
        short: Duration,
        /// The other.
        long: Duration,
        /// How often it is the other.
        share: f64,
    },
}

impl Service {
    /// The time that `random` (0..1, evenly spread) falls to.
    fn at(self, random: f64) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::Uniform(from, to) => from + (to - from).mul_f64(random),
            // 1 − u lies in (0, 1], so the logarithm is finite.
            Self::Exponential(mean) => mean.mul_f64(-(1.0 - random).ln()),
            Self::Bimodal { short, long, share } => {
                if random < share {
                    long
                } else {
                    short
                }
            }
        }
    }
}

/// A server that stops dead at the end of every period: nothing is read, worked on or answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freeze {
    /// The period.
    pub every: Duration,
    /// How long it is frozen at the end of each.
    pub lasts: Duration,
}

impl Freeze {
    /// When `work` that is begun at `begin` is done.
    ///
    /// The time worked by t is W(t) = ⌊t/P⌋·L + min(t mod P, L), with the period P of which the first L are worked; the
    /// answer is there when W has grown by `work`, at W⁻¹(W(begin) + work).
    fn done(self, begin: Duration, work: Duration) -> Duration {
        let (period, worked) = (self.every.as_nanos(), (self.every - self.lasts).as_nanos());
        let begin = begin.as_nanos();
        let total = begin / period * worked + (begin % period).min(worked) + work.as_nanos();
        let done = total / worked * period + total % worked;
        Duration::from_nanos(u64::try_from(done).unwrap_or(u64::MAX))
    }
}

/// Connections that are reset instead of answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resets {
    /// Share of the requests, 0..1.
    pub share: f64,
    /// How long after its arrival.
    pub after: Duration,
}

/// The rules of a server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// How long an answer takes.
    pub service: Service,
    /// How many are worked on at once, first come first served; `None`: as many as come.
    pub slots: Option<usize>,
    /// When it stops dead.
    pub freeze: Option<Freeze>,
    /// What is reset.
    pub resets: Option<Resets>,
    /// Pieces in which an answer is sent, the first at once and the last when its time is over; 1: whole.
    pub pieces: u32,
}

impl Rules {
    /// A server that answers each request by itself after `service`.
    pub const fn of(service: Service) -> Self {
        Self { service, slots: None, freeze: None, resets: None, pieces: 1 }
    }

    /// When work that is begun at `begin` and takes `service` is done.
    pub fn done(&self, begin: Duration, service: Duration) -> Duration {
        self.freeze.map_or(begin + service, |freeze| freeze.done(begin, service))
    }
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    /// When its last byte, or the reset, goes out.
    pub end: Duration,
    /// The time it was given, without waiting.
    pub service: Duration,
    /// Whether it is reset.
    pub reset: bool,
}

/// The rules at work: the k-th request to arrive gets the k-th time of a seeded sequence.
#[derive(Debug)]
pub struct Dictation {
    rules: Rules,
    rng: ChaCha8Rng,
    /// When each slot is free again.
    slots: Vec<Duration>,
}

impl Dictation {
    /// A server at rest.
    pub fn new(rules: Rules, seed: u64) -> Self {
        let slots = vec![Duration::ZERO; rules.slots.unwrap_or(0)];
        Self { rules, rng: ChaCha8Rng::seed_from_u64(seed), slots }
    }

    /// What becomes of the next request, which arrives at `arrival`, not before the one before it.
    ///
    /// With c slots it begins when the first of them is free: the recursion of Kiefer and Wolfowitz (1955), kept as the
    /// instants at which slots become free instead of as workloads.
    pub fn next(&mut self, arrival: Duration) -> Fate {
        // Two numbers for every request, whatever the rules: a rule changes nobody else's time.
        let (time, reset) = (self.rng.random::<f64>(), self.rng.random::<f64>());
        let service = self.rules.service.at(time);
        if let Some(resets) = self.rules.resets.filter(|resets| reset < resets.share) {
            return Fate { end: arrival + resets.after, service: resets.after, reset: true };
        }
        let slot = self.slots.iter_mut().min();
        let begin = slot.as_deref().map_or(arrival, |free| arrival.max(*free));
        let end = self.rules.done(begin, service);
        if let Some(free) = slot {
            *free = end;
        }
        Fate { end, service, reset: false }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use record::Stage;

    use super::*;
    use crate::{arrival::Schedule, plan::model::Process};

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// The mean wait, seconds, of `n` requests of a Poisson process of `rate` per second.
    fn mean_wait(rules: Rules, rate: f64, n: f64) -> f64 {
        let stages = [Stage { from: rate, to: rate, seconds: n / rate }];
        let mut server = Dictation::new(rules, 3);
        let (mut waited, mut count) = (0.0, 0.0);
        for due in Schedule::new(&stages, Process::Poisson, 9) {
            let fate = server.next(due);
            waited += (fate.end - due).as_secs_f64() - fate.service.as_secs_f64();
            count += 1.0;
        }
        waited / count
    }

    /// Erlang's C: the probability to wait in M/M/c at a load of `a` Erlang.
    fn erlang_c(c: u32, a: f64) -> f64 {
        let term = |k: u32| (1..=k).fold(1.0, |product, i| product * a / f64::from(i));
        let last = term(c) * f64::from(c) / (f64::from(c) - a);
        last / ((0..c).map(term).sum::<f64>() + last)
    }

    #[test]
    fn one_fixed_slot_waits_as_pollaczek_and_khinchine_say() {
        // M/D/1 at ρ = 0.7: ρ·s / (2·(1 − ρ)).
        let rules = Rules { slots: Some(1), ..Rules::of(Service::Fixed(ms(10))) };
        let (expected, mean) = (0.7 * 0.010 / (2.0 * 0.3), mean_wait(rules, 70.0, 400_000.0));
        assert!((mean / expected - 1.0).abs() < 0.03, "{mean} for {expected}");
    }

    #[test]
    fn exponential_slots_wait_as_erlang_says() {
        // M/M/4 at a = 3: C(4, 3)·s / (4 − 3).
        let rules = Rules { slots: Some(4), ..Rules::of(Service::Exponential(ms(10))) };
        let (expected, mean) = (erlang_c(4, 3.0) * 0.010, mean_wait(rules, 300.0, 400_000.0));
        assert!((mean / expected - 1.0).abs() < 0.05, "{mean} for {expected}");
        // The textbook's own figure for 4 servers at ρ = 0.75.
        assert!((erlang_c(4, 3.0) - 0.5094).abs() < 1e-3);
    }

    #[test]
    fn a_burst_on_four_fixed_slots_leaves_four_at_a_time() {
        let mut server = Dictation::new(Rules { slots: Some(4), ..Rules::of(Service::Fixed(ms(10))) }, 1);
        let ends: Vec<_> = (0..12).map(|_| server.next(ms(5)).end.as_millis()).collect();
        assert_eq!(ends, [15, 15, 15, 15, 25, 25, 25, 25, 35, 35, 35, 35]);
        // Even arrivals below the limit never wait.
        let mut server = Dictation::new(Rules { slots: Some(4), ..Rules::of(Service::Fixed(ms(10))) }, 1);
        assert!((0..100).map(|k| ms(3 * k)).all(|at| server.next(at).end == at + ms(10)));
    }

    #[test]
    fn a_freeze_holds_back_what_it_meets_and_what_comes_meanwhile() {
        let freeze = Freeze { every: ms(1000), lasts: ms(200) };
        let rules = Rules { freeze: Some(freeze), ..Rules::of(Service::Fixed(ms(20))) };
        let done = |at| rules.done(ms(at), ms(20)).as_millis();
        // Before it; caught by it with 15 ms still to do; in it; at its end; after it, in the next period.
        assert_eq!([700, 795, 900, 1000, 1500].map(done), [720, 1015, 1020, 1020, 1520]);
        assert_eq!(rules.done(ms(900), Duration::ZERO), ms(1000));
        // Work longer than a period meets every freeze on its way.
        assert_eq!(rules.done(ms(0), ms(1700)), ms(2100));
    }

    #[test]
    fn shares_of_resets_and_of_long_answers_are_kept() {
        let resets = Resets { share: 0.1, after: ms(30) };
        let bimodal = Service::Bimodal { short: ms(20), long: ms(200), share: 0.05 };
        let mut server = Dictation::new(Rules { resets: Some(resets), ..Rules::of(bimodal) }, 7);
        let fates: Vec<_> = (0..20_000).map(|_| server.next(ms(0))).collect();
        let share =
            |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count() as f64 / fates.len() as f64;
        assert!((share(|fate| fate.reset) - 0.1).abs() < 0.01);
        assert!((share(|fate| fate.end == ms(200)) - 0.045).abs() < 0.006);
        assert!(fates.iter().all(|fate| !fate.reset || fate.end == ms(30)));
    }

    proptest! {
        #[test]
        fn a_slower_server_answers_nobody_sooner(
            gaps in prop::collection::vec(0u64..20_000, 1..200), from in 1u64..30_000, more in 0u64..30_000,
            slots in prop::option::of(1usize..5), frozen: bool, seed: u64,
        ) {
            let freeze = frozen.then_some(Freeze { every: ms(300), lasts: ms(80) });
            let service = |us| Service::Exponential(Duration::from_micros(us));
            let rules = |us| Rules { slots, freeze, ..Rules::of(service(us)) };
            let (mut fast, mut slow) = (Dictation::new(rules(from), seed), Dictation::new(rules(from + more), seed));
            let mut at = Duration::ZERO;
            for gap in gaps {
                at += Duration::from_micros(gap);
                let (soon, late) = (fast.next(at), slow.next(at));
                prop_assert!(soon.end <= late.end);
                prop_assert!(soon.end >= at + soon.service);
            }
        }

        #[test]
        fn a_frozen_server_never_answers_while_it_is_frozen(begin in 0u64..10_000_000, work in 1u64..3_000_000) {
            let freeze = Freeze { every: ms(700), lasts: ms(150) };
            let (begin, work) = (Duration::from_micros(begin), Duration::from_micros(work));
            let done = freeze.done(begin, work);
            let phase = done.as_micros() % 700_000;
            prop_assert!(phase <= 550_000, "{}", phase);
            prop_assert!(done >= begin + work);
            // No more than every freeze on its way holds it back.
            let freezes = done.as_nanos() / ms(700).as_nanos() + 1 - begin.as_nanos() / ms(700).as_nanos();
            prop_assert!(done <= begin + work + ms(150) * freezes as u32);
        }
    }
}
