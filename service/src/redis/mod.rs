//! Redis: one connection for the cache, rate limits and revocations, and what makes it safe to serve from.
//!
//! # The promise
//! Who got an acknowledgement of a write never reads a value of before it: not from another process, not when Redis is
//! killed, restarted with data from its disk, or cut off from some of the processes. And when Redis is away, requests
//! are answered all the same.
//!
//! # Values
//! A value in Redis, or a copy of one in a process, is valid only under the stamp it was stored with: the *epoch* of the
//! whole cache, and the *generation* of each scope that it shows. All of them are numbers that nobody drew before. A
//! reader learns the current stamp *before* it loads from the database; a writer replaces the generation *after* its
//! commit and *before* its acknowledgement ("tells the cache"). So a value that was loaded before a write bears a stamp
//! that is not current any more when the write is acknowledged. Nothing has to be deleted, and a generation that Redis
//! forgot is a new one. A command that was given up may still arrive, when the network comes back or because a
//! cluster's client sends it again. So telling counts a generation on: a command that named the new number would, late,
//! bring back one that values were stored under before the latest write.
//!
//! * The generations of one user's scopes lie in the slot of that user and are read with every value, in one round
//!   trip; one round trip is also what a hit in the copies of a process costs.
//! * The catalogue belongs to everybody and is read much, written little: its generation is an entry of the *journal*,
//!   which every process follows, so that its readers need no round trip when they have a copy. Its writer is not done
//!   until every process has read the entry, or must have stopped to trust what it knows (`TRUST`); so it is in a house
//!   too new to know who trusts the one of before. Ended sessions go the same way. Pub/sub wakes the readers of the
//!   journal; that a message may be lost costs time, nothing else.
//!
//! # Inside, outside
//! A writer that cannot reach Redis cannot tell the cache, and nobody who can reach it could know. What all processes
//! reach is the database, or they could not write at all. There (`cache_processes`) a process is *inside* while it
//! serves from the cache, for 5 s at a time, or *outside* while it writes without telling. Each first writes its own row
//! and then reads the others', so that of two processes at least one sees the other:
//!
//! * Inside, a process that sees one outside withdraws: it serves from the database until nobody is outside.
//! * Outside, a process acknowledges a write that it could not tell only when it saw nobody inside.
//! * Who comes back from outside, and acknowledged something there, first begins a new epoch, in which no value of
//!   before can be found, and then strikes out its row. For a process that died, perhaps between a commit and telling,
//!   the first who sees its stale row does so.
//!
//! When Redis dies, all processes go outside within milliseconds and writes go on. When one is cut off, its writes wait
//! until the others withdrew (about 1 s), and nobody uses the cache until it is back.
//!
//! # Another Redis under the same name
//! A connection to a server ends with it; to a cluster, every report compares the run ids of all masters, and a master
//! that was started again answers nothing for its first two seconds, longer than `TRUST`. In both cases the next report
//! begins a new epoch, so that values and generations from a disk or a replica are out of reach.
//!
//! # What is assumed
//! Clocks of the processes agree within 0.5 s (they only bound how long rows in the database count); a paused process
//! sees on waking that its time is over, because it counts by the monotonic clock. A slot that is migrated keeps its
//! keys. A value may be lost at any time, an acknowledged command may not, while the same server runs. Positions in the log
//! (`positions.rs`), which nobody could miss, live for seconds and were just used: a server that makes room must begin with
//! what was not used for long (`noeviction`, or one of the `lru` policies).

mod breaker;
mod house;
mod keeper;
mod link;
mod positions;
mod standing;

#[cfg(test)]
pub mod rig;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use metrics::Gauge;
use redis::{Cmd, FromRedisValue, RedisResult, ScriptInvocation};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use self::breaker::Breaker;
pub use self::house::CATALOGUE;
pub use self::keeper::{Members, keep};
use self::link::{Address, Link};
pub use self::positions::{Place, Position, Positions, Whose};
use crate::clock;
use crate::config::RedisConfig;
use crate::telemetry::metrics::Metrics;

/// How long a process trusts what the house told it, from when it asked.
pub const TRUST: Duration = Duration::from_secs(1);
/// How long a write tries to make itself known before the whole connection is given up.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a waiting writer looks whether it may go on.
const WAIT: Duration = Duration::from_millis(2);

/// Redis did not answer, or is not asked at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away;

/// Redis, as this process knows it.
pub struct Redis {
    config: RedisConfig,
    address: Address,
    /// This process among the others.
    process: Uuid,
    home: RwLock<Option<Arc<Home>>>,
    outside: Mutex<Outside>,
    /// Tells the keeper to look at once.
    poke: Notify,
    breaker_open: Gauge,
}

/// Whether writes may be acknowledged without telling the cache.
#[derive(Default)]
struct Outside {
    until: Option<Instant>,
    /// Whether one was.
    untold: bool,
}

/// One connection and what was learnt over it.
pub struct Home {
    link: Link,
    timeout: Duration,
    breaker: Breaker,
    trust: Mutex<Option<Trust>>,
}

#[derive(Clone, Copy)]
struct Trust {
    epoch: u64,
    epoch_began: Instant,
    catalogue: u64,
    until: Instant,
}

/// What a reader may rely on for the request it is serving.
#[derive(Clone)]
pub struct View {
    /// The connection.
    pub home: Arc<Home>,
    /// The epoch.
    pub epoch: u64,
    /// The generation of the catalogue.
    pub catalogue: u64,
    /// When the epoch began.
    pub epoch_began: Instant,
}

