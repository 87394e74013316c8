//! The numbers that GCRA keeps, in the memory of this process.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::super::gcra::{Decision, Quota};

const SHARDS: usize = 64;
/// A shard is swept of subjects whose quota is whole again when it has grown by this many.
const SWEEP_EVERY: usize = 4096;

#[derive(Default)]
struct Shard {
    arrivals_us: HashMap<u64, u64, RandomState>,
    sweep_at: usize,
}

/// One number per subject, in maps split so that threads rarely meet.
pub struct InProcess {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    started: Instant,
}

impl Default for InProcess {
    fn default() -> Self {
        let shard = || Mutex::new(Shard { sweep_at: SWEEP_EVERY, ..Shard::default() });
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher: RandomState::default(),
            started: Instant::now(),
        }
    }
}

impl InProcess {
    /// Counts a request by `subject` now.
    pub fn decide(&self, quota: Quota, subject: impl Hash) -> Decision {
        let now_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.decide_at(quota, subject, now_us)
    }

    fn decide_at(&self, quota: Quota, subject: impl Hash, now_us: u64) -> Decision {
        let key = self.hasher.hash_one(subject);
        let mut shard = self.shards[key as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.arrivals_us.len() >= shard.sweep_at {
            shard.arrivals_us.retain(|_, arrival_us| *arrival_us > now_us);
            shard.sweep_at = shard.arrivals_us.len() + SWEEP_EVERY;
        }
        let arrival_us = shard.arrivals_us.entry(key).or_default();
        let (decision, kept_us) = quota.decide(*arrival_us, now_us);
        *arrival_us = kept_us;
        decision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_whose_quota_is_whole_again_are_forgotten() {
        let limits = InProcess::default();
        let quota = Quota::per(5, 60);
        for n in 0..1_000_000u64 {
            // One request every millisecond, each by somebody new.
            limits.decide_at(quota, n, n * 1000);
        }
        let kept: usize = limits.shards.iter().map(|shard| shard.lock().unwrap().arrivals_us.len()).sum();
        assert!(kept <= SHARDS * 2 * SWEEP_EVERY, "{kept}");
    }
}
