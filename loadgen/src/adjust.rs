//! The load adjusted by hand while it runs: what was asked, what that makes of the plan's profile, and what the record
//! says of it.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use record::{Adjusted, Adjustment, Stage};

use crate::plan::{model::Load, profile};

/// What a person wants the load to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wish {
    /// The plan's profile, multiplied; 1 is the plan.
    Factor(f64),
    /// So many users or iterations a second until the planned end.
    Held(f64),
}

/// Where the load is turned up and down.
#[derive(Debug)]
pub struct Dial {
    what: Adjusted,
    stages: Vec<Stage>,
    most: Option<f64>,
    turned: Mutex<Turned>,
    turns: AtomicU64,
}

#[derive(Debug)]
struct Turned {
    wish: Wish,
    untold: Vec<Adjustment>,
}

impl Dial {
    /// A dial for `load`, up to `most` users or iterations a second.
    pub fn new(load: &Load, most: Option<f64>) -> Self {
        let (what, stages) = match load {
            Load::Users { stages, .. } => (Adjusted::Users, stages),
            Load::Arrivals { stages, .. } => (Adjusted::Rate, stages),
        };
        Self {
            what,
            stages: stages.clone(),
            most,
            turned: Mutex::new(Turned { wish: Wish::Factor(1.0), untold: Vec::new() }),
            turns: AtomicU64::new(0),
        }
    }

    /// Whether it turns users or a rate.
    pub const fn what(&self) -> Adjusted {
        self.what
    }

    /// The highest load it can be turned to, where there is a bound.
    pub const fn most(&self) -> Option<f64> {
        self.most
    }

    /// How often it was turned.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Acquire)
    }

    /// The load at `second`, counted from the start; nothing behind the planned end.
    pub fn load(&self, second: f64) -> Option<f64> {
        let wish = self.turned.lock().expect("no panic under this lock").wish;
        (second < profile::seconds(&self.stages)).then(|| self.load_by(wish, second))
    }

    fn load_by(&self, wish: Wish, second: f64) -> f64 {
        match wish {
            Wish::Factor(factor) => factor * profile::at(&self.stages, second),
            Wish::Held(load) => load,
        }
    }

    /// The profile from `second` to the planned end, as it is wanted now.
    pub fn rest(&self, second: f64) -> Vec<Stage> {
        let wish = self.turned.lock().expect("no panic under this lock").wish;
        let rest = profile::after(&self.stages, second).into_iter();
        let turned = |stage: Stage| match wish {
            Wish::Factor(factor) => Stage { from: factor * stage.from, to: factor * stage.to, ..stage },
            Wish::Held(load) => Stage { from: load, to: load, ..stage },
        };
        rest.map(turned).collect()
    }

    /// Turns the load to what is wanted, from `second` on.
    ///
    /// # Errors
    /// A sentence: the load has ended, or more is wanted than it can be turned to.
    pub fn turn(&self, wish: Wish, second: f64) -> Result<Adjustment, String> {
        if second >= profile::seconds(&self.stages) {
            return Err("the load has come to its planned end".to_owned());
        }
        let (number, peak) = match wish {
            Wish::Factor(factor) => (factor, factor * profile::peak(&profile::after(&self.stages, second))),
            Wish::Held(load) => (load, load),
        };
        if !number.is_finite() || number < 0.0 {
            return Err("a number of 0 or more is needed".to_owned());
        }
        if matches!((self.what, wish), (Adjusted::Users, Wish::Held(users)) if users.fract() != 0.0) {
            return Err("users come whole".to_owned());
        }
        if let Some(most) = self.most.filter(|most| peak > *most) {
            return Err(match self.what {
                Adjusted::Users => format!(
                    "{most} users are the most in this run; start it with --web-max-users={} to go so far",
                    peak.ceil()
                ),
                Adjusted::Rate => format!(
                    "{most}/s is the most to a target beyond this machine; start the run with --max-rate {} if its \
                     owner agreed to that",
                    peak.ceil()
                ),
            });
        }
        let mut turned = self.turned.lock().expect("no panic under this lock");
        let adjustment = Adjustment {
            second: second as u64,
            what: self.what,
            from: self.load_by(turned.wish, second),
            to: self.load_by(wish, second),
            factor: match wish {
                Wish::Factor(factor) => Some(factor),
                Wish::Held(_) => None,
            },
        };
        turned.wish = wish;
        turned.untold.push(adjustment);
        self.turns.fetch_add(1, Ordering::Release);
        Ok(adjustment)
    }

    /// The adjustments since the last call, for the record.
    pub fn take(&self) -> Vec<Adjustment> {
        std::mem::take(&mut self.turned.lock().expect("no panic under this lock").untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::model::Process;

    fn dial(most: Option<f64>) -> Dial {
        let stages = vec![
            Stage { from: 0.0, to: 100.0, seconds: 10.0 },
            Stage { from: 100.0, to: 100.0, seconds: 10.0 },
        ];
        Dial::new(&Load::Arrivals { process: Process::Constant, max_in_flight: 9, stages }, most)
    }

    #[test]
    fn a_factor_keeps_the_profiles_shape_and_a_held_load_does_not() {
        let dial = dial(None);
        let done = dial.turn(Wish::Factor(2.0), 5.0).unwrap();
        assert_eq!((done.second, done.from, done.to, done.factor), (5, 50.0, 100.0, Some(2.0)));
        assert_eq!((dial.load(7.5), dial.load(15.0), dial.load(20.0)), (Some(150.0), Some(200.0), None));
        assert_eq!(dial.rest(5.0)[0], Stage { from: 100.0, to: 200.0, seconds: 5.0 });
        let done = dial.turn(Wish::Held(30.0), 7.5).unwrap();
        assert_eq!((done.from, done.to, done.factor), (150.0, 30.0, None));
        assert_eq!((profile::seconds(&dial.rest(7.5)), profile::area(&dial.rest(7.5))), (12.5, 375.0));
        assert_eq!((dial.turns(), dial.take().len(), dial.take().len()), (2, 2, 0));
    }

    #[test]
    fn users_come_whole_and_no_more_of_them_than_were_launched() {
        let stages = vec![Stage { from: 0.0, to: 10.0, seconds: 10.0 }];
        let dial = Dial::new(&Load::Users { stages, think: None, pacing: None }, Some(20.0));
        assert!(dial.turn(Wish::Held(2.5), 1.0).unwrap_err().contains("whole"));
        assert!(dial.turn(Wish::Held(21.0), 1.0).unwrap_err().contains("--web-max-users=21"));
        assert_eq!(dial.turn(Wish::Held(20.0), 1.0).unwrap().what, Adjusted::Users);
        assert_eq!(dial.load(5.0), Some(20.0));
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let dial = dial(Some(150.0));
        for (wish, second, says) in [
            (Wish::Held(151.0), 1.0, "--max-rate 151"),
            // Fine now, too much at the end of the ramp.
            (Wish::Factor(1.6), 1.0, "--max-rate 160"),
            (Wish::Factor(f64::NAN), 1.0, "0 or more"),
            (Wish::Held(-1.0), 1.0, "0 or more"),
            (Wish::Held(1.0), 20.0, "planned end"),
        ] {
            let refused = dial.turn(wish, second).unwrap_err();
            assert!(refused.contains(says), "{refused}");
        }
        assert_eq!((dial.turns(), dial.load(5.0)), (0, Some(50.0)));
    }
}
