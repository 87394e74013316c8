//! Reading through the cache, with single flight.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use futures_util::future::{BoxFuture, FutureExt as _};
use metrics::Counter;
use moka::Expiry;
use serde::Serialize;

use super::generations::{Generations, Scope, Ticket};
use super::keys::{Family, Key};
use super::page::Page;
use crate::clock;
use crate::config::{CacheConfig, Policy};
use crate::error::Error;
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

/// The response cache of this process.
pub struct Cache {
    /// What writes invalidate.
    pub generations: Generations,
    policy: Policy,
    pages: moka::future::Cache<Key, Arc<Page>, RandomState>,
    counters: Vec<[Counter; 3]>,
}

struct OwnTtl;

impl Expiry<Key, Arc<Page>> for OwnTtl {
    fn expire_after_create(&self, _: &Key, page: &Arc<Page>, _: Instant) -> Option<Duration> {
        Some(page.ttl)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        page: &Arc<Page>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(page.ttl)
    }
}

/// What an entry costs beside its key and body.
const ENTRY_BYTES: usize = 256;

impl Cache {
    /// An empty cache.
    pub fn new(config: &CacheConfig, metrics: &Metrics) -> Self {
        let weight = |key: &Key, page: &Arc<Page>| {
            u32::try_from(key.text.len() + page.body.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            generations: Generations::default(),
            policy: config.policy,
            pages: moka::future::Cache::builder()
                .max_capacity(config.max_bytes)
                .weigher(weight)
                .expire_after(OwnTtl)
                .build_with_hasher(RandomState::default()),
            counters: Family::ALL
                .into_iter()
                .map(|family| {
                    ["hit", "miss", "bypass"].map(|result| metrics.cache_requests(family.name(), result))
                })
                .collect(),
        }
    }

    /// The page under `key`, or the one that `load` makes. Under `cache.policy = through`, of all requests that miss
    /// one key at the same time, one loads and the others wait for it; a failure is everybody's and is not kept.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn read<T, F>(&self, key: Key, load: F) -> Result<(Arc<Page>, Outcome), Error>
    where
        T: Serialize,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let family = key.family;
        if self.policy != Policy::Off
            && let Some(page) = self.pages.get(&key).await
        {
            return Ok((page, self.count(family, Outcome::Hit)));
        }
        // Boxed, so that everything below is compiled once and not once per route; a query costs far more.
        self.load(key, async move { Ok(Arc::new(make_page(family, &load.await?)?)) }.boxed()).await
    }

    async fn load(
        &self,
        key: Key,
        load: BoxFuture<'_, Result<Arc<Page>, Error>>,
    ) -> Result<(Arc<Page>, Outcome), Error> {
        let family = key.family;
        match self.policy {
            Policy::Off => Ok((load.await?, self.count(family, Outcome::Bypass))),
            Policy::Aside => {
                let page = load.await?;
                self.pages.insert(key, Arc::clone(&page)).await;
                Ok((page, self.count(family, Outcome::Miss)))
            }
            Policy::Through => {
                let entry = self.pages.entry(key).or_try_insert_with(load).await;
                let entry = entry.map_err(|e: Arc<Error>| Error::clone(&e))?;
                let outcome = if entry.is_fresh() { Outcome::Miss } else { Outcome::Hit };
                Ok((entry.into_value(), self.count(family, outcome)))
            }
        }
    }

    /// Makes everything cached in `scope` so far unreachable. To be called between a write's commit and its
    /// acknowledgement.
    pub fn invalidate(&self, scope: Scope) {
        self.generations.bump(scope);
    }

    /// Invalidates the ticket's scope; under `cache.policy = through`, stores what the write left behind, unless
    /// another write came between.
    pub async fn write_through<T: Serialize>(&self, ticket: &Ticket, key: impl Fn(u64) -> Key, value: &T) {
        let Some(generation) = self.generations.bump_after(ticket) else { return };
        if self.policy != Policy::Through {
            return;
        }
        let key = key(generation);
        // A value that does not serialise is found out by its next reader.
        if let Ok(page) = make_page(key.family, value) {
            self.pages.insert(key, Arc::new(page)).await;
        }
    }

    fn count(&self, family: Family, outcome: Outcome) -> Outcome {
        self.counters[family as usize][outcome as usize].increment(1);
        outcome
    }
}

fn make_page<T: Serialize>(family: Family, value: &T) -> Result<Page, Error> {
    let body = serde_json::to_vec(value).map_err(Error::internal)?;
    Ok(Page::new(body, jittered(family.ttl())))
}

