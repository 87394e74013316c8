use serde::{Deserialize, Serialize};

use crate::Histogram;

/// The smallest sample that bounds the `quantile` (0..1) from above with 95 % confidence: the upper end of
/// the two-sided order-statistic interval exists only when the largest sample exceeds the quantile with
/// probability ≥ 0.975, that is when `1 − q^n ≥ 0.975`, so `n ≥ ln 0.025 / ln q`.
/// (Conover, *Practical Nonparametric Statistics*, 3rd ed., §3.2.) p95: 72, p99: 368, p99.9: 3,688.
pub fn min_samples(quantile: f64) -> u64 {
    if quantile <= 0.5 {
        return 6; // both ends: 2·0.5^n ≤ 0.05
    }
    // The logarithms are inexact; the ceiling of an exact integer must not jump.
    (0.025_f64.ln() / quantile.ln() - 1e-9).ceil() as u64
}

/// Percentiles of one histogram, microseconds. A percentile that the sample cannot support is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Sample size.
    pub n: u64,
    /// Smallest, or 0 when empty.
    pub min_us: u64,
    /// Arithmetic mean, or 0 when empty.
    pub mean_us: f64,
    /// Median.
    pub p50_us: Option<u64>,
    /// 90th percentile.
    pub p90_us: Option<u64>,
    /// 95th percentile.
    pub p95_us: Option<u64>,
    /// 99th percentile.
    pub p99_us: Option<u64>,
    /// 99.9th percentile.
    pub p999_us: Option<u64>,
    /// Largest, or 0 when empty.
    pub max_us: u64,
}

impl Latency {
    /// Reads the percentiles off `histogram` (values in microseconds).
    pub fn of(histogram: &Histogram) -> Self {
        let at = |quantile: f64| quantile_us(histogram, quantile);
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            n: histogram.len(),
            min_us: histogram.min(),
            mean_us: histogram.mean(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: histogram.max(),
        }
    }
}

/// The `quantile` (0..1) of `histogram` in microseconds, or nothing when its sample is smaller than
/// [`min_samples`].
pub fn quantile_us(histogram: &Histogram, quantile: f64) -> Option<u64> {
    (histogram.len() >= min_samples(quantile)).then(|| histogram.value_at_quantile(quantile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_samples_are_those_of_the_binomial_tables() {
        assert_eq!([0.95, 0.99, 0.999].map(min_samples), [72, 368, 3_688]);
        assert_eq!(min_samples(0.5), 6);
        assert_eq!(min_samples(0.9), 36);
    }

    #[test]
    fn a_percentile_the_sample_cannot_bound_is_absent() {
        let mut histogram = crate::new_histogram();
        for value in 1..=367 {
            histogram.record(value).expect("in range");
        }
        let latency = Latency::of(&histogram);
        assert_eq!(latency.p99_us, None);
        assert!(latency.p95_us.is_some());
        histogram.record(368).expect("in range");
        assert!(Latency::of(&histogram).p99_us.is_some());
    }
}
