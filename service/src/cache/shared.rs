//! The tiers of several processes: Redis, and copies in this process in front of it. Why it is right is told in
//! `redis/mod.rs`.
//!
//! Loads are single within a process. Of N processes each may load a key once after it changed, all of them within
//! `cache.db_concurrency`: a lock in Redis would spare N − 1 loads a change, and cost every miss a round trip and a wait for
//! whoever died holding it.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use futures_util::future::join_all;
use moka::Expiry;
use redis::{Script, ScriptInvocation};
use tokio::sync::Semaphore;

use super::generations::Scope;
use super::keys::Key;
use super::page::Page;
use super::value::{Stamp, decode, encode};
use super::{Answer, Before, Counters, Load, Outcome, Ticket};
use crate::config::{CacheConfig, Policy, Tier};
use crate::error::Error;
use crate::redis::{Away, CATALOGUE, Home, Redis, View, fresh};
use crate::telemetry::metrics::Metrics;

/// A generation that nobody changed for so long is forgotten, and with it what it was good for.
const GENERATION_MS: u64 = 3600 * 1000;
/// What a copy costs beside its name and body.
const COPY_BYTES: usize = 320;

/// How long a page that was just loaded is given to those who looked for it in Redis before it was there. It bears its
/// stamp, so that it is never wrong.
const FRESH: Duration = Duration::from_secs(1);
const FRESH_BYTES: u64 = 8 * 1024 * 1024;

type Copies = moka::future::Cache<String, Arc<Copied>, RandomState>;

/// Pages in Redis.
pub struct Shared {
    redis: Arc<Redis>,
    policy: Policy,
    /// Under `cache.tier = tiered`.
    copies: Option<Copies>,
    /// What is being loaded, and was just now, by name and stamp: who knows a newer stamp does not wait for an older load.
    fresh: moka::future::Cache<String, Arc<Page>, RandomState>,
    /// Places for loads from the database.
    loads: Semaphore,
    of_copies: Counters,
    of_redis: Counters,
}

struct Copied {
    page: Arc<Page>,
    stamp: Stamp,
}

struct OwnTtl;

impl Expiry<String, Arc<Copied>> for OwnTtl {
    fn expire_after_create(&self, _: &String, copy: &Arc<Copied>, _: Instant) -> Option<Duration> {
        Some(copy.page.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        copy: &Arc<Copied>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(copy.page.ttl)
    }
}

/// The generation of a scope; the one that is given if there is none.
static CURRENT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local generation = redis.call('GET', KEYS[1])
        if not generation then
            generation = ARGV[1]
            redis.call('SET', KEYS[1], generation, 'PX', ARGV[2])
        end
        return generation",
    )
});

/// A generation that was never current, though a cluster's client may send this twice and the network may deliver it late:
/// the next number, or the one that is given if there is none.
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
            redis.call('INCR', KEYS[1])
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
        end",
    )
});

/// A new generation and the value of it, if nobody changed the one of before; else nothing.
static WRITE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local latest = redis.call('GET', KEYS[1]) == ARGV[1]
        if latest then
            redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
            redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[5])
        end
        return latest",
    )
});

impl Shared {
    pub fn new(config: &CacheConfig, redis: Arc<Redis>, metrics: &Metrics) -> Self {
        let weight = |name: &String, copy: &Arc<Copied>| {
            u32::try_from(name.len() + copy.page.body.len() + COPY_BYTES).unwrap_or(u32::MAX)
        };
        let copies = || {
            moka::future::Cache::builder()
                .max_capacity(config.max_bytes)
                .weigher(weight)
                .expire_after(OwnTtl)
                .build_with_hasher(RandomState::default())
        };
        Self {
            redis,
            policy: config.policy,
            copies: (config.tier == Tier::Tiered).then(copies),
            fresh: moka::future::Cache::builder()
                .max_capacity(FRESH_BYTES)
                .weigher(|name: &String, page: &Arc<Page>| {
                    u32::try_from(name.len() + page.body.len() + COPY_BYTES).unwrap_or(u32::MAX)
                })
                .time_to_live(FRESH)
                .build_with_hasher(RandomState::default()),
            loads: Semaphore::new(config.db_concurrency),
            of_copies: Counters::new(metrics, "local"),
            of_redis: Counters::new(metrics, "redis"),
        }
    }

