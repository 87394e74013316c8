//! Which other processes write to the same database, and whether they tell what they write.
//!
//! Processes see each other by the names of their connections. One that sees nobody knows of every write itself; one that
//! sees only such as tell asks for what they told; beside one that keeps silent, replicas are not read. Each of these is
//! believed for a moment only, by three rules that leave no gap between a process that comes or goes and one that looks:
//!
//! * Who comes, or comes back, is *visible* for `JOIN` before its writes are acknowledged, before it relies on others
//!   telling it, and before it looks up what it may have missed: longer than others believe in having seen nobody.
//! * Who was visible believes to be so still for `VISIBLE`, although its connections may have ended unnoticed.
//! * Who was seen is believed gone after `GONE`, longer than that. What it wrote until then is looked up once more. Between
//!   two looks that are `JOIN` apart somebody may have come, become known and left: having seen nobody then begins anew.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::positions::Positions;
use crate::clock;

/// What the connections of every process are called, followed by the process.
pub const NAME: &str = "headroom-service";
/// The same for processes that tell.
pub const TELLS: &str = "headroom-service tells";
/// How long a process must have been visible.
pub const JOIN: Duration = Duration::from_millis(600);
/// How long is believed what was seen.
const TRUST: Duration = Duration::from_millis(400);
const VISIBLE: Duration = Duration::from_millis(1500);
const GONE: Duration = Duration::from_secs(2);

/// What is known of other processes, each until an instant of the cluster's clock, in microseconds.
pub struct Peers {
    /// What the connections of this process are called.
    pub name: String,
    alone_until_us: AtomicU64,
    told_until_us: AtomicU64,
    visible_until_us: AtomicU64,
}

/// What was seen over one connection, which is what makes this process visible.
pub struct Sight {
    since_us: u64,
    /// When the last look was asked for.
    asked_us: Option<u64>,
    none_since_us: Option<u64>,
    none_silent_since_us: Option<u64>,
    company: Company,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    Nobody,
    WhoTell,
    Unknown,
}

/// One look at the connections of others.
pub struct Look {
    /// When it was asked for, in microseconds of the cluster's clock.
    pub asked_us: u64,
    /// When the answer was there.
    pub answered_us: u64,
    /// Connections of other processes.
    pub others: i64,
    /// Those of processes that do not tell.
    pub silent: i64,
}

impl Peers {
    /// Nothing is known yet. `tells`: whether this process does.
    pub fn new(tells: bool) -> Self {
        let process = u64::from_le_bytes(clock::random_bytes());
        Self {
            name: format!("{} {process:016x}", if tells { TELLS } else { NAME }),
            alone_until_us: AtomicU64::new(0),
            told_until_us: AtomicU64::new(0),
            visible_until_us: AtomicU64::new(0),
        }
    }

    /// Takes in what was seen. When that changes what is to be believed, `positions` doubt until the log is looked at
    /// again: others may have written something until now that nobody heard of.
    pub fn seen(&self, sight: &mut Sight, look: &Look, positions: &Positions) {
        let Look { asked_us, answered_us, others, silent } = *look;
        let gapless = sight.asked_us.replace(asked_us).is_some_and(|before| answered_us < before + us(JOIN));
        let since = |known: Option<u64>, seen: i64| {
            (seen == 0).then(|| known.filter(|_| gapless).unwrap_or(answered_us))
        };
        sight.none_since_us = since(sight.none_since_us, others);
        sight.none_silent_since_us = since(sight.none_silent_since_us, silent);
        let gone = |since: Option<u64>| since.is_some_and(|since_us| asked_us >= since_us + us(GONE));
        let company = match (gone(sight.none_since_us), gone(sight.none_silent_since_us)) {
            (true, _) => Company::Nobody,
            (false, true) => Company::WhoTell,
            (false, false) => Company::Unknown,
        };
        if std::mem::replace(&mut sight.company, company) != company {
            positions.doubt();
        }
        let until = |holds: bool, time: Duration| if holds { asked_us + us(time) } else { 0 };
        self.alone_until_us.store(until(company == Company::Nobody, TRUST), Ordering::Release);
        self.told_until_us.store(until(company == Company::WhoTell, TRUST), Ordering::Release);
        self.visible_until_us.store(until(sight.is_known(asked_us), VISIBLE), Ordering::Release);
    }

    /// Whether no other process can have had a write acknowledged until `now_us`.
    pub fn none(&self, now_us: u64) -> bool {
        now_us < self.alone_until_us.load(Ordering::Acquire)
    }

    /// Whether all that other processes had acknowledged until `now_us` was told.
    pub fn tell(&self, now_us: u64) -> bool {
        now_us < self.told_until_us.load(Ordering::Acquire)
    }

    /// Whether every other process knows of this one.
    pub fn see_this_one(&self, now_us: u64) -> bool {
        now_us < self.visible_until_us.load(Ordering::Acquire)
    }
}

impl Sight {
    /// Nothing was seen yet over a connection that is there since `since_us`.
    pub fn new(since_us: u64) -> Self {
        Self {
            since_us,
            asked_us: None,
            none_since_us: None,
            none_silent_since_us: None,
            company: Company::Unknown,
        }
    }

