//! A discrete-event simulation of requests that go through the tiers of a topology: a load balancer, API instances, a cache, a
//! database with shards and replicas.
//!
//! ```text
//! arrivals (Poisson, a rate for each stretch of time) ─► balancer ─► API ─► cache ─┬─► answered
//!                                                                          miss or │
//!                                                                            write └─► database ─► answered
//! ```
//!
//! Every tier's instance is a set of workers behind one queue, first come first served. Time is whole nanoseconds and chance a
//! seeded ChaCha, so that a run is a pure function of what it was given. A crate of its own, so that it is optimised in every
//! build: hundreds of millions of events are the rule.

mod draw;
mod station;
#[cfg(test)]
mod tests;
mod topology;
mod work;
mod world;

pub use draw::{Service, Slice};
pub use topology::{Cache, Database, Kind, Outage, Tier, Topology, What};
pub use work::{Bin, Stretch, Work};
pub use world::run;

/// Nanoseconds of a second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// Seconds as whole nanoseconds.
pub fn ns(seconds: f64) -> u64 {
    (seconds * SECOND_NS as f64).round() as u64
}
