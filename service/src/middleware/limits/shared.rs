//! The numbers that GCRA keeps, in Redis: one for all processes together.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use redis::Script;

use super::super::gcra::{Decision, Quota};
use super::{Class, NAMES, Subject};
use crate::redis::{Away, Redis};

/// Numbers in Redis.
pub struct InRedis(pub Arc<Redis>);

/// `Quota::decide`, as far as it changes something: all that reads and writes is one step, by the clock of Redis. The
/// number that was found goes back with the time, and [`Quota::decide`] makes the same decision of them again.
static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local step_us, window_us = tonumber(ARGV[1]), tonumber(ARGV[2])
        local t = redis.call('TIME')
        local now_us = t[1] * 1000000 + t[2]
        local arrival_us = tonumber(redis.call('GET', KEYS[1]) or 0)
        local next_us = math.max(arrival_us, now_us) + step_us
        if next_us - now_us <= window_us then
            local life_ms = math.floor((next_us - now_us) / 1000) + 1
            redis.call('SET', KEYS[1], string.format('%.0f', next_us), 'PX', life_ms)
        end
        return {arrival_us, now_us}",
    )
});

impl InRedis {
    /// Counts a request of `class` by `subject` now.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn decide(&self, quota: Quota, class: Class, subject: Subject<'_>) -> Result<Decision, Away> {
        let home = self.0.home().ok_or(Away)?;
        let mut call = COUNT.prepare_invoke();
        call.key(key(class, subject)).arg(quota.step_us()).arg(quota.window_us);
        let (arrival_us, now_us): (u64, u64) = self.0.ask(&home, home.script(&call)).await?;
        Ok(quota.decide(arrival_us, now_us).0)
    }
}

/// The braces keep a user's numbers in the slot of the user's other data.
fn key(class: Class, subject: Subject<'_>) -> String {
    let name = NAMES[class as usize];
    let mut key = String::with_capacity(64);
    // Writing to a string does not fail.
    let _ = match subject {
        Subject::User(id) => write!(key, "{{{}}}:limit:{name}", id.simple()),
        Subject::Address(address) => write!(key, "limit:{name}:{address}"),
        Subject::Account(email) => write!(key, "limit:{name}:account:{email}"),
    };
    key
}