    /// Whether the others know by `at_us` that this process is there.
    pub fn is_known(&self, at_us: u64) -> bool {
        at_us >= self.since_us + us(JOIN)
    }
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1000;

    /// One of two processes on the same database.
    struct Process {
        peers: Peers,
        positions: Positions,
        sight: Option<Sight>,
        next_look_us: u64,
    }

    impl Process {
        fn new() -> Self {
            let (peers, positions) = (Peers::new(true), Positions::default());
            Self { peers, positions, sight: None, next_look_us: 0 }
        }

        /// At `now_us` it is connected or not, and looks when it is time, in an instant.
        fn step(&mut self, now_us: u64, connected: bool, other: i64, pause_us: u64) {
            if !connected {
                self.sight = None;
                return;
            }
            let sight = self.sight.get_or_insert_with(|| Sight::new(now_us));
            if now_us >= self.next_look_us {
                let look = Look { asked_us: now_us, answered_us: now_us, others: other, silent: 0 };
                self.peers.seen(sight, &look, &self.positions);
                self.next_look_us = now_us + pause_us;
            }
        }
    }

    proptest! {
        #[test]
        fn whoever_takes_itself_for_known_is_not_overlooked_by_one_that_takes_itself_for_the_only_one(
            // Of each process: for how long it is connected and away by turns, and how often it looks.
            turns in proptest::array::uniform2(proptest::collection::vec(10u64..4000, 2..12)),
            pauses in proptest::array::uniform2(20u64..900),
        ) {
            let mut processes = [Process::new(), Process::new()];
            let connected = |which: usize, now: u64| {
                let mut rest = now % turns[which].iter().sum::<u64>();
                let turn = turns[which].iter().position(|turn| match rest.checked_sub(*turn) {
                    Some(less) => { rest = less; false }
                    None => true,
                });
                turn.is_some_and(|turn| turn % 2 == 0)
            };
            for now in (0..20_000).step_by(10) {
                let there = [connected(0, now), connected(1, now)];
                for which in [0, 1] {
                    let other = i64::from(there[1 - which]);
                    processes[which].step(now * MS, there[which], other, pauses[which] * MS);
                }
                for which in [0, 1] {
                    let (one, other) = (&processes[which].peers, &processes[1 - which].peers);
                    prop_assert!(!(one.none(now * MS) && other.see_this_one(now * MS)), "at {} ms", now);
                    prop_assert!(!(one.none(now * MS) && other.tell(now * MS)), "at {} ms", now);
                }
            }
        }
    }

    /// A process that looks every tenth of a second and sees the same until it sees something else.
    struct Looker {
        peers: Peers,
        positions: Positions,
        sight: Sight,
        at_ms: u64,
        seen: (i64, i64),
    }

    impl Looker {
        fn new() -> Self {
            let (peers, positions) = (Peers::new(true), Positions::default());
            Self { peers, positions, sight: Sight::new(0), at_ms: 0, seen: (0, 0) }
        }

        /// Whether it is alone, whether all others tell, and whether it doubts what it knew, at `at_ms`.
        fn look(&mut self, at_ms: u64, others: i64, silent: i64) -> (bool, bool, bool) {
            for at_ms in (self.at_ms..at_ms).step_by(100) {
                self.once(at_ms, self.seen);
            }
            (self.at_ms, self.seen) = (at_ms, (others, silent));
            self.once(at_ms, self.seen)
        }

        fn once(&mut self, at_ms: u64, (others, silent): (i64, i64)) -> (bool, bool, bool) {
            let doubts = self.positions.doubts();
            let look = Look { asked_us: at_ms * MS, answered_us: at_ms * MS, others, silent };
            self.peers.seen(&mut self.sight, &look, &self.positions);
            let (none, tell) = (self.peers.none(at_ms * MS), self.peers.tell(at_ms * MS));
            (none, tell, self.positions.doubts() > doubts)
        }
    }

    #[test]
    fn one_that_does_not_tell_is_not_forgotten_as_soon_as_it_is_out_of_sight() {
        let mut process = Looker::new();
        assert_eq!(process.look(0, 3, 1), (false, false, false), "nothing is known yet");
        assert_eq!(process.look(3000, 3, 1), (false, false, false));
        assert_eq!(process.look(3100, 2, 0), (false, false, false));
        assert_eq!(process.look(5099, 2, 0), (false, false, false));
        assert_eq!(process.look(5100, 2, 0), (false, true, true));
        assert_eq!(process.look(5200, 2, 1), (false, false, true));
        assert_eq!(process.look(5300, 0, 0), (false, false, false));
        assert_eq!(process.look(7300, 0, 0), (true, false, true));
        assert_eq!(
            process.look(7400, 1, 0),
            (false, true, true),
            "one that tells, and has done so from the first"
        );
    }

    #[test]
    fn one_that_may_have_come_and_gone_between_two_looks_is_not_overlooked() {
        let mut process = Looker::new();
        assert_eq!(process.look(2000, 0, 0), (true, false, true));
        assert_eq!(process.once(2599, (0, 0)), (true, false, false), "it would not be known yet");
        assert_eq!(process.once(3199, (0, 0)), (false, false, true), "it may be known and gone");
        process.at_ms = 3199;
        assert_eq!(process.look(5199, 0, 0), (true, false, true));
    }
}
