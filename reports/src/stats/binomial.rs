/// The smallest `k` with `P(B ≤ k) ≥ probability` for `B ~ Binomial(n, p)`, `0 < p < 1`, by the probabilities
/// themselves, not by a normal or Poisson approximation.
///
/// The terms follow from their neighbours, `P(k+1)/P(k) = (n−k)/(k+1) · p/(1−p)` (Feller, *An Introduction to
/// Probability Theory and Its Applications*, vol. 1, 3rd ed., VI.3), outward from the mode, and are divided by their
/// sum. Terms below 10⁻²⁰ of the mode are left out: `O(√n)` steps and no factorial, for any `n` a run can reach.
pub fn quantile(n: u64, p: f64, probability: f64) -> u64 {
    let mode = (((n + 1) as f64 * p) as u64).min(n);
    let odds = p / (1.0 - p);
    let up = |k: u64| (n - k) as f64 / (k + 1) as f64 * odds;
    let mut below = Vec::new();
    let (mut k, mut term) = (mode, 1.0);
    while k > 0 && term > NEGLIGIBLE {
        k -= 1;
        term /= up(k);
        below.push(term);
    }
    let first = k;
    let mut terms: Vec<f64> = below.into_iter().rev().collect();
    terms.push(1.0);
    let (mut k, mut term) = (mode, 1.0);
    while k < n && term > NEGLIGIBLE {
        term *= up(k);
        terms.push(term);
        k += 1;
    }
    let wanted = probability * terms.iter().sum::<f64>();
    let mut sum = 0.0;
    for (index, term) in terms.iter().enumerate() {
        sum += term;
        if sum >= wanted {
            return first + index as u64;
        }
    }
    k
}

const NEGLIGIBLE: f64 = 1e-20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_are_those_of_the_printed_tables() {
        // Binomial tables (Conover 1999, table A3): P(B ≤ 2; 10, ½) = 0.0547, P(B ≤ 1) = 0.0107.
        assert_eq!(quantile(10, 0.5, 0.0107), 1);
        assert_eq!(quantile(10, 0.5, 0.0108), 2);
        assert_eq!(quantile(10, 0.5, 0.0546), 2);
        assert_eq!(quantile(10, 0.5, 0.0547), 3);
        // n = 20, p = 0.9: P(B ≤ 15) = 0.0432, P(B ≤ 16) = 0.1330.
        assert_eq!(quantile(20, 0.9, 0.0431), 15);
        assert_eq!(quantile(20, 0.9, 0.0433), 16);
    }

    #[test]
    fn a_sample_of_a_hundred_million_is_near_the_normal_quantile() {
        let (n, p) = (100_000_000_u64, 0.99);
        let normal = n as f64 * p - 1.959_964 * (n as f64 * p * (1.0 - p)).sqrt();
        assert!((quantile(n, p, 0.025) as f64 - normal).abs() < 3.0);
    }

    proptest! {
        #[test]
        fn a_higher_probability_never_has_a_lower_quantile(n in 1u64..5000, p in 0.001f64..0.999, a in 0.001f64..0.999, b in 0.001f64..0.999) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(quantile(n, p, low) <= quantile(n, p, high));
            prop_assert!(quantile(n, p, high) <= n);
        }
    }
}
