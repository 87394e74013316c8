//! Rate limits: which quota applies to whom, and the numbers that GCRA keeps, in this process.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use metrics::Counter;
use tokio::time::Instant;
use uuid::Uuid;

use super::gcra::{Decision, Quota};
use crate::config::Profile;
use crate::error::Error;
use crate::telemetry::metrics::Metrics;

/// What a route costs, for its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Class {
    /// Registering, logging in and out, refreshing: per address, and per account where one is named.
    Auth,
    /// Lists narrowed by a text: per user.
    Search,
    /// Lists: per user.
    Listing,
    /// Favourites: per user.
    Favorites,
    /// Everything else: per address.
    General,
}

const NAMES: [&str; 5] = ["auth", "search", "listing", "favorites", "general"];

const fn strict(class: Class) -> Quota {
    match class {
        Class::Auth => Quota::per(5, 60),
        Class::Search => Quota::per(30, 60),
        Class::Listing => Quota::per(60, 60),
        Class::Favorites => Quota::per(20, 60),
        Class::General => Quota::per(100, 15 * 60),
    }
}

/// One address may be a load generator with a hundred thousand users; a quota still ends a loop gone wild.
const fn generous(class: Class) -> Quota {
    match class {
        Class::Auth => Quota::per(60_000, 60),
        Class::Search => Quota::per(600_000, 60),
        Class::Listing => Quota::per(6_000_000, 60),
        Class::Favorites => Quota::per(600_000, 60),
        Class::General => Quota::per(90_000_000, 15 * 60),
    }
}

/// Whom a quota belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject<'a> {
    /// Everybody at one address.
    Address(IpAddr),
    /// One user.
    User(Uuid),
    /// Whoever tries to log in to one account, by its e-mail in lower case.
    Account(&'a str),
}

const SHARDS: usize = 64;
/// A shard is swept of subjects whose quota is whole again when it has grown by this many.
const SWEEP_EVERY: usize = 4096;

#[derive(Default)]
struct Shard {
    arrivals_ns: HashMap<u64, u64, RandomState>,
    sweep_at: usize,
}

/// The rate limits of this process.
pub struct Limits {
    profile: Profile,
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    started: Instant,
    refused: Vec<Counter>,
}

impl Limits {
    /// Limits of `profile`.
    pub fn new(profile: Profile, metrics: &Metrics) -> Self {
        Self {
            profile,
            shards: (0..SHARDS)
                .map(|_| Mutex::new(Shard { sweep_at: SWEEP_EVERY, ..Shard::default() }))
                .collect(),
            hasher: RandomState::default(),
            started: Instant::now(),
            refused: NAMES.iter().map(|name| metrics.rate_limited(name)).collect(),
        }
    }

    /// Counts a request of `class` by `subject`. `None` when nothing is limited.
    pub fn decide(&self, class: Class, subject: Subject<'_>) -> Option<Decision> {
        let quota = match self.profile {
            Profile::Strict => strict(class),
            Profile::Generous => generous(class),
            Profile::Off => return None,
        };
        let now_ns = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let decision = self.decide_at(quota, (class, subject), now_ns);
        if !decision.admitted {
            self.refused[class as usize].increment(1);
        }
        Some(decision)
    }

    /// Counts a login attempt at the account `email`, on top of the limit per address.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn account(&self, email: &str) -> Result<(), Error> {
        match self.decide(Class::Auth, Subject::Account(email)) {
            Some(refused) if !refused.admitted => {
                Err(Error::RateLimited { retry_after_s: refused.retry_after_s })
            }
            _ => Ok(()),
        }
    }

    fn decide_at(&self, quota: Quota, key: impl Hash, now_ns: u64) -> Decision {
        let key = self.hasher.hash_one(key);
        let mut shard = self.shards[key as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.arrivals_ns.len() >= shard.sweep_at {
            shard.arrivals_ns.retain(|_, arrival_ns| *arrival_ns > now_ns);
            shard.sweep_at = shard.arrivals_ns.len() + SWEEP_EVERY;
        }
        let arrival_ns = shard.arrivals_ns.entry(key).or_default();
        let (decision, kept_ns) = quota.decide(*arrival_ns, now_ns);
        *arrival_ns = kept_ns;
        decision
    }
}

/// A list that is narrowed by a text is a search.
pub fn class_of(class: Class, query: Option<&str>) -> Class {
    let narrowed = |query: &str| query.split('&').any(|pair| pair.starts_with("q=") && pair.len() > 2);
    if class == Class::Listing && query.is_some_and(narrowed) { Class::Search } else { class }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strict_limits_are_those_of_a_public_service() {
        let limits = Limits::new(Profile::Strict, &Metrics::default());
        let address = Subject::Address([203, 0, 113, 9].into());
        let admitted =
            |class, subject| (0..200).filter(|_| limits.decide(class, subject).unwrap().admitted).count();
        assert_eq!(admitted(Class::Auth, address), 5);
        assert_eq!(admitted(Class::General, address), 100);
        assert_eq!(admitted(Class::Listing, Subject::User(Uuid::from_u128(1))), 60);
        assert_eq!(admitted(Class::Listing, Subject::User(Uuid::from_u128(2))), 60, "each user has a quota");
        assert_eq!(admitted(Class::Auth, Subject::Account("a@headroom.example")), 5);
    }

    #[test]
    fn subjects_whose_quota_is_whole_again_are_forgotten() {
        let limits = Limits::new(Profile::Strict, &Metrics::default());
        let quota = Quota::per(5, 60);
        for n in 0..1_000_000u64 {
            // One request every millisecond, each by somebody new.
            limits.decide_at(quota, n, n * 1_000_000);
        }
        let kept: usize = limits.shards.iter().map(|shard| shard.lock().unwrap().arrivals_ns.len()).sum();
        assert!(kept <= SHARDS * 2 * SWEEP_EVERY, "{kept}");
    }

    #[test]
    fn a_list_narrowed_by_a_text_is_a_search() {
        assert_eq!(class_of(Class::Listing, Some("limit=5&q=lamp")), Class::Search);
        assert_eq!(class_of(Class::Listing, Some("limit=5&q=")), Class::Listing);
        assert_eq!(class_of(Class::Listing, None), Class::Listing);
        assert_eq!(class_of(Class::General, Some("q=lamp")), Class::General);
    }
}
