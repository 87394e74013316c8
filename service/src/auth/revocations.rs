//! Sessions that were ended before their access tokens expired. Checked on every request.
//!
//! The list lies in the memory of each process, and the database knows the same. With several processes an end is
//! announced through the journal in Redis: it is acknowledged when every process has it on its list, or has stopped to
//! trust the journal. A process that does not trust the journal reads the database every half second; that is how long
//! an ended session may still be taken for a live one, while Redis is away and on another process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use uuid::Uuid;

use crate::clock;
use crate::redis::Redis;
use crate::store::sessions::{self, Revoked};
use crate::store::{self, Store, Timestamp};

/// The revocation list of this process.
#[derive(Default)]
pub struct Revocations {
    sessions: RwLock<HashMap<Uuid, Timestamp>>,
    count: AtomicUsize,
    redis: Option<Arc<Redis>>,
    /// Everything that was ended before is on the list, in microseconds since the Unix epoch.
    complete_us: AtomicI64,
}

/// What the journal's entries of ended sessions begin with.
const ENTRY: &str = "ended ";
/// How late an end may show in the database, by other clocks and slow transactions.
const LATE_US: i64 = 30_000_000;

impl Revocations {
    /// An empty list that is shared through `redis`, if there is one.
    pub fn new(redis: Option<Arc<Redis>>) -> Self {
        Self { redis, ..Self::default() }
    }

    /// Refuses the access tokens of these sessions from now on, in every process. To be awaited between the commit of
    /// the end and its acknowledgement.
    pub async fn add(&self, revoked: impl IntoIterator<Item = Revoked>) {
        let revoked: Vec<Revoked> = revoked.into_iter().collect();
        if revoked.is_empty() {
            return;
        }
        let entry = self.redis.is_some().then(|| entry(&revoked));
        self.keep(revoked);
        if let (Some(redis), Some(entry)) = (&self.redis, entry) {
            redis.announce(&entry).await;
        }
    }

    /// Whether the session was ended.
    pub fn contains(&self, session: Uuid) -> bool {
        self.count.load(Ordering::Acquire) > 0
            && self.sessions.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    /// Reads from the database what was ended since the last time, or all of it the first time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn catch_up(&self, store: &Store) -> store::Result<()> {
        let now_us = clock::now_us();
        let since = Timestamp(self.complete_us.load(Ordering::Acquire) - LATE_US);
        self.keep(sessions::revoked(store, since, Timestamp(now_us)).await?);
        self.complete_us.fetch_max(now_us, Ordering::AcqRel);
        Ok(())
    }

    /// Takes over what an entry of the journal says of ended sessions, if it does.
    pub fn hear(&self, entry: &str) {
        if let Some(told) = entry.strip_prefix(ENTRY) {
            self.keep(told.split(' ').filter_map(|one| {
                let (session, until_us) = one.split_once('=')?;
                Some((session.parse().ok()?, Timestamp(until_us.parse().ok()?)))
            }));
        }
    }

    /// Forgets sessions that would have expired by now: no token of theirs is live.
    pub fn forget_expired(&self, now: Timestamp) {
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, expires_at| *expires_at > now);
        self.count.store(sessions.len(), Ordering::Release);
    }

    fn keep(&self, revoked: impl IntoIterator<Item = Revoked>) {
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        sessions.extend(revoked);
        self.count.store(sessions.len(), Ordering::Release);
    }
}

fn entry(revoked: &[Revoked]) -> String {
    let told: Vec<String> =
        revoked.iter().map(|(session, until)| format!("{}={}", session.simple(), until.0)).collect();
    format!("{ENTRY}{}", told.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_ended_session_is_refused_until_it_would_have_expired() {
        let list = Revocations::default();
        let session = Uuid::from_u128(7);
        assert!(!list.contains(session));
        list.add([(session, Timestamp(100))]).await;
        list.forget_expired(Timestamp(99));
        assert!(list.contains(session));
        list.forget_expired(Timestamp(100));
        assert!(!list.contains(session));
    }

    #[test]
    fn what_one_process_writes_into_the_journal_another_understands() {
        let revoked = [(Uuid::from_u128(7), Timestamp(100)), (Uuid::from_u128(8), Timestamp(200))];
        let list = Revocations::default();
        list.hear(&entry(&revoked));
        assert!(list.contains(Uuid::from_u128(7)) && list.contains(Uuid::from_u128(8)));
        list.forget_expired(Timestamp(150));
        assert!(!list.contains(Uuid::from_u128(7)) && list.contains(Uuid::from_u128(8)));
        list.hear("catalogue");
        list.hear("ended nonsense");
    }
}
