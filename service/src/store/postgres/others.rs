//! Up to where other processes wrote, as they tell each other through Redis.

use std::sync::Arc;
use std::time::Duration;

use crate::config::DatabaseConfig;
use crate::redis::{Place, Position, Positions, Redis, Whose};
use crate::store::place::Rows;

/// A replica in rotation shows everything that is older than the lag it may have; with this much time to spare.
const TO_SPARE: Duration = Duration::from_secs(1);

/// The positions of all processes in the log of one primary.
pub struct Others {
    positions: Positions,
    /// Which log: what was written to another database is not compared with it.
    log: u64,
}

impl Others {
    /// In Redis, about the primary with the system identifier `log`.
    pub fn new(redis: &Arc<Redis>, config: &DatabaseConfig, log: u64) -> Self {
        let life = Duration::from_millis(config.replica_max_lag_ms) + TO_SPARE;
        Self { positions: redis.positions(life), log }
    }

    /// Tells that `rows` were written, and that the log had come to `position` afterwards; `None` if nobody knows.
    pub async fn tell(&self, rows: Rows, position: Option<u64>) {
        let whose = match rows {
            Rows::Of(user) | Rows::WithCatalog(user) => Whose::User(user),
            Rows::Catalog => Whose::Catalogue,
            Rows::Any => return,
        };
        let place = Place { log: self.log, position: position.unwrap_or(u64::MAX) };
        self.positions.note(whose, place).await;
    }

    /// What a replica must have replayed to show all writes to `rows` that were told; `None` if nobody knows.
    pub async fn needed(&self, rows: Rows) -> Option<u64> {
        match rows {
            Rows::Of(user) => self.of(Whose::User(user)).await,
            Rows::Catalog => self.of(Whose::Catalogue).await,
            Rows::WithCatalog(user) => {
                let (user, catalogue) = tokio::join!(self.of(Whose::User(user)), self.of(Whose::Catalogue));
                Some(user?.max(catalogue?))
            }
            Rows::Any => None,
        }
    }

    async fn of(&self, whose: Whose) -> Option<u64> {
        match self.positions.of(whose).await {
            Position::Any => Some(0),
            Position::AtLeast(place) => (place.log == self.log).then_some(place.position),
            Position::Unknown => None,
        }
    }
}
