//! The generic cell rate algorithm: a pure function of time and one number per key (ITU-T I.371, annex A).

/// At most `requests` in any `window_us`, spent all at once or evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many.
    pub requests: u32,
    /// In how long, in microseconds.
    pub window_us: u64,
}

/// What a limit says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may pass.
    pub admitted: bool,
    /// How many may pass per window.
    pub limit: u32,
    /// How many could pass right now, after this one.
    pub remaining: u32,
    /// When all of them could again, in seconds from now, rounded up.
    pub reset_s: u64,
    /// When the next one may pass, in seconds from now, rounded up; 0 when this one was admitted.
    pub retry_after_s: u64,
}

const US_PER_S: u64 = 1_000_000;

impl Quota {
    /// `requests` per `window_s` seconds.
    pub const fn per(requests: u32, window_s: u64) -> Self {
        Self { requests, window_us: window_s * US_PER_S }
    }

    /// The time that one request uses up, in microseconds, rounded down: the whole quota fits into its window.
    pub fn step_us(self) -> u64 {
        (self.window_us / u64::from(self.requests.max(1))).max(1)
    }

    /// Decides about a request at `now_us`. `arrival_us` is the theoretical arrival time that the last decision left
    /// for this key (0 at first); the second result is the one to keep.
    pub fn decide(self, arrival_us: u64, now_us: u64) -> (Decision, u64) {
        let step_us = self.step_us();
        let next_us = arrival_us.max(now_us) + step_us;
        let admitted = next_us - now_us <= self.window_us;
        let kept_us = if admitted { next_us } else { arrival_us };
        let owed_us = kept_us.saturating_sub(now_us);
        let decision = Decision {
            admitted,
            limit: self.requests,
            remaining: u32::try_from(self.window_us.saturating_sub(owed_us) / step_us).unwrap_or(u32::MAX),
            reset_s: owed_us.div_ceil(US_PER_S),
            retry_after_s: if admitted { 0 } else { (next_us - self.window_us - now_us).div_ceil(US_PER_S) },
        };
        (decision, kept_us)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_of_the_whole_quota_passes_and_one_more_does_not() {
        let quota = Quota::per(5, 60);
        let mut arrival = 0;
        for left in (0..5).rev() {
            let (decision, kept) = quota.decide(arrival, 1);
            assert!(decision.admitted);
            assert_eq!(decision.remaining, left);
            arrival = kept;
        }
        let (refused, kept) = quota.decide(arrival, 1);
        assert_eq!((refused.admitted, refused.remaining, refused.retry_after_s), (false, 0, 12));
        assert_eq!(kept, arrival, "a refused request costs nothing");
        assert!(quota.decide(arrival, 1 + 12 * US_PER_S).0.admitted);
    }

    proptest! {
        #[test]
        fn over_any_time_no_more_pass_than_a_burst_and_the_rate(
            gaps_ms in proptest::collection::vec(0u64..5000, 1..300),
            requests in 1u32..50,
            window_s in 1u64..120,
        ) {
            let quota = Quota::per(requests, window_s);
            let (mut now, mut arrival, mut admitted) = (0u64, 0, 0u64);
            for gap in gaps_ms {
                now += gap * 1000;
                let (decision, kept) = quota.decide(arrival, now);
                arrival = kept;
                admitted += u64::from(decision.admitted);
                let most = u64::from(requests) + now / (quota.window_us / u64::from(requests));
                prop_assert!(admitted <= most, "{admitted} of at most {most} after {now} us");
            }
        }

        #[test]
        fn who_waits_as_told_is_admitted(requests in 1u32..50, window_s in 1u64..120, now in 0u64..1_000_000_000_000) {
            let quota = Quota::per(requests, window_s);
            let mut arrival = 0;
            for _ in 0..requests {
                arrival = quota.decide(arrival, now).1;
            }
            let (refused, _) = quota.decide(arrival, now);
            prop_assume!(!refused.admitted);
            prop_assert!(quota.decide(arrival, now + refused.retry_after_s * US_PER_S).0.admitted);
        }
    }
}
