//! Rate limits: which quota applies to whom, and where the numbers that GCRA keeps lie.

mod process;
mod shared;

use std::net::IpAddr;
use std::sync::Arc;

use metrics::Counter;
use uuid::Uuid;

use self::process::InProcess;
use self::shared::InRedis;
use super::gcra::{Decision, Quota};
use crate::config::Profile;
use crate::error::Error;
use crate::redis::{Away, Redis};
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

/// The rate limits of this service.
pub struct Limits {
    profile: Profile,
    process: InProcess,
    /// For all processes together. While Redis is away, each process counts for itself.
    redis: Option<InRedis>,
    refused: Vec<Counter>,
    counted_alone: Counter,
}

impl Limits {
    /// Limits of `profile`, counted in `redis` if there is one.
    pub fn new(profile: Profile, redis: Option<Arc<Redis>>, metrics: &Metrics) -> Self {
        Self {
            profile,
            process: InProcess::default(),
            redis: redis.map(InRedis),
            refused: NAMES.iter().map(|name| metrics.rate_limited(name)).collect(),
            counted_alone: metrics.rate_limits_counted_alone(),
        }
    }

    /// Counts a request of `class` by `subject`. `None` when nothing is limited.
    pub async fn decide(&self, class: Class, subject: Subject<'_>) -> Option<Decision> {
        let quota = match self.profile {
            Profile::Strict => strict(class),
            Profile::Generous => generous(class),
            Profile::Off => return None,
        };
        let decision = match &self.redis {
            None => self.process.decide(quota, (class, subject)),
            Some(redis) => match redis.decide(quota, class, subject).await {
                Ok(decision) => decision,
                Err(Away) => {
                    self.counted_alone.increment(1);
                    self.process.decide(quota, (class, subject))
                }
            },
        };
        if !decision.admitted {
            self.refused[class as usize].increment(1);
        }
        Some(decision)
    }

    /// Counts a login attempt at the account `email`, on top of the limit per address.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn account(&self, email: &str) -> Result<(), Error> {
        match self.decide(Class::Auth, Subject::Account(email)).await {
            Some(refused) if !refused.admitted => {
                Err(Error::RateLimited { retry_after_s: refused.retry_after_s })
            }
            _ => Ok(()),
        }
    }
}

/// A list that is narrowed by a text is a search.
pub fn class_of(class: Class, query: Option<&str>) -> Class {
    let narrowed = |query: &str| query.split('&').any(|pair| pair.starts_with("q=") && pair.len() > 2);
    if class == Class::Listing && query.is_some_and(narrowed) { Class::Search } else { class }
}

#[cfg(test)]
mod tests;
