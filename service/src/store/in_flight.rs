//! Requests with an `Idempotency-Key` that are being done at this moment. One that comes again meanwhile is told so: it
//! would else hold a connection until the first has ended. PostgreSQL's advisory locks say it across processes
//! (`claim_request` in the migrations); SQLite has one process, which notes it here.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Result, StoreError};

/// The number under which the request of `user` with `key` is locked. Never negative, as those are under which users are
/// (the upper bit of the lower half of an id is its variant's, and set: RFC 9562 §4.1).
pub(super) fn number(user: Uuid, key: &str) -> i64 {
    let hash = Sha256::new().chain_update(user.as_bytes()).chain_update(key).finalize();
    let first = hash.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    (first >> 1) as i64
}

/// The requests that one process is at.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashSet<i64>>);

/// Keeps others from the same request for as long as it lives.
#[must_use]
#[derive(Debug)]
pub struct Held {
    all: Arc<InFlight>,
    claim: Option<i64>,
}

impl InFlight {
    /// Begins a request; without a number it is like no other.
    ///
    /// # Errors
    /// [`StoreError::InFlight`] when it is in progress.
    pub fn hold(self: &Arc<Self>, claim: Option<i64>) -> Result<Held> {
        if let Some(claim) = claim
            && !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(claim)
        {
            return Err(StoreError::InFlight);
        }
        Ok(Held { all: Arc::clone(self), claim })
    }

    /// Whether there is any.
    #[cfg(test)]
    pub fn any(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(claim) = self.claim {
            self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&claim);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_progress_keeps_out_its_like_until_it_ends_and_nobody_else() {
        let requests = Arc::<InFlight>::default();
        let (ada, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = requests.hold(Some(number(ada, "k"))).unwrap();
        assert!(matches!(requests.hold(Some(number(ada, "k"))), Err(StoreError::InFlight)));
        let others = [Some(number(ada, "l")), Some(number(bob, "k")), None, None];
        let others = others.map(|claim| requests.hold(claim).unwrap());
        drop(first);
        drop(requests.hold(Some(number(ada, "k"))).unwrap());
        drop(others);
        assert!(!requests.any());
    }
}
