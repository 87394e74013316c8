//! How popular things are: the exponent of Zipf's law that fits counts best.

/// The exponent s in 0..=5 under which `counts` (any order) are the most likely draws of ranks 1..=n by probability
/// k^(−s) / H(n, s): the maximum of Σ c_k ln p_k, which is concave in s and found by golden-section search.
pub fn exponent(counts: &[u64]) -> f64 {
    let mut counts = counts.to_vec();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let total: f64 = counts.iter().map(|count| *count as f64).sum();
    let logs: Vec<f64> = (1..=counts.len()).map(|rank| (rank as f64).ln()).collect();
    let weighted: f64 = counts.iter().zip(&logs).map(|(count, log)| *count as f64 * log).sum();
    let likelihood =
        |s: f64| -s * weighted - total * logs.iter().map(|log| (-s * log).exp()).sum::<f64>().ln();
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.0, 5.0);
    for _ in 0..40 {
        let reach = (high - low) * golden;
        let (a, b) = (high - reach, low + reach);
        if likelihood(a) < likelihood(b) { low = a } else { high = b }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::ChaCha8Rng};
    use rand_distr::{Distribution, Zipf};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_exponent_of_draws_is_found_again(s in 0.3..2.0_f64, n in 50_usize..500, seed in any::<u64>()) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let law = Zipf::new(n as f64, s).unwrap();
            let mut counts = vec![0_u64; n];
            (0..40_000).for_each(|_| counts[law.sample(&mut rng) as usize - 1] += 1);
            counts.retain(|count| *count > 0);
            let found = exponent(&counts);
            prop_assert!((found - s).abs() < 0.12, "{} instead of {}", found, s);
        }
    }

    #[test]
    fn things_of_equal_popularity_have_no_exponent() {
        assert!(exponent(&[7; 100]) < 0.01);
        assert!(exponent(&[5]).is_finite() && exponent(&[]).is_finite());
    }
}
