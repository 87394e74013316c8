//! Positions in the primary's write-ahead log: how far the primary is now, and when it was where.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;

/// Where records end within a page of the log, never within its header (24 bytes, 40 on a segment's first page). The
/// primary counts the header of a page that has just begun, a replica does not.
pub fn without_page_header(position: i64) -> u64 {
    const PAGE: u64 = 8192;
    const LONGEST_HEADER: u64 = 40;
    let position = u64::try_from(position).unwrap_or(0);
    let within = position % PAGE;
    if within <= LONGEST_HEADER { position - within } else { position }
}

/// Looks up how far the primary is, once for all who ask at the same time.
#[derive(Default)]
pub struct Head {
    asked: AtomicU64,
    link: tokio::sync::Mutex<Link>,
}

#[derive(Default)]
struct Link {
    connection: Option<PgConnection>,
    /// The last position, and which of those who asked it answers: it was looked up after they did.
    position: u64,
    answers: u64,
}

impl Head {
    /// A position behind everything that was committed before this was called; `None` when the primary does not say.
    pub async fn after_now(&self) -> Option<u64> {
        const SQL: &str = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
        const LIMIT: Duration = Duration::from_millis(500);
        let me = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let mut link = self.link.lock().await;
        if link.answers >= me {
            return Some(link.position);
        }
        let all = self.asked.load(Ordering::Acquire);
        // Taken out, so that a connection whose answer nobody waited for is not used again.
        let mut connection = link.connection.take()?;
        let looked_up = tokio::time::timeout(LIMIT, async {
            let position: i64 = sqlx::query_scalar(SQL).fetch_one(&mut connection).await?;
            Ok::<_, sqlx::Error>((connection, position))
        });
        let (connection, position) = looked_up.await.ok()?.ok()?;
        *link = Link { connection: Some(connection), position: without_page_header(position), answers: all };
        Some(link.position)
    }

    /// Whether it has nothing to ask by.
    pub fn lacks_connection(&self) -> bool {
        // Whoever holds the lock has a connection.
        self.link.try_lock().is_ok_and(|link| link.connection.is_none())
    }

    /// Something to ask by; a write does not wait until it is made.
    pub async fn provide(&self, connection: PgConnection) {
        self.link.lock().await.connection = Some(connection);
    }

    /// Closes the connection.
    pub async fn close(&self) {
        self.link.lock().await.connection.take();
    }
}

/// When the primary's log was where, for as long as the slowest replica may matter.
#[derive(Default)]
pub struct History(Mutex<VecDeque<(u64, u64)>>);

/// At ten entries a second these are seven minutes.
const ENTRIES: usize = 4096;

impl History {
    /// At `at_us` of the cluster's clock or later the log had been flushed up to `position`.
    pub fn note(&self, at_us: u64, position: u64) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == ENTRIES {
            entries.pop_front();
        }
        entries.push_back((at_us, position));
    }

    /// The last instant whose commits a replica shows that has replayed up to `position`, 0 if it is beyond memory; and
    /// whether that is the newest of all.
    pub fn shown_at(&self, position: u64) -> (u64, bool) {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = entries.iter().rposition(|(_, flushed)| *flushed <= position);
        found.map_or((0, false), |at| (entries[at].0, at + 1 == entries.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_behind_a_page_header_is_the_end_of_the_page_before() {
        assert_eq!(without_page_header(8192 * 3), 8192 * 3);
        assert_eq!(without_page_header(8192 * 3 + 24), 8192 * 3);
        assert_eq!(without_page_header(8192 * 3 + 40), 8192 * 3);
        assert_eq!(without_page_header(8192 * 3 + 48), 8192 * 3 + 48);
    }

    #[test]
    fn a_replica_is_as_fresh_as_the_last_instant_it_has_reached() {
        let history = History::default();
        assert_eq!(history.shown_at(100), (0, false));
        for (at, position) in [(10, 100), (20, 100), (30, 200)] {
            history.note(at, position);
        }
        assert_eq!(history.shown_at(99), (0, false));
        assert_eq!(history.shown_at(150), (20, false));
        assert_eq!(history.shown_at(200), (30, true));
        assert_eq!(history.shown_at(u64::MAX), (30, true));
    }
}
