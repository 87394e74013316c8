//! The behaviours that the ruler is held against: what the server does, and the load it is under.

use std::time::Duration;

use super::dictate::{Freeze, Resets, Rules, Service};
use crate::plan::model::Process;

/// A server of known behaviour and the load to measure it with.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// What `--only` calls it.
    pub name: &'static str,
    /// What it is, in at most 34 columns.
    pub about: &'static str,
    /// What the server does.
    pub rules: Rules,
    /// What the load is.
    pub load: Load,
    /// How long, so that the 99.9th percentile can be told.
    pub seconds: f64,
}

/// The load of a behaviour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// Arrivals by the clock.
    Open {
        /// How they are spaced.
        process: Process,
        /// How many a second.
        rate: f64,
    },
    /// Users that begin an iteration every `pacing`.
    Closed {
        /// How many.
        users: u32,
        /// How often each.
        pacing: Duration,
        /// How long they take to come, before the behaviour's own seconds begin.
        arrive: Duration,
    },
}

impl Behaviour {
    /// How long the load lasts in all when the behaviour itself gets `seconds`.
    pub fn lasts(&self, seconds: f64) -> f64 {
        match self.load {
            Load::Open { .. } => seconds,
            Load::Closed { arrive, .. } => seconds + arrive.as_secs_f64(),
        }
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const fn open(process: Process, rate: f64) -> Load {
    Load::Open { process, rate }
}

/// The answer that takes no time: what every other is measured on top of.
pub const INSTANT: Behaviour = Behaviour {
    name: "instant",
    about: "answers at once",
    rules: Rules::of(Service::Fixed(Duration::ZERO)),
    load: open(Process::Constant, 800.0),
    seconds: 5.0,
};

/// Every behaviour that is judged, in order. Where times are constant one thread that wakes late in a thousand is the
/// 99.9th percentile: there they are so long that 1 % of them is more than a virtual machine wakes one late (3 ms). Each load
/// is such that the 99.9th percentile has the 3,688 samples it needs.
pub const ALL: [Behaviour; 8] = [
    Behaviour {
        name: "fixed",
        about: "300 ms, even arrivals",
        rules: Rules::of(Service::Fixed(ms(300))),
        load: open(Process::Constant, 800.0),
        seconds: 5.0,
    },
    Behaviour {
        name: "exponential",
        about: "mean 50 ms, Poisson arrivals",
        rules: Rules::of(Service::Exponential(ms(50))),
        load: open(Process::Poisson, 800.0),
        seconds: 5.0,
    },
    Behaviour {
        name: "bimodal",
        about: "40 ms, 5 % of them 400 ms",
        rules: Rules::of(Service::Bimodal { short: ms(40), long: ms(400), share: 0.05 }),
        load: open(Process::Poisson, 800.0),
        seconds: 5.0,
    },
    Behaviour {
        name: "queue",
        about: "4 servers of 10 ms at 90 % load",
        rules: Rules { slots: Some(4), ..Rules::of(Service::Fixed(ms(10))) },
        load: open(Process::Poisson, 360.0),
        seconds: 11.5,
    },
    Behaviour {
        name: "freeze",
        about: "stops dead for 200 ms every second",
        rules: Rules {
            freeze: Some(Freeze { every: ms(1000), lasts: ms(200) }),
            ..Rules::of(Service::Uniform(ms(20), ms(60)))
        },
        load: open(Process::Constant, 400.0),
        seconds: 10.0,
    },
    Behaviour {
        name: "drip",
        about: "body in 5 pieces over 300 ms",
        rules: Rules { pieces: 5, ..Rules::of(Service::Fixed(ms(300))) },
        load: open(Process::Poisson, 800.0),
        seconds: 5.0,
    },
    Behaviour {
        name: "resets",
        about: "300 ms, 10 % reset after 150 ms",
        rules: Rules {
            resets: Some(Resets { share: 0.1, after: ms(150) }),
            ..Rules::of(Service::Fixed(ms(300)))
        },
        load: open(Process::Poisson, 800.0),
        seconds: 5.5,
    },
    Behaviour {
        name: "paced",
        about: "paced users, stops 0.6 s in 2.5 s",
        rules: Rules {
            freeze: Some(Freeze { every: ms(2500), lasts: ms(600) }),
            ..Rules::of(Service::Uniform(ms(150), ms(250)))
        },
        load: Load::Closed { users: 320, pacing: ms(400), arrive: ms(1000) },
        seconds: 5.0,
    },
];
