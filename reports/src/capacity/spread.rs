use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

use super::{Fit, Model, Residuals, fit};
use crate::report::Interval;

/// Refits of the bootstrap.
const REFITS: usize = 400;
/// The least part of what was fitted that a drawn throughput keeps.
const LEAST: f64 = 0.01;
/// The same points give the same bytes.
const SEED: u64 = 0x5045_414b;

/// The peak's concurrency when each point in turn is left out: lowest and highest. An end that has no peak is absent.
pub fn leave_one_out(points: &[(f64, f64)]) -> Option<Interval> {
    let peaks: Result<Vec<f64>, String> = (0..points.len())
        .map(|left| {
            let others: Vec<(f64, f64)> = points
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != left)
                .map(|(_, point)| *point)
                .collect();
            Ok(fit(&others, Model::Universal, Residuals::Plain)?.law.peak().unwrap_or(f64::INFINITY))
        })
        .collect();
    // A point too few to leave one out.
    let peaks = peaks.ok()?;
    let low = peaks.iter().copied().fold(f64::INFINITY, f64::min);
    let high = peaks.iter().copied().fold(0.0, f64::max);
    Some(Interval {
        low: Some(low).filter(|it| it.is_finite()),
        high: Some(high).filter(|it| it.is_finite()),
    })
}

/// 95 % intervals of the peak's concurrency and throughput: the law refitted to itself plus residuals drawn with
/// replacement, each stretched by `√(n/(n−p))` (Davison & Hinkley, *Bootstrap Methods and their Application*, 1997, §6.2).
/// An end at which more than 2.5 % of the refits have no peak is absent. Nothing with fewer than two degrees of freedom.
pub fn bootstrap_peak(points: &[(f64, f64)], found: &Fit) -> Option<(Interval, Interval)> {
    if found.freedom < 2 {
        return None;
    }
    let stretch = (points.len() as f64 / found.freedom as f64).sqrt();
    let fitted: Vec<f64> = points.iter().map(|(n, _)| found.law.throughput_per_s(*n)).collect();
    let residuals: Vec<f64> =
        points.iter().zip(&fitted).map(|((_, seen), fitted)| (seen - fitted) * stretch).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let (mut at, mut highest) = (Vec::new(), Vec::new());
    for _ in 0..REFITS {
        let drawn: Vec<(f64, f64)> = points
            .iter()
            .zip(&fitted)
            .map(|((n, _), fitted)| {
                // What is drawn at a high load may be more than there is at a low one.
                (*n, (fitted + residuals[rng.random_range(0..residuals.len())]).max(fitted * LEAST))
            })
            .collect();
        let Ok(again) = fit(&drawn, Model::Universal, Residuals::Plain) else { continue };
        let peak = again.law.peak();
        at.push(peak.unwrap_or(f64::INFINITY));
        highest.push(peak.map_or(f64::INFINITY, |peak| again.law.throughput_per_s(peak)));
    }
    Some((middle(at)?, middle(highest)?))
}

/// Between the 2.5th and the 97.5th percentile.
fn middle(mut values: Vec<f64>) -> Option<Interval> {
    values.sort_by(f64::total_cmp);
    let cut = values.len() / 40;
    let end = |value: &f64| Some(*value).filter(|value| value.is_finite());
    Some(Interval { low: end(values.get(cut)?), high: end(values.get(values.len().checked_sub(cut + 1)?)?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::Law;

    const LOADS: [f64; 8] = [1.0, 4.0, 8.0, 16.0, 32.0, 48.0, 64.0, 96.0];
    const WOBBLE: [f64; 8] = [1.02, 0.99, 1.01, 0.98, 1.01, 1.0, 0.99, 1.01];

    fn points(kappa: f64) -> [(f64, f64); 8] {
        let law = Law { sigma: 0.03, kappa, lambda_per_s: 50.0 };
        std::array::from_fn(|index| (LOADS[index], law.throughput_per_s(LOADS[index]) * WOBBLE[index]))
    }

    #[test]
    fn a_peak_that_was_passed_is_held_by_both_its_intervals() {
        let points = points(0.0005);
        let truth = (0.97_f64 / 0.0005).sqrt();
        let found = fit(&points, Model::Universal, Residuals::Plain).unwrap();
        let (at, highest) = bootstrap_peak(&points, &found).unwrap();
        assert!(at.low.unwrap() < truth && truth < at.high.unwrap(), "{at:?} {truth}");
        assert!(highest.low.unwrap() < highest.high.unwrap());
        let out = leave_one_out(&points).unwrap();
        let peak = found.law.peak().unwrap();
        assert!(out.low.unwrap() <= peak && peak <= out.high.unwrap(), "{out:?} {peak}");
    }

    #[test]
    fn a_peak_that_may_not_exist_has_no_upper_end() {
        let points = points(1e-7);
        let found = fit(&points, Model::Universal, Residuals::Plain).unwrap();
        let (at, _) = bootstrap_peak(&points, &found).unwrap();
        assert_eq!(at.high, None, "{at:?}");
    }

    #[test]
    fn four_points_leave_none_to_leave_out() {
        assert_eq!(leave_one_out(&points(0.0005)[..3]), None);
    }
}
