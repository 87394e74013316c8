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
    Task(Uuid),
    /// The catalogue.
    Products,
    /// The favourites of one user.
    FavoritesOf(Uuid),
}

const SLOTS: usize = 1 << 16;

/// A fixed number of counters that scopes share by hash. Two scopes that share one are invalidated together, which
/// costs a miss now and then; nothing grows, and nothing is ever forgotten.
pub struct Generations {
    slots: Vec<AtomicU64>,
    hasher: RandomState,
}

/// The generation before a write began; see [`Generations::bump_after`].
pub struct Ticket {
    scope: Scope,
    before: u64,
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

    /// To be taken before a write that will know the new value.
    pub fn ticket(&self, scope: Scope) -> Ticket {
        Ticket { scope, before: self.current(scope) }
    }

    /// Bumps like [`Self::bump`]. Returns the new generation when no other write came between: only then is the value
    /// that this write left behind known to be the latest, and may be stored.
    pub fn bump_after(&self, ticket: &Ticket) -> Option<u64> {
        let before = self.slot(ticket.scope).fetch_add(1, Ordering::AcqRel);
        (before == ticket.before).then_some(before + 1)
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
        let scope = Scope::Task(Uuid::from_u128(1));
        let (first, second) = (generations.ticket(scope), generations.ticket(scope));
        assert_eq!(generations.bump_after(&first), Some(1));
        assert_eq!(generations.bump_after(&second), None, "the first write came between");
        assert_eq!(generations.current(scope), 2);
    }
}
