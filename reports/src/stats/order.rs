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
