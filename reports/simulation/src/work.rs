use record::Histogram;

use crate::{Outage, Topology};

/// A stretch of time with one rate of arrivals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Where it ends, nanoseconds from the start; the next begins there.
    pub to_ns: u64,
    /// Requests a second.
    pub rate_per_s: f64,
}

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// What requests go through.
    pub topology: &'a Topology,
    /// The load, one stretch after the other; what it counts is kept apart by stretch.
    pub load: &'a [Stretch],
    /// What is lost, and when.
    pub outages: &'a [Outage],
    /// Seed.
    pub seed: u64,
    /// Replications of one seed differ by their stream.
    pub stream: u64,
}

/// What was counted of the requests that arrived in one stretch.
#[derive(Debug, Clone)]
pub struct Bin {
    /// Requests that arrived.
    pub offered: u64,
    /// Answered in time.
    pub answered: u64,
    /// Gone because they waited longer than the timeout.
    pub timed_out: u64,
    /// Turned away by a full queue.
    pub dropped: u64,
    /// Lost with the instance they were at, or sent to one that was.
    pub failed: u64,
    /// Times from arrival to answer of those answered, microseconds.
    pub response: Histogram,
    /// Times they waited in queues on the way, microseconds.
    pub waiting: Histogram,
    /// Sum of those times, nanoseconds.
    pub waited_ns: u128,
    /// Time that workers were busy, nanoseconds, by tier in the order of [`crate::Kind::ALL`], counted where a service begins.
    pub busy_ns: [u64; 4],
}

impl Bin {
    /// With nothing in it.
    pub(crate) fn new() -> Self {
        Self {
            offered: 0,
            answered: 0,
            timed_out: 0,
            dropped: 0,
            failed: 0,
            response: record::new_histogram(),
            waiting: record::new_histogram(),
            waited_ns: 0,
            busy_ns: [0; 4],
        }
    }
}
