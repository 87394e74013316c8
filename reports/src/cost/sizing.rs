use serde::{Deserialize, Serialize};

/// What a tier must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spare {
    /// Nothing: an instance lost is capacity lost.
    Nothing,
    /// The loss of one instance.
    Instance,
    /// The loss of one of its zones.
    Zone,
}

/// Differences of rounding that are no instance.
const ROUNDING: f64 = 1e-9;

/// Instances that a tier needs: `⌈peak / (capacity of one · target utilisation)⌉`, at least `minimum`, and on top what
/// `spare` asks for. Rates are per second, `utilisation` is 0..1.
///
/// The target utilisation leaves room for what arrives faster than instances start, and for queues, which grow without
/// bound as it nears 1 (Beyer et al., *Site Reliability Engineering*, 2016, ch. 18 and 22).
pub fn instances(
    peak_per_s: f64,
    capacity_per_s: f64,
    utilisation: f64,
    minimum: u64,
    spare: Spare,
    zones: u64,
) -> u64 {
    let needed = (peak_per_s / (capacity_per_s * utilisation) - ROUNDING).ceil().max(0.0) as u64;
    with_spare(needed.max(minimum), spare, zones)
}

/// `needed` with one more, or with the `⌈n·Z/(Z−1)⌉` that leave `n` when one of `Z` zones is lost (*Static stability using
/// Availability Zones*, The Amazon Builders' Library).
pub fn with_spare(needed: u64, spare: Spare, zones: u64) -> u64 {
    match spare {
        Spare::Nothing => needed,
        Spare::Instance => needed.saturating_add(1),
        Spare::Zone if zones < 2 => needed,
        Spare::Zone => needed.saturating_mul(zones).div_ceil(zones - 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_by_hand() {
        // 15,000/s over 1,000/s at 70 %: 21.4, so 22; three zones: 33.
        assert_eq!(instances(15_000.0, 1_000.0, 0.7, 1, Spare::Nothing, 3), 22);
        assert_eq!(instances(15_000.0, 1_000.0, 0.7, 1, Spare::Instance, 3), 23);
        assert_eq!(instances(15_000.0, 1_000.0, 0.7, 1, Spare::Zone, 3), 33);
        assert_eq!(instances(10.0, 1_000.0, 0.7, 2, Spare::Zone, 2), 4);
        assert_eq!(instances(1_400.0, 1_000.0, 0.7, 1, Spare::Nothing, 3), 2); // 2.0000000000000004
    }

    proptest! {
        #[test]
        fn what_is_left_after_the_loss_still_carries_the_peak(
            peak in 1.0f64..1e6, capacity in 1.0f64..1e4, utilisation in 0.1f64..1.0, zones in 2u64..6,
        ) {
            let carries = |left: u64| left as f64 * capacity * utilisation >= peak * (1.0 - 1e-6);
            prop_assert!(carries(instances(peak, capacity, utilisation, 1, Spare::Instance, zones) - 1));
            // Spread as evenly as they go, a zone holds at most the ceiling.
            let all = instances(peak, capacity, utilisation, 1, Spare::Zone, zones);
            let needed = instances(peak, capacity, utilisation, 1, Spare::Nothing, zones);
            prop_assert!(all as f64 * (zones as f64 - 1.0) / zones as f64 >= needed as f64 - 1e-6);
        }
    }
}
