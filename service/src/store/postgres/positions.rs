//! Up to where a replica must have come before it may answer for somebody's rows.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use crate::store::place::Rows;

const SHARDS: usize = 64;
/// 64 × 1,024 entries of some 40 bytes: under 4 MB.
const ENTRIES_PER_SHARD: usize = 1024;

/// The position of the last write to each one's rows, in a bounded number of entries. What is forgotten is not lost: the
/// floor, which holds for everybody, rises to it.
pub struct Positions {
    shards: Vec<Mutex<HashMap<Rows, u64, RandomState>>>,
    hasher: RandomState,
    floor: AtomicU64,
    /// Writes whose position could not be found out, and how many of them a later floor has covered.
    doubts: AtomicU64,
    resolved: AtomicU64,
}

impl Default for Positions {
    /// Nothing is known yet: what other processes, or this one before it was restarted, wrote before the first floor.
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::default(),
            floor: AtomicU64::new(0),
            doubts: AtomicU64::new(1),
            resolved: AtomicU64::new(0),
        }
    }
}

impl Positions {
    /// What a replica must have replayed to answer for `rows`; `u64::MAX` when no replica may.
    pub fn needed(&self, rows: Rows) -> u64 {
        if self.doubts.load(Ordering::Acquire) > self.resolved.load(Ordering::Acquire) {
            return u64::MAX;
        }
        if let Rows::WithCatalog(user) = rows {
            return self.needed(Rows::Of(user)).max(self.needed(Rows::Catalog));
        }
        let written = self.shard(rows).get(&rows).copied().unwrap_or(0);
        // After the entry: one that is forgotten meanwhile raised the floor first.
        written.max(self.floor.load(Ordering::Acquire))
    }

    /// `rows` were written, and the log had come to `position` afterwards.
    pub fn note(&self, rows: Rows, position: u64) {
        let mut shard = self.shard(rows);
        if shard.len() >= ENTRIES_PER_SHARD && !shard.contains_key(&rows) {
            // The older half becomes the floor; replicas have long come there unless they are far behind.
            let mut all: Vec<u64> = shard.values().copied().collect();
            let middle = all.len() / 2;
            let (_, median, _) = all.select_nth_unstable(middle);
            let median = *median;
            self.floor.fetch_max(median, Ordering::AcqRel);
            shard.retain(|_, position| *position > median);
        }
        let entry = shard.entry(rows).or_insert(position);
        *entry = position.max(*entry);
    }

    /// Something was written and nobody knows where: no replica may answer until [`Self::settle`].
    pub fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::AcqRel);
    }

    /// The doubts so far; to be asked before the position is looked up that settles them.
    pub fn doubts(&self) -> u64 {
        self.doubts.load(Ordering::Acquire)
    }

    /// The log had come to `position` after the first `doubts` of them: everybody waits for that once.
    pub fn settle(&self, doubts: u64, position: u64) {
        if self.resolved.load(Ordering::Acquire) < doubts {
            self.floor.fetch_max(position, Ordering::AcqRel);
            self.resolved.fetch_max(doubts, Ordering::AcqRel);
        }
    }

    fn shard(&self, rows: Rows) -> MutexGuard<'_, HashMap<Rows, u64, RandomState>> {
        let at = self.hasher.hash_one(rows) as usize % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn settled() -> Positions {
        let positions = Positions::default();
        positions.settle(positions.doubts(), 0);
        positions
    }

    #[test]
    fn until_the_log_was_looked_at_once_no_replica_is_far_enough() {
        let positions = Positions::default();
        assert_eq!(positions.needed(Rows::Catalog), u64::MAX);
        positions.settle(positions.doubts(), 70);
        assert_eq!(positions.needed(Rows::Catalog), 70);
        let seen = positions.doubts();
        positions.doubt();
        positions.settle(seen, 80);
        assert_eq!(positions.needed(Rows::Catalog), u64::MAX, "that position was looked up before the doubt");
        positions.settle(positions.doubts(), 90);
        assert_eq!(positions.needed(Rows::Catalog), 90);
    }

    #[test]
    fn however_many_write_the_memory_is_bounded_and_nobody_needs_less_than_they_wrote() {
        let positions = settled();
        let users = 2 * SHARDS * ENTRIES_PER_SHARD;
        for n in 0..users {
            positions.note(Rows::Of(Uuid::from_u128(n as u128)), n as u64);
        }
        let kept: usize = positions.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * ENTRIES_PER_SHARD);
        for n in 0..users {
            assert!(positions.needed(Rows::Of(Uuid::from_u128(n as u128))) >= n as u64);
        }
    }

    proptest! {
        #[test]
        fn what_is_needed_never_goes_back(writes in proptest::collection::vec((0u128..4, 0u64..50), 1..60)) {
            let positions = settled();
            let mut last = [0u64; 4];
            for (user, position) in writes {
                positions.note(Rows::Of(Uuid::from_u128(user)), position);
                last[user as usize] = last[user as usize].max(position);
                for (user, last) in last.iter().enumerate() {
                    prop_assert_eq!(positions.needed(Rows::Of(Uuid::from_u128(user as u128))), *last);
                }
            }
        }
    }
}