    pub async fn read(&self, key: Key, load: Load<'_>) -> Answer {
        let family = key.family;
        // It is certain for as long as the cache lives.
        let load = async {
            let _place = self.loads.acquire().await;
            load.await
        };
        let found = match self.redis.view() {
            Some(view) => self.find(&view, &key).await,
            None => Err(Away),
        };
        match found {
            Ok(Ok(page)) => Ok((page, Outcome::Hit)),
            Ok(Err(stamp)) if self.policy == Policy::Through => {
                let name = format!("{}:{}:{}:{}", stamp.epoch, stamp.own, stamp.catalogue, key.name);
                let entry = self.fresh.entry(name).or_try_insert_with(load).await;
                let entry = entry.map_err(|e: Arc<Error>| Error::clone(&e))?;
                let (loaded, page) = (entry.is_fresh(), entry.into_value());
                if loaded {
                    self.keep(&key, &page, stamp).await;
                }
                Ok((page, self.of_redis.count(family, if loaded { Outcome::Miss } else { Outcome::Hit })))
            }
            Ok(Err(stamp)) => {
                let page = load.await?;
                self.keep(&key, &page, stamp).await;
                Ok((page, self.of_redis.count(family, Outcome::Miss)))
            }
            Err(Away) => Ok((load.await?, self.of_redis.count(family, Outcome::Bypass))),
        }
    }

    /// The page under `key`, or the stamp that one loaded from now on will bear.
    async fn find(&self, view: &View, key: &Key) -> Result<Result<Arc<Page>, Stamp>, Away> {
        let catalogue = if key.catalogue { view.catalogue } else { 0 };
        let mut stamp = Stamp { epoch: view.epoch, own: 0, catalogue };
        let copy = match &self.copies {
            Some(copies) => copies.get(key.name.as_str()).await,
            None => None,
        };
        let copy = copy.filter(|copy| (copy.stamp.epoch, copy.stamp.catalogue) == (view.epoch, catalogue));
        let mut value = None;
        if let Some(scope) = key.own {
            let (generation, found) =
                self.look(view, &scope.name(), copy.is_none().then_some(&key.name)).await?;
            stamp.own = match generation {
                Some(generation) => generation,
                None => self.current(view, scope).await?,
            };
            value = Some(found).filter(|_| copy.is_none());
        }
        if let Some(copy) = copy.filter(|copy| copy.stamp == stamp) {
            self.of_copies.count(key.family, Outcome::Hit);
            return Ok(Ok(Arc::clone(&copy.page)));
        }
        if self.copies.is_some() {
            self.of_copies.count(key.family, Outcome::Miss);
        }
        let value = match value {
            Some(value) => value,
            None => {
                let mut get = redis::cmd("GET");
                get.arg(&key.name);
                self.redis.ask(&view.home, view.home.command::<Option<Vec<u8>>>(&get)).await?
            }
        };
        let Some(page) = value.and_then(|bytes| decode(bytes, stamp)).map(Arc::new) else {
            return Ok(Err(stamp));
        };
        self.copy(key, &page, stamp).await;
        self.of_redis.count(key.family, Outcome::Hit);
        Ok(Ok(page))
    }

    /// A generation and, if it has a name, a value, in one round trip.
    async fn look(
        &self,
        view: &View,
        generation: &str,
        value: Option<&String>,
    ) -> Result<(Option<u64>, Option<Vec<u8>>), Away> {
        let Some(value) = value else {
            let mut get = redis::cmd("GET");
            get.arg(generation);
            return Ok((self.redis.ask(&view.home, view.home.command(&get)).await?, None));
        };
        let mut get = redis::cmd("MGET");
        get.arg(generation).arg(value);
        self.redis.ask(&view.home, view.home.command(&get)).await
    }

    async fn current(&self, view: &View, scope: Scope) -> Result<u64, Away> {
        let mut call = CURRENT.prepare_invoke();
        call.key(scope.name()).arg(fresh()).arg(GENERATION_MS);
        self.redis.ask(&view.home, view.home.script(&call)).await
    }

