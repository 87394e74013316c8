//! Whether this process is the only one that writes: then it knows of every write itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock;

/// What the connections of every process are called, followed by the process.
pub const NAME: &str = "headroom-service";
/// For how long after a look at the connections nobody else can have acknowledged a write. A process that joins waits
/// for longer than that, visible to all, before it serves.
const TRUST_US: u64 = 400_000;
/// How long a process that joins waits.
pub const JOIN: Duration = Duration::from_millis(600);
/// After the server was reached anew the others may have to reach it, too, before they are seen.
pub const GATHER: Duration = Duration::from_secs(2);

/// What is known of other processes.
pub struct Peers {
    /// What the connections of this process are called.
    pub name: String,
    alone_until_us: AtomicU64,
}

impl Peers {
    /// Nothing is known yet.
    pub fn new() -> Self {
        let process = u64::from_le_bytes(clock::random_bytes());
        Self { name: format!("{NAME} {process:016x}"), alone_until_us: AtomicU64::new(0) }
    }

    /// At `asked_us` of the cluster's clock, or later, there were `others`.
    pub fn seen(&self, asked_us: u64, others: i64) {
        let until_us = if others == 0 { asked_us + TRUST_US } else { 0 };
        self.alone_until_us.store(until_us, Ordering::Release);
    }

    /// Whether no other process can have acknowledged a write until `now_us`.
    pub fn none(&self, now_us: u64) -> bool {
        now_us < self.alone_until_us.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alone_for_less_time_than_another_waits_before_it_serves() {
        let peers = Peers::new();
        assert!(!peers.none(0), "nothing is known yet");
        peers.seen(1_000_000, 0);
        assert!(peers.none(1_000_000));
        let joined_us = 1_000_000 + u64::try_from(JOIN.as_micros()).unwrap();
        assert!(!peers.none(joined_us));
        peers.seen(joined_us, 1);
        assert!(!peers.none(joined_us));
    }
}
