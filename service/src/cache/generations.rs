//! Generations: numbers that change whenever something cached may have changed.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use uuid::Uuid;

/// What a write can change as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One account.
    User(Uuid),
    /// All tasks of one user, as lists and statistics show them.
    TasksOf(Uuid),
    /// One task.
    Task {
        /// Whose it is.
        owner: Uuid,
        /// Which one.
        id: Uuid,
    },
    /// The catalogue.
    Products,
    /// The favourites of one user.
    FavoritesOf(Uuid),
}

impl Scope {
    /// The name of its generation in Redis: in the slot of its user.
    pub fn name(self) -> String {
        match self {
            Self::User(id) => format!("{{{}}}:g:user", id.simple()),
            Self::TasksOf(id) => format!("{{{}}}:g:tasks", id.simple()),
            Self::Task { owner, id } => format!("{{{}}}:g:task:{}", owner.simple(), id.simple()),
            Self::Products => "{headroom}:g:products".to_owned(),
            Self::FavoritesOf(id) => format!("{{{}}}:g:favorites", id.simple()),
        }
    }
}

const SLOTS: usize = 1 << 16;

/// A fixed number of counters that scopes share by hash, in this process. Two scopes that share one are invalidated
/// together, which costs a miss now and then; nothing grows, and nothing is ever forgotten.
pub struct Generations {
    slots: Vec<AtomicU64>,
    hasher: RandomState,
}

impl Default for Generations {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::default() }
    }
}

impl Generations {
    /// The generation of `scope` now.
    pub fn current(&self, scope: Scope) -> u64 {
        self.slot(scope).load(Ordering::Acquire)
    }

    /// Makes everything cached in `scope` so far unreachable.
    pub fn bump(&self, scope: Scope) {
        self.slot(scope).fetch_add(1, Ordering::AcqRel);
    }

    /// Bumps like [`Self::bump`]. Returns the new generation when it was `before`, the one of before the write: only
    /// then did no other write come between, and the value that this one left behind is known to be the latest.
    pub fn bump_after(&self, scope: Scope, before: u64) -> Option<u64> {
        let found = self.slot(scope).fetch_add(1, Ordering::AcqRel);
        (found == before).then_some(found + 1)
    }

    fn slot(&self, scope: Scope) -> &AtomicU64 {
        &self.slots[self.hasher.hash_one(scope) as usize % SLOTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_write_that_nobody_overtook_may_store_its_value() {
        let generations = Generations::default();
        let scope = Scope::Task { owner: Uuid::from_u128(1), id: Uuid::from_u128(2) };
        let (first, second) = (generations.current(scope), generations.current(scope));
        assert_eq!(generations.bump_after(scope, first), Some(1));
        assert_eq!(generations.bump_after(scope, second), None, "the first write came between");
        assert_eq!(generations.current(scope), 2);
    }
}
