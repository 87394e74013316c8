//! How long a job waits for its next attempt.

use std::time::Duration;

/// The wait after attempt `number` (from 1) failed: `first`, doubled with every further attempt, at most `most`; times
/// `chance`, which lies between a half and one, so that jobs that failed together do not come back together.
pub fn wait(number: u32, first: Duration, most: Duration, chance: f64) -> Duration {
    let doubled = 2f64.powi(i32::try_from(number.saturating_sub(1)).unwrap_or(i32::MAX));
    let seconds = (first.as_secs_f64() * doubled).min(most.as_secs_f64());
    Duration::from_secs_f64(seconds * chance.clamp(0.5, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_the_longest_nor_shorter_than_half_its_share(
            number in 1u32..2000, first_ms in 1u64..10_000, more_ms in 0u64..1_000_000, chance in 0.5f64..=1.0,
        ) {
            let (first, most) = (Duration::from_millis(first_ms), Duration::from_millis(first_ms + more_ms));
            let waited = wait(number, first, most, chance);
            prop_assert!(waited <= most);
            prop_assert!(waited.as_secs_f64() >= first.as_secs_f64() * 0.499);
            let next = wait(number + 1, first, most, chance);
            prop_assert!(next >= waited, "each wait is at least as long as the one before");
        }
    }

    #[test]
    fn the_wait_doubles() {
        let (first, most) = (Duration::from_secs(1), Duration::from_secs(60));
        let waits: Vec<u64> = (1..=8).map(|number| wait(number, first, most, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
