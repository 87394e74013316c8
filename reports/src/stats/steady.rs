/// When a series comes to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steady {
    /// From this index on.
    From(usize),
    /// Not within its first half: what follows is too short to be trusted to have come to rest.
    Never,
    /// Fewer than [`MIN_STEADY`] values.
    TooShort,
}

/// Values to a batch.
const BATCH: usize = 5;
/// Values below which nothing is said: ten batches.
pub const MIN_STEADY: usize = 10 * BATCH;

/// Where the warm-up of `series`, values at even distances, ends by MSER-5: over means of batches of five, the cut `d`
/// with the least standard error of what remains, `Σ(zⱼ − z̄)² / (m−d)²` (White, *Simulation* 69, 1997; Spratt, 1998; the
/// rule that a cut beyond half of the series is none: White, Cobb & Spratt, *Winter Simulation Conference*, 2000).
/// Values beyond the last whole batch are left out.
pub fn mser5(series: &[f64]) -> Steady {
    let batches: Vec<f64> =
        series.chunks_exact(BATCH).map(|batch| batch.iter().sum::<f64>() / BATCH as f64).collect();
    if series.len() < MIN_STEADY {
        return Steady::TooShort;
    }
    // From the end on, so that each cut adds one value to those that remain. A handful of batches that happen to be
    // alike would always win, so the last few cuts are not tried.
    let (mut n, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for (cut, value) in batches.iter().enumerate().rev() {
        n += 1.0;
        let away = value - mean;
        mean += away / n;
        squares += away * (value - mean);
        let error = squares / (n * n);
        if batches.len() - cut >= BATCH && error <= best.0 {
            best = (error, cut);
        }
    }
    if 2 * best.1 > batches.len() { Steady::Never } else { Steady::From(best.1 * BATCH) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Noise without a random number: even, and without a trend.
    fn ripple(index: usize) -> f64 {
        (index * 37 % 101) as f64 / 101.0
    }

    #[test]
    fn the_first_slow_minute_is_cut_off() {
        let series: Vec<f64> = (0..600)
            .map(|index| 20.0 + ripple(index) + if index < 60 { 60.0 - index as f64 } else { 0.0 })
            .collect();
        let Steady::From(at) = mser5(&series) else { panic!("{:?}", mser5(&series)) };
        assert!((50..=65).contains(&at), "{at}");
    }

    #[test]
    fn a_series_that_only_grows_never_comes_to_rest() {
        let series: Vec<f64> = (0..600).map(|index| index as f64 + ripple(index)).collect();
        assert_eq!(mser5(&series), Steady::Never);
    }

    #[test]
    fn a_minute_of_one_value_a_second_is_the_least() {
        assert_eq!(mser5(&[1.0; 49]), Steady::TooShort);
        assert_eq!(mser5(&[1.0; 50]), Steady::From(0));
    }

    proptest! {
        #[test]
        fn neither_unit_nor_level_moves_the_cut(head in prop::collection::vec(0.0f64..50.0, 0..60), scale in 0.01f64..100.0, level in 0.0f64..1e3) {
            let series: Vec<f64> = head.iter().copied().chain((0..200).map(|index| 10.0 + ripple(index))).collect();
            let moved: Vec<f64> = series.iter().map(|value| value * scale + level).collect();
            prop_assert_eq!(mser5(&series), mser5(&moved));
        }
    }
}
