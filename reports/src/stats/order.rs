use record::Histogram;

use super::{CONFIDENCE, binomial};

/// The ranks (from 1) between whose samples a quantile lies with [`CONFIDENCE`]; an end the sample cannot bound is
/// absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranks {
    /// Rank of the lower end.
    pub low: Option<u64>,
    /// Rank of the upper end.
    pub high: Option<u64>,
}

/// The order-statistic interval of the `quantile` (0..1) of any continuous distribution from `n` independent
/// samples: the number below the quantile is `B ~ Binomial(n, quantile)`, so `X₍ₗ₎ ≤ ξ` with the probability
/// `P(B ≥ l)` and `ξ < X₍ᵤ₎` with `P(B ≤ u−1)`. `l` is the largest rank with `P(B ≤ l−1) ≤ 0.025` and `u` the smallest
/// with `P(B ≤ u−1) ≥ 0.975` (Conover, *Practical Nonparametric Statistics*, 3rd ed., §3.2; exact binomial).
pub fn ranks(n: u64, quantile: f64) -> Ranks {
    let tail = (1.0 - CONFIDENCE) / 2.0;
    if n == 0 || quantile <= 0.0 || quantile >= 1.0 {
        return Ranks { low: None, high: None };
    }
    // The smallest k with P(B ≤ k) ≥ tail has P(B ≤ k−1) < tail: it is the rank l itself.
    let low = binomial::quantile(n, quantile, tail);
    let high = binomial::quantile(n, quantile, 1.0 - tail) + 1;
    Ranks { low: (low > 0).then_some(low), high: (high <= n).then_some(high) }
}

/// The value of the sample of `rank` (1 the smallest) as the histogram keeps it: the highest value equivalent to it.
pub fn value_at_rank(histogram: &Histogram, rank: u64) -> u64 {
    // The histogram rounds quantile · n up to a rank; half a rank less is safe from the error of the product.
    histogram.value_at_quantile((rank as f64 - 0.5) / histogram.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
    use rand_distr::{Distribution, LogNormal};

    use super::*;

    #[test]
    fn ranks_for_the_median_are_those_of_the_published_table() {
        // Gardner & Altman, Statistics with Confidence, table 18.4 (95 % interval of a median).
        for (n, low, high) in
            [(6, 1, 6), (10, 2, 9), (15, 4, 12), (20, 6, 15), (25, 8, 18), (30, 10, 21), (100, 40, 61)]
        {
            assert_eq!(ranks(n, 0.5), Ranks { low: Some(low), high: Some(high) }, "n = {n}");
        }
    }

    #[test]
    fn an_upper_bound_exists_from_exactly_the_sample_size_that_the_record_asks_for() {
        for quantile in [0.9, 0.95, 0.99, 0.999, 0.9999] {
            let needed = record::min_samples(quantile);
            assert_eq!(ranks(needed - 1, quantile).high, None, "{quantile}");
            assert_eq!(ranks(needed, quantile).high, Some(needed), "{quantile}");
        }
    }

    #[test]
    fn a_rank_is_read_off_the_histogram_as_off_the_sorted_sample() {
        let mut histogram = record::new_histogram();
        (1..=1000_u64).for_each(|value| histogram.record(value).unwrap());
        for rank in [1, 2, 500, 999, 1000] {
            assert_eq!(value_at_rank(&histogram, rank), rank);
        }
    }

    /// How many of 1,000 runs of `n` answers have an interval that holds the `quantile` of their distribution, `truth`.
    fn held(n: u64, quantile: f64, truth: f64, mut draw: impl FnMut(&mut ChaCha8Rng) -> f64) -> usize {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let Ranks { low, high } = ranks(n, quantile);
        let holds = |_: &usize| {
            let mut histogram = record::new_histogram();
            (0..n).for_each(|_| histogram.record(draw(&mut rng).round() as u64).unwrap());
            value_at_rank(&histogram, low.unwrap()) as f64 <= truth
                && truth <= value_at_rank(&histogram, high.unwrap()) as f64
        };
        (0..1000).filter(holds).count()
    }

    #[test]
    fn of_a_thousand_runs_about_950_hold_the_true_percentile() {
        // Sizes at which the ranks, which are whole numbers, hold 95.0 to 96.0 % and not more.
        // Log-normal: median 20 ms, σ = 0.8; its quantiles are 20 ms · exp(0.8·z).
        let slow = LogNormal::new(20_000_f64.ln(), 0.8).unwrap();
        for (n, quantile, z) in [(67, 0.5, 0.0), (112, 0.95, 1.644_854), (413, 0.99, 2.326_348)] {
            let held = held(n, quantile, 20_000.0 * (0.8_f64 * z).exp(), |rng| slow.sample(rng));
            assert!((930..=970).contains(&held), "log-normal, {quantile} of {n}: {held}");
        }
        // Bimodal: nine in ten from a cache in 1 to 3 ms, one in ten from the database in 80 to 120 ms. The 95th
        // percentile is the middle of the slow ones, 100 ms, and the 80th 1 + 2·8/9 ms.
        let mixed = |rng: &mut ChaCha8Rng| match rng.random_bool(0.1) {
            true => rng.random_range(80_000.0..120_000.0),
            false => rng.random_range(1_000.0..3_000.0),
        };
        for (n, quantile, truth) in [(112, 0.95, 100_000.0), (131, 0.8, 1_000.0 + 2_000.0 * 8.0 / 9.0)] {
            let held = held(n, quantile, truth, mixed);
            assert!((930..=970).contains(&held), "bimodal, {quantile} of {n}: {held}");
        }
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_sample_quantile(n in 72u64..20_000, quantile in 0.5f64..0.95) {
            let Ranks { low, high } = ranks(n, quantile);
            let rank = (quantile * n as f64).ceil() as u64;
            prop_assert!(low.unwrap() <= rank && rank <= high.unwrap());
        }

        #[test]
        fn more_samples_never_make_the_interval_wider_in_quantiles(n in 400u64..20_000) {
            let width = |n: u64| {
                let Ranks { low, high } = ranks(n, 0.95);
                (high.unwrap() - low.unwrap()) as f64 / n as f64
            };
            prop_assert!(width(4 * n) < width(n));
        }
    }
}
