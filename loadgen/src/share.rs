//! The share of a load that one of several processes offers: which users, which arrivals. Pure: the shares of a load are
//! the load, whoever takes them.

use std::{fmt, str::FromStr};

use record::Stage;

/// Share `index` (from 0) of `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    index: u64,
    of: u64,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Every share of a load that `of` processes share, at least one.
    pub fn all(of: u64) -> impl Iterator<Item = Self> {
        (0..of).map(move |index| Self { index, of })
    }

    /// Which, from 0.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Of how many.
    pub const fn of(self) -> u64 {
        self.of
    }

    /// Whether there are others.
    pub const fn is_whole(self) -> bool {
        self.of == 1
    }

    /// How many of the users 0, 1, … `all` − 1 are its own: those whose number leaves `index` when it is divided by `of`.
    pub const fn users(self, all: u64) -> u64 {
        (all + self.of - 1 - self.index) / self.of
    }

    /// The number in the whole load of its own user number `own`.
    pub const fn user(self, own: u64) -> u64 {
        own * self.of + self.index
    }

    /// Its own profile of users. At the ends of every stage the shares add up to the whole profile exactly; within a ramp
    /// they do to less than a user each.
    pub fn of_users(self, stages: &[Stage]) -> Vec<Stage> {
        let users = |level: f64| self.users(level.round() as u64) as f64;
        stages.iter().map(|stage| Stage { from: users(stage.from), to: users(stage.to), ..*stage }).collect()
    }

    /// Its own profile of rates.
    pub fn of_rates(self, stages: &[Stage]) -> Vec<Stage> {
        let rate = |level: f64| level / self.of as f64;
        stages.iter().map(|stage| Stage { from: rate(stage.from), to: rate(stage.to), ..*stage }).collect()
    }

    /// Its own of the whole load's arrivals: number `index`, and every `of`-th after it.
    pub fn of_arrivals<T>(self, arrivals: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        arrivals.skip(self.index as usize).step_by(self.of as usize)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match read {
            Some((index, of)) if index < of => Ok(Self { index, of }),
            Some((index, of)) => {
                Err(format!("of {of} parts there is none number {index}: the first is 0/{of}"))
            }
            None => Err("write it as I/N, such as 0/4 for the first of four".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        arrival::{Schedule, tests::stages},
        plan::model::Process,
    };

    proptest! {
        #[test]
        fn the_shares_of_a_schedule_are_the_schedule(stages in stages(), seed: u64, of in 1u64..9) {
            for process in [Process::Constant, Process::Poisson] {
                let schedule = || Schedule::new(&stages, process, seed);
                let mut shared: Vec<_> = Share::all(of).flat_map(|share| share.of_arrivals(schedule())).collect();
                shared.sort();
                prop_assert_eq!(shared, schedule().collect::<Vec<_>>());
            }
        }

        #[test]
        fn every_user_is_in_one_share_and_keeps_its_number(all in 0u64..500, of in 1u64..9) {
            let own = |share: Share| (0..share.users(all)).map(move |own| share.user(own));
            let mut users: Vec<u64> = Share::all(of).flat_map(own).collect();
            users.sort_unstable();
            prop_assert_eq!(users, (0..all).collect::<Vec<_>>());
        }

        #[test]
        fn the_shares_of_a_profile_add_up_to_it(stages in stages(), of in 1u64..9) {
            for at in 0..stages.len() {
                let sum = |level: fn(&Stage) -> f64, users: bool| -> f64 {
                    let share = |it: Share| if users { it.of_users(&stages) } else { it.of_rates(&stages) };
                    Share::all(of).map(|it| level(&share(it)[at])).sum()
                };
                prop_assert_eq!((sum(|it| it.from, true), sum(|it| it.to, true)), (stages[at].from, stages[at].to));
                prop_assert!((sum(|it| it.from, false) - stages[at].from).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_share_reads_as_it_is_written_and_a_wrong_one_says_what_would_be_right() {
        assert_eq!("2/4".parse::<Share>().unwrap().to_string(), "2/4");
        for (text, says) in [("4/4", "0/4"), ("1", "I/N"), ("a/b", "I/N"), ("1/0", "0/0"), ("-1/3", "I/N")] {
            let message = text.parse::<Share>().unwrap_err();
            assert!(message.contains(says), "{text}: {message}");
        }
    }
}
