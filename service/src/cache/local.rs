//! The tier of one process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use moka::Expiry;

use super::generations::{Generations, Scope};
use super::keys::{Family, Key};
use super::page::Page;
use super::{Answer, Counters, Load, Outcome, Ticket};
use crate::config::{CacheConfig, Policy};
use crate::error::Error;
use crate::telemetry::metrics::Metrics;

/// What an entry costs beside its name and body.
const ENTRY_BYTES: usize = 256;

/// Pages of this process by name and generation.
pub struct Local {
    pub generations: Generations,
    pub counters: Counters,
    policy: Policy,
    pages: moka::future::Cache<Stamped, Arc<Page>, RandomState>,
}

/// A name with the generations it was looked up in.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Stamped {
    family: Family,
    name: String,
    own: u64,
    catalogue: u64,
}

struct OwnTtl;

impl Expiry<Stamped, Arc<Page>> for OwnTtl {
    fn expire_after_create(&self, _: &Stamped, page: &Arc<Page>, _: Instant) -> Option<Duration> {
        Some(page.ttl)
    }

    fn expire_after_update(
        &self,
        _: &Stamped,
        page: &Arc<Page>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(page.ttl)
    }
}

impl Local {
    pub fn new(config: &CacheConfig, metrics: &Metrics) -> Self {
        let weight = |key: &Stamped, page: &Arc<Page>| {
            u32::try_from(key.name.len() + page.body.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            generations: Generations::default(),
            counters: Counters::new(metrics, "local"),
            policy: config.policy,
            pages: moka::future::Cache::builder()
                .max_capacity(config.max_bytes)
                .weigher(weight)
                .expire_after(OwnTtl)
                .build_with_hasher(RandomState::default()),
        }
    }

    /// `key` with the generations of now.
    pub fn stamped(&self, key: Key) -> Stamped {
        let own = key.own.map_or(0, |scope| self.generations.current(scope));
        let catalogue = if key.catalogue { self.generations.current(Scope::Products) } else { 0 };
        Stamped { family: key.family, name: key.name, own, catalogue }
    }

    pub async fn find(&self, key: &Stamped) -> Option<Arc<Page>> {
        self.pages.get(key).await
    }

    pub async fn load(&self, key: Stamped, load: Load<'_>) -> Answer {
        let family = key.family;
        if self.policy == Policy::Aside {
            let page = load.await?;
            self.pages.insert(key, Arc::clone(&page)).await;
            return Ok((page, self.counters.count(family, Outcome::Miss)));
        }
        let entry = self.pages.entry(key).or_try_insert_with(load).await;
        let entry = entry.map_err(|e: Arc<Error>| Error::clone(&e))?;
        let outcome = if entry.is_fresh() { Outcome::Miss } else { Outcome::Hit };
        Ok((entry.into_value(), self.counters.count(family, outcome)))
    }

    pub async fn write_through(&self, ticket: &Ticket, key: Key, page: Option<Page>) {
        let before = ticket.before.map_or(u64::MAX, |before| before.generation);
        let Some(own) = self.generations.bump_after(ticket.scope, before) else { return };
        if let Some(page) = page {
            let key = Stamped { own, ..self.stamped(key) };
            self.pages.insert(key, Arc::new(page)).await;
        }
    }
}