/// `ttl` ±10 %, so that what was stored together does not expire together.
fn jittered(ttl: Duration) -> Duration {
    ttl.mul_f64(clock::random_between(0.9..=1.1))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::super::keys;
    use super::*;

    fn cache(policy: Policy) -> Arc<Cache> {
        let config = CacheConfig { policy, ..CacheConfig::default() };
        Arc::new(Cache::new(&config, &Metrics::default()))
    }

    fn key(name: &str) -> Key {
        Key { family: Family::Products, text: name.to_owned() }
    }

    /// A thousand tasks that all begin to read one key before the first load can finish; how many loads there were.
    async fn thousand_readers(policy: Policy) -> (usize, usize) {
        let (cache, loads) = (cache(policy), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let readers: Vec<_> = (0..1000)
            .map(|_| {
                let (cache, loads, gate) = (Arc::clone(&cache), Arc::clone(&loads), Arc::clone(&gate));
                tokio::spawn(async move {
                    let load = async {
                        loads.fetch_add(1, Ordering::SeqCst);
                        let _open = gate.acquire().await;
                        Ok("value")
                    };
                    cache.read(key("k"), load).await.unwrap().1
                })
            })
            .collect();
        while loads.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..2000 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1000);
        let mut misses = 0;
        for reader in readers {
            misses += usize::from(reader.await.unwrap() == Outcome::Miss);
        }
        (loads.load(Ordering::SeqCst), misses)
    }

    #[tokio::test]
    async fn a_thousand_concurrent_misses_of_one_key_make_one_query() {
        assert_eq!(thousand_readers(Policy::Through).await, (1, 1));
    }

    #[tokio::test]
    async fn beside_the_cache_every_concurrent_miss_makes_its_own_query() {
        assert_eq!(thousand_readers(Policy::Aside).await, (1000, 1000));
    }

    #[tokio::test]
    async fn without_a_cache_every_read_is_a_bypass() {
        let cache = cache(Policy::Off);
        for _ in 0..2 {
            assert_eq!(cache.read(key("k"), async { Ok(1) }).await.unwrap().1, Outcome::Bypass);
        }
    }

    #[tokio::test]
    async fn a_failure_is_passed_on_and_not_kept() {
        let cache = cache(Policy::Through);
        let failed = cache.read::<u8, _>(key("k"), async { Err(Error::NotFound("task")) }).await;
        assert!(matches!(failed, Err(Error::NotFound("task"))));
        assert_eq!(cache.read(key("k"), async { Ok(1) }).await.unwrap().1, Outcome::Miss);
        assert_eq!(cache.read(key("k"), async { Ok(1) }).await.unwrap().1, Outcome::Hit);
    }

    #[tokio::test]
    async fn a_value_loaded_before_a_write_is_never_found_after_it() {
        let cache = cache(Policy::Through);
        let user = uuid::Uuid::from_u128(1);
        let slow = {
            let name = keys::stats(&cache.generations, user);
            let writer = Arc::clone(&cache);
            // The write commits and is acknowledged while this load is under way with the old value.
            cache.read(name, async move {
                writer.invalidate(Scope::TasksOf(user));
                Ok("old")
            })
        };
        slow.await.unwrap();
        let (page, outcome) =
            cache.read(keys::stats(&cache.generations, user), async { Ok("new") }).await.unwrap();
        assert_eq!((&page.body[..], outcome), (&b"\"new\""[..], Outcome::Miss));
    }

    #[tokio::test]
    async fn a_value_written_through_is_found_without_a_query() {
        let cache = cache(Policy::Through);
        let (owner, id) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
        let ticket = cache.generations.ticket(Scope::Task(id));
        cache.write_through(&ticket, |generation| keys::task_at(generation, owner, id), &"written").await;
        let name = keys::task(&cache.generations, owner, id);
        let (page, outcome) = cache.read(name, async { Ok("queried") }).await.unwrap();
        assert_eq!((&page.body[..], outcome), (&b"\"written\""[..], Outcome::Hit));
    }

    proptest! {
        #[test]
        fn a_jittered_ttl_stays_within_a_tenth(seconds in 1u64..100_000) {
            let ttl = Duration::from_secs(seconds);
            let jittered = jittered(ttl);
            prop_assert!(jittered >= ttl.mul_f64(0.899) && jittered <= ttl.mul_f64(1.101));
        }
    }
}
