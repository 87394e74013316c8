//! The response cache: serialised bytes under names, each good for the generations it was loaded in.
//!
//! A write bumps the generation of what it changed *after* its commit and *before* it is acknowledged. Readers take the
//! generation before they load, so that a value loaded before a write can never be found after it. In one process the
//! generations are counters (`local.rs`); what several processes share lies in Redis (`shared.rs`), by the rules that
//! `redis/mod.rs` gives reasons for.

mod generations;
pub mod keys;
mod local;
mod page;
mod shared;
mod value;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use metrics::Counter;
use serde::Serialize;

pub use self::generations::Scope;
use self::keys::{Family, Key};
use self::local::Local;
#[cfg(feature = "br")]
pub use self::page::brotli;
pub use self::page::{COMPRESS_ABOVE_BYTES, Page, gzip};
use self::shared::Shared;
use crate::clock;
use crate::config::{CacheConfig, Policy, Tier};
use crate::error::Error;
use crate::redis::Redis;
use crate::telemetry::metrics::Metrics;

/// Where a response came from, as `X-Cache` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// From the cache, or from a query that another request was already making.
    Hit,
    /// From the database; it is in the cache now.
    Miss,
    /// From the database, past the cache.
    Bypass,
}

type Load<'a> = BoxFuture<'a, Result<Arc<Page>, Error>>;
type Answer = Result<(Arc<Page>, Outcome), Error>;

/// The response cache.
pub struct Cache {
    policy: Policy,
    tier: Kept,
    bypass: Counters,
}

enum Kept {
    Local(Local),
    Shared(Box<Shared>),
}

/// The generation before a write began, to be taken before a write that will know the new value.
pub struct Ticket {
    scope: Scope,
    /// `None`: nobody knows it, so that nothing is stored.
    before: Option<Before>,
}

#[derive(Clone, Copy)]
struct Before {
    epoch: u64,
    generation: u64,
}

impl Cache {
    /// An empty cache. `redis` is where a shared tier lies.
    pub fn new(config: &CacheConfig, redis: Option<Arc<Redis>>, metrics: &Metrics) -> Self {
        let (tier, tier_name) = match (config.tier, redis) {
            (Tier::Redis | Tier::Tiered, Some(redis)) => {
                (Kept::Shared(Box::new(Shared::new(config, redis, metrics))), "redis")
            }
            _ => (Kept::Local(Local::new(config, metrics)), "local"),
        };
        Self { policy: config.policy, tier, bypass: Counters::new(metrics, tier_name) }
    }

    /// The page under `key`, or the one that `load` makes. Under `cache.policy = through`, of all requests that miss
    /// one key at the same time, one loads and the others wait for it; a failure is everybody's and is not kept.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn read<T, F>(&self, key: Key, load: F) -> Answer
    where
        T: Serialize,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let family = key.family;
        // Boxed, so that everything below is compiled once and not once per route; a query costs far more.
        let load = async move { Ok(Arc::new(make_page(family, &load.await?)?)) };
        if self.policy == Policy::Off {
            return Ok((load.await?, self.bypass.count(family, Outcome::Bypass)));
        }
        match &self.tier {
            Kept::Local(local) => {
                let key = local.stamped(key);
                match local.find(&key).await {
                    Some(page) => Ok((page, local.counters.count(family, Outcome::Hit))),
                    None => local.load(key, load.boxed()).await,
                }
            }
            Kept::Shared(shared) => shared.read(key, load.boxed()).await,
        }
    }

    /// Makes everything cached in `scopes` so far unreachable, for every process. To be awaited between a write's
    /// commit and its acknowledgement, also when the write turns out to have been done before.
    pub async fn invalidate(&self, scopes: &[Scope]) {
        match &self.tier {
            Kept::Local(local) => scopes.iter().for_each(|scope| local.generations.bump(*scope)),
            Kept::Shared(shared) => shared.invalidate(scopes).await,
        }
    }

    /// What [`Self::write_through`] needs from before the write.
    pub async fn ticket(&self, scope: Scope) -> Ticket {
        let before = match &self.tier {
            Kept::Local(local) => Some(Before { epoch: 0, generation: local.generations.current(scope) }),
            Kept::Shared(shared) if self.policy == Policy::Through => shared.generation(scope).await,
            Kept::Shared(_) => None,
        };
        Ticket { scope, before }
    }

    /// Invalidates the ticket's scope; under `cache.policy = through`, stores under `key` what the write left behind,
    /// unless another write came between. To be awaited like [`Self::invalidate`].
    pub async fn write_through<T: Serialize>(&self, ticket: &Ticket, key: Key, value: &T) {
        // A value that does not serialise is found out by its next reader.
        let page = (self.policy == Policy::Through).then(|| make_page(key.family, value).ok()).flatten();
        match &self.tier {
            Kept::Local(local) => local.write_through(ticket, key, page).await,
            Kept::Shared(shared) => shared.write_through(ticket, &key, page).await,
        }
    }
}

/// Outcomes by family, in one tier.
struct Counters(Vec<[Counter; 3]>);

impl Counters {
    fn new(metrics: &Metrics, tier: &'static str) -> Self {
        let family = |family: Family| {
            ["hit", "miss", "bypass"].map(|result| metrics.cache_requests(family.name(), tier, result))
        };
        Self(Family::ALL.into_iter().map(family).collect())
    }

    fn count(&self, family: Family, outcome: Outcome) -> Outcome {
        self.0[family as usize][outcome as usize].increment(1);
        outcome
    }
}

fn make_page<T: Serialize>(family: Family, value: &T) -> Result<Page, Error> {
    let body = serde_json::to_vec(value).map_err(Error::internal)?;
    // ±10 %, so that what was stored together does not expire together.
    Ok(Page::new(body, family.ttl().mul_f64(clock::random_between(0.9..=1.1))))
}
