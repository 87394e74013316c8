//! Sessions that were ended before their access tokens expired. Checked on every request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use uuid::Uuid;

use crate::store::Timestamp;
use crate::store::sessions::Revoked;

/// The revocation list of this process.
#[derive(Default)]
pub struct Revocations {
    sessions: RwLock<HashMap<Uuid, Timestamp>>,
    count: AtomicUsize,
}

impl Revocations {
    /// Refuses the access tokens of these sessions from now on.
    pub fn add(&self, revoked: impl IntoIterator<Item = Revoked>) {
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        sessions.extend(revoked);
        self.count.store(sessions.len(), Ordering::Release);
    }

    /// Whether the session was ended.
    pub fn contains(&self, session: Uuid) -> bool {
        self.count.load(Ordering::Acquire) > 0
            && self.sessions.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    /// Forgets sessions that would have expired by now: no token of theirs is live.
    pub fn forget_expired(&self, now: Timestamp) {
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, expires_at| *expires_at > now);
        self.count.store(sessions.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_session_is_refused_until_it_would_have_expired() {
        let list = Revocations::default();
        let session = Uuid::from_u128(7);
        assert!(!list.contains(session));
        list.add([(session, Timestamp(100))]);
        list.forget_expired(Timestamp(99));
        assert!(list.contains(session));
        list.forget_expired(Timestamp(100));
        assert!(!list.contains(session));
    }
}
