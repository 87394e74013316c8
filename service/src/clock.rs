//! The one place that reads the wall clock and the operating system's randomness.

use rand::TryRng;
use rand::rngs::SysRng;
use uuid::Uuid;

/// The time now, in microseconds since the Unix epoch.
#[allow(clippy::disallowed_methods, reason = "this is the edge where the clock is read")]
pub fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// The time now, in whole seconds since the Unix epoch.
pub fn now_s() -> i64 {
    now_us().div_euclid(1_000_000)
}

/// A new UUIDv7: ordered by creation time within this process.
#[allow(clippy::disallowed_methods, reason = "this is the edge where the clock is read")]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// A number drawn evenly from `range`; not for secrets.
pub fn random_between(range: std::ops::RangeInclusive<f64>) -> f64 {
    rand::random_range(range)
}

/// `N` unpredictable bytes from the operating system.
///
/// # Panics
/// When the kernel has no random source, where no secret could be made at all.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("the kernel's random source answers");
    bytes
}