    /// The generation of `scope` with its epoch, if a value may be stored under it later.
    pub async fn generation(&self, scope: Scope) -> Option<Before> {
        let view = self.redis.view()?;
        let generation = self.current(&view, scope).await.ok()?;
        Some(Before { epoch: view.epoch, generation })
    }

    async fn keep(&self, key: &Key, page: &Arc<Page>, stamp: Stamp) {
        self.copy(key, page, stamp).await;
        let Some(home) = self.redis.home() else { return };
        let mut set = redis::cmd("SET");
        set.arg(&key.name).arg(encode(page, stamp)).arg("PX").arg(life_ms(page));
        // What is not kept is loaded again.
        let _ = self.redis.ask(&home, home.command::<()>(&set)).await;
    }

    async fn copy(&self, key: &Key, page: &Arc<Page>, stamp: Stamp) {
        if let Some(copies) = &self.copies {
            copies.insert(key.name.clone(), Arc::new(Copied { page: Arc::clone(page), stamp })).await;
        }
    }

    pub async fn invalidate(&self, scopes: &[Scope]) {
        match scopes {
            [scope] => self.renew(*scope).await,
            scopes => drop(join_all(scopes.iter().map(|scope| self.renew(*scope))).await),
        }
    }

    async fn renew(&self, scope: Scope) {
        if scope == Scope::Products {
            return self.redis.announce(CATALOGUE).await;
        }
        let name = &scope.name();
        let attempt =
            |home: Arc<Home>| async move { self.redis.ask(&home, home.script::<()>(&renewal(name))).await };
        self.redis.tell(attempt).await;
    }

    pub async fn write_through(&self, ticket: &Ticket, key: &Key, page: Option<Page>) {
        let (Some(before), Some(page)) = (ticket.before, page) else {
            return self.renew(ticket.scope).await;
        };
        // The epoch is the one of before the write: in a later one, somebody may have written past the cache meanwhile.
        let stamp = Stamp { epoch: before.epoch, own: fresh(), catalogue: 0 };
        let call = &writing(&ticket.scope.name(), &key.name, before, &page, stamp);
        let attempt = |home: Arc<Home>| async move { self.redis.ask(&home, home.script::<bool>(call)).await };
        if self.redis.tell(attempt).await == Some(false) {
            self.renew(ticket.scope).await;
        }
    }
}

fn renewal(generation: &str) -> ScriptInvocation<'static> {
    let mut call = RENEW.prepare_invoke();
    call.key(generation).arg(fresh()).arg(GENERATION_MS);
    call
}

fn writing(
    generation: &str,
    value: &str,
    before: Before,
    page: &Page,
    stamp: Stamp,
) -> ScriptInvocation<'static> {
    let mut call = WRITE.prepare_invoke();
    call.key(generation).key(value).arg(before.generation).arg(stamp.own).arg(GENERATION_MS);
    call.arg(encode(page, stamp)).arg(life_ms(page));
    call
}

fn life_ms(page: &Page) -> u64 {
    u64::try_from(page.ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::redis::rig::Rig;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_generation_never_comes_back_though_what_renewed_it_arrives_again_after_others() {
        for rig in [Rig::server().await, Rig::cluster().await] {
            let process = rig.process().await;
            let home = process.redis.home().unwrap();
            let mut get = redis::cmd("GET");
            get.arg("{1}:g");
            let generation = async || home.command::<u64>(&get).await.unwrap();
            let mut seen = HashSet::new();
            let first = renewal("{1}:g");
            for call in [&first, &renewal("{1}:g"), &first, &first] {
                home.script::<()>(call).await.unwrap();
                assert!(seen.insert(generation().await), "it is one of before");
            }

            let before = Before { epoch: 1, generation: generation().await };
            let page = Page::new(b"1".to_vec(), Duration::from_secs(100));
            let stamp = Stamp { epoch: 1, own: fresh(), catalogue: 0 };
            let write = writing("{1}:g", "{1}:v", before, &page, stamp);
            assert!(home.script::<bool>(&write).await.unwrap(), "nobody wrote since");
            assert_eq!(generation().await, stamp.own);
            home.script::<()>(&first).await.unwrap();
            let latest = generation().await;
            assert!(!home.script::<bool>(&write).await.unwrap() && generation().await == latest);
            assert!(seen.insert(stamp.own) && seen.insert(latest), "it is one of before");
        }
    }
}
