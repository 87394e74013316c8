//! How far the write-ahead log of a database had come when somebody last wrote, for reads that another process serves
//! from a replica.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::Script;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Away, Redis, house};

/// Whose writes a position covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// One user's.
    User(Uuid),
    /// Everybody's, to the catalogue.
    Catalogue,
}

/// Where a replica has to be before it may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Anywhere: nothing was written within the life of a position.
    Any,
    /// At or behind this place.
    AtLeast(Place),
    /// Nobody knows, because Redis is away or was lately: only the primary may answer.
    Unknown,
}

/// A place in the log of one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which log, such as the database's system identifier: places of two logs cannot be compared.
    pub log: u64,
    /// Where in it, in bytes.
    pub position: u64,
}

/// Positions that are forgotten after a set time, by which every replica in rotation has them.
#[derive(Clone)]
pub struct Positions {
    redis: Arc<Redis>,
    life: Duration,
}

/// Keeps the larger place of one log; 20 digits with leading zeros compare as text does. Another log is a newer one:
/// the rows moved there.
static NOTE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local known = redis.call('GET', KEYS[1])
        if not known or known < ARGV[1] or string.sub(known, 1, 20) ~= string.sub(ARGV[1], 1, 20) then
            known = ARGV[1]
        end
        redis.call('SET', KEYS[1], known, 'PX', ARGV[2])",
    )
});

impl Positions {
    pub(super) fn new(redis: Arc<Redis>, life: Duration) -> Self {
        Self { redis, life }
    }

    /// Notes that a write is in a log at `place`. To be called between its commit and its acknowledgement.
    pub async fn note(&self, whose: Whose, place: Place) {
        let (key, life_ms) = (key(whose), u64::try_from(self.life.as_millis()).unwrap_or(u64::MAX));
        let mut call = NOTE.prepare_invoke();
        call.key(key).arg(format!("{:020}:{:020}", place.log, place.position)).arg(life_ms);
        let (redis, call) = (&self.redis, &call);
        redis.tell(|home| async move { redis.ask(&home, home.script::<()>(call)).await }).await;
    }

    /// Where a replica has to be to show every write that was acknowledged.
    pub async fn of(&self, whose: Whose) -> Position {
        let Some(view) = self.redis.view() else { return Position::Unknown };
        // What was written before this epoch may not have been noted.
        if Instant::now() < view.epoch_began + self.life {
            return Position::Unknown;
        }
        match self.redis.ask(&view.home, house::beside(&view.home.link, &key(whose))).await {
            Ok((epoch, None)) if epoch == view.epoch => Position::Any,
            Ok((epoch, Some(text))) if epoch == view.epoch => {
                place(&text).map_or(Position::Unknown, Position::AtLeast)
            }
            // Somebody emptied it, or a new epoch has just begun.
            Ok(_) | Err(Away) => Position::Unknown,
        }
    }
}

fn place(text: &str) -> Option<Place> {
    let (log, position) = text.split_once(':')?;
    Some(Place { log: log.parse().ok()?, position: position.parse().ok()? })
}

fn key(whose: Whose) -> String {
    match whose {
        Whose::User(id) => format!("{{{}}}:position", id.simple()),
        Whose::Catalogue => "{headroom}:position".to_owned(),
    }
}