impl Redis {
    /// Redis as configured; `None` when there is none. Connects to nothing yet: [`keep`] does.
    ///
    /// # Errors
    /// When an address cannot be used.
    pub fn new(config: &RedisConfig, metrics: &Metrics) -> anyhow::Result<Option<Arc<Self>>> {
        if config.urls.is_empty() {
            return Ok(None);
        }
        let address = Address::new(config)
            .map_err(|e| anyhow::anyhow!("redis.urls cannot be used: {}", e.category()))?;
        let breaker_open = metrics.redis_breaker_open();
        breaker_open.set(1.0);
        Ok(Some(Arc::new(Self {
            config: config.clone(),
            address,
            process: clock::new_id(),
            home: RwLock::new(None),
            outside: Mutex::default(),
            poke: Notify::new(),
            breaker_open,
        })))
    }

    /// The connection, unless the breaker is open.
    pub fn home(&self) -> Option<Arc<Home>> {
        let home = self.home.read().unwrap_or_else(PoisonError::into_inner);
        home.as_ref().filter(|home| !home.breaker.is_open()).cloned()
    }

    /// What may be served from the cache now; `None` when nothing may.
    pub fn view(&self) -> Option<View> {
        let home = self.home()?;
        let trust = (*home.trust.lock().unwrap_or_else(PoisonError::into_inner))?;
        let Trust { epoch, epoch_began, catalogue, until } = trust;
        (Instant::now() < until).then_some(View { home, epoch, catalogue, epoch_began })
    }

    /// Asks one thing of Redis, in a time of its own.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn ask<T>(
        &self,
        home: &Home,
        question: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Away> {
        if home.breaker.is_open() {
            return Err(Away);
        }
        let too_many = match tokio::time::timeout(home.timeout, question).await {
            Ok(Ok(answer)) => {
                home.breaker.succeeded();
                return Ok(answer);
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "Redis did not do it");
                home.breaker
                    .failed(error.is_connection_dropped() || error.is_io_error() && !error.is_timeout())
            }
            Err(_elapsed) => home.breaker.failed(false),
        };
        if too_many {
            self.give_up(home);
        }
        Err(Away)
    }

    /// Opens the breaker of this connection, and lets the keeper look for another.
    fn give_up(&self, home: &Home) {
        if home.breaker.open() {
            tracing::warn!("Redis does not answer; going on without it");
            self.breaker_open.set(1.0);
            self.poke.notify_one();
        }
    }

    /// Makes a write known by `attempt`, repeated until it succeeded, or until nobody could be misled without it: then
    /// `None`.
    pub async fn tell<T, F>(&self, attempt: impl Fn(Arc<Home>) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, Away>>,
    {
        let began = Instant::now();
        loop {
            if let Some(home) = self.home() {
                if let Ok(told) = attempt(Arc::clone(&home)).await {
                    return Some(told);
                }
                // Other commands may succeed, on other nodes of a cluster; a write has to be told where it belongs.
                if began.elapsed() > PATIENCE {
                    self.give_up(&home);
                }
            }
            {
                let mut outside = self.outside.lock().unwrap_or_else(PoisonError::into_inner);
                if outside.until.is_some_and(|until| Instant::now() < until) {
                    outside.untold = true;
                    return None;
                }
            }
            tokio::time::sleep(WAIT).await;
        }
    }

    /// Writes `entry` into the journal, and returns when every process has read it or trusts nothing it knew before.
    pub async fn announce(&self, entry: &str) {
        let attempt =
            |home: Arc<Home>| async move { self.ask(&home, house::announce(&home.link, entry)).await };
        let Some((epoch, age_ms, place)) = self.tell(attempt).await else { return };
        self.poke.notify_one();
        // A new house does not know who trusts the one of before.
        let mut countable = epoch != 0 && Duration::from_millis(age_ms) > TRUST;
        let deadline = Instant::now() + TRUST;
        while Instant::now() < deadline {
            tokio::time::sleep(WAIT).await;
            let Some(home) = self.home().filter(|_| countable) else { continue };
            match self.ask(&home, house::behind(&home.link, place)).await {
                Ok((now, 0)) if now == epoch => return,
                Ok((now, _)) => countable = now == epoch,
                Err(Away) => {}
            }
        }
    }

    /// Positions in the write-ahead log that live for `life`.
    pub fn positions(self: &Arc<Self>, life: Duration) -> Positions {
        Positions::new(Arc::clone(self), life)
    }

    /// Waits until the cache may be served from, at most for `longest`. Returns whether it may.
    pub async fn ready(&self, longest: Duration) -> bool {
        let deadline = Instant::now() + longest;
        while self.view().is_none() {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(WAIT).await;
        }
        true
    }
}

impl Home {
    /// One command.
    ///
    /// # Errors
    /// What Redis says; to be asked through [`Redis::ask`].
    pub async fn command<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        self.link.command(command).await
    }

    /// One script.
    ///
    /// # Errors
    /// What Redis says; to be asked through [`Redis::ask`].
    pub async fn script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        self.link.script(script).await
    }

    fn set_trust(&self, trust: Option<Trust>) {
        *self.trust.lock().unwrap_or_else(PoisonError::into_inner) = trust;
    }
}

/// A number that nobody drew before, as far as 62 bits go: Redis can count on from it.
pub fn fresh() -> u64 {
    (u64::from_le_bytes(clock::random_bytes()) >> 2).max(1)
}
