use super::Z;

/// The 95 % interval of a share of `hits` among `n` independent trials, both ends in 0..1; nothing when `n` is 0.
///
/// The score interval `(p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n)` (Wilson, *J. Am. Stat. Assoc.* 22, 1927),
/// which stays inside 0..1 and holds its confidence for the rare errors of a good run, where `p ± z·s` does not.
pub fn wilson(hits: f64, n: f64) -> Option<(f64, f64)> {
    if n <= 0.0 {
        return None;
    }
    let (p, z2) = (hits / n, Z * Z);
    let middle = p + z2 / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // At the ends the formula gives 0 and 1 but for rounding.
    let low = if hits <= 0.0 { 0.0 } else { ((middle - half) / scale).max(0.0) };
    let high = if hits >= n { 1.0 } else { ((middle + half) / scale).min(1.0) };
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intervals_are_those_of_newcombes_table() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        for (hits, n, low, high) in [
            (81.0, 263.0, 0.2553, 0.3662),
            (15.0, 148.0, 0.0624, 0.1605),
            (0.0, 20.0, 0.0, 0.1611),
            (1.0, 29.0, 0.0061, 0.1718),
        ] {
            let (l, h) = wilson(hits, n).unwrap();
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{hits}/{n}: {l} {h}");
        }
        assert_eq!(wilson(0.0, 0.0), None);
        assert_eq!(wilson(0.0, 10_382.0).unwrap().0, 0.0);
        assert_eq!(wilson(10_382.0, 10_382.0).unwrap().1, 1.0);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share_and_stays_a_share(n in 1u64..1_000_000, part in 0.0f64..=1.0) {
            let hits = (n as f64 * part).floor();
            let (low, high) = wilson(hits, n as f64).unwrap();
            let p = hits / n as f64;
            prop_assert!(0.0 <= low && low <= p + 1e-12 && p <= high + 1e-12 && high <= 1.0);
        }
    }
}
