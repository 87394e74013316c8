use proptest::prelude::*;
use rand::{SeedableRng, rngs::ChaCha8Rng};
use rand_distr::{Distribution, Normal};

use super::*;
use crate::stats::{CONFIDENCE, student};

/// BRL-CAD's ray tracer on an SGI Origin 2000, in the R package usl (data/raytracer.rda; Gunther 2007, table 5.1).
pub const RAYTRACER: [(f64, f64); 11] = [
    (1.0, 20.0),
    (4.0, 78.0),
    (8.0, 130.0),
    (12.0, 170.0),
    (16.0, 190.0),
    (20.0, 200.0),
    (24.0, 210.0),
    (28.0, 230.0),
    (32.0, 260.0),
    (48.0, 280.0),
    (64.0, 310.0),
];

/// A Sun SPARCcenter 2000 under SPEC SDM91, in the R package usl (data/specsdm91.rda).
const SPECSDM91: [(f64, f64); 7] = [
    (1.0, 64.9),
    (18.0, 995.9),
    (36.0, 1652.4),
    (72.0, 1853.2),
    (108.0, 1828.9),
    (144.0, 1775.0),
    (216.0, 1702.2),
];

fn plain(points: &[(f64, f64)]) -> Fit {
    fit(points, Model::Universal, Residuals::Plain).unwrap()
}

fn within(found: f64, published: f64, part: f64) {
    assert!((found / published - 1.0).abs() <= part, "{found} against the published {published}");
}

#[test]
fn spec_sdm91_has_the_published_coefficients_and_standard_errors() {
    // R package usl 3.0.4 (github.com/smoeding/usl): README.md and tests/summary.Rout.save; the residual standard error
    // is 82.85 on 4 degrees of freedom.
    let found = plain(&SPECSDM91);
    within(found.law.sigma, 0.027_728_5, 1e-3);
    within(found.law.kappa, 1.0437e-4, 1e-3);
    within(found.law.lambda_per_s, 89.995_233, 1e-3);
    within(found.standard_errors[0], 0.009_121_7, 1e-3);
    within(found.standard_errors[1], 1.988e-5, 1e-3);
    within(found.standard_errors[2], 14.213_489_4, 1e-3);
    within((found.squares / found.freedom as f64).sqrt(), 82.85, 1e-3);
    // tests/peak-scalability.R, limit-scalability.R.
    within(found.law.peak().unwrap(), 96.519_56, 1e-3);
    within(found.law.limit_per_s().unwrap(), 3245.589, 1e-3);
    assert_eq!(found.freedom, 4);
}

#[test]
fn the_ray_tracer_has_the_published_coefficients_and_standard_errors() {
    // tests/confint.Rout.save: the first six points, with σ 0.02444 (0.00754 to 0.04135), κ 0.00163 (0.00110 to 0.00215),
    // λ 20.85605 (19.26717 to 22.44492). Its half widths are qt(0.95, n−1) = 2.015 standard errors (R/confint.R). Where few
    // digits are printed, half of the last is the tolerance.
    let found = plain(&RAYTRACER[..6]);
    within(found.law.sigma, 0.02444, 1e-3);
    within(found.law.lambda_per_s, 20.856_05, 1e-4);
    assert!((found.law.kappa - 0.001_63).abs() <= 5e-6, "{}", found.law.kappa);
    let half_widths = found.standard_errors.map(|error| 2.015_048 * error);
    for (half_width, published, tolerance) in [
        (half_widths[0], (0.041_35 - 0.007_54) / 2.0, 1e-5),
        (half_widths[1], (0.002_15 - 0.001_10) / 2.0, 5e-6),
        (half_widths[2], (22.444_92 - 19.267_17) / 2.0, 1e-3),
    ] {
        assert!(
            (half_width - published).abs() <= tolerance,
            "{half_width} against the published {published}"
        );
    }
}

#[test]
fn a_law_without_a_peak_lies_on_its_bound() {
    // All eleven points: usl's vignette prints σ 0.057771, κ 0, λ 21.848843.
    let found = plain(&RAYTRACER);
    within(found.law.sigma, 0.057_771, 1e-3);
    within(found.law.lambda_per_s, 21.848_843, 1e-3);
    assert_eq!((found.law.kappa, found.law.peak()), (0.0, None));
    assert_eq!(found.standard_errors[1], 0.0);
}

/// How many of 200 noisy sets of points have a 95 % interval of σ, κ and λ that holds the truth.
fn held(residuals: Residuals) -> [usize; 3] {
    let truth = Law { sigma: 0.04, kappa: 0.0008, lambda_per_s: 120.0 };
    let loads = [1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 80.0, 96.0];
    let noise = Normal::new(1.0, 0.03).unwrap();
    let mut held = [0; 3];
    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let points = loads.map(|n| (n, truth.throughput_per_s(n) * noise.sample(&mut rng)));
        let found = fit(&points, Model::Universal, residuals).unwrap();
        let t = student(found.freedom as f64, CONFIDENCE);
        let law = found.law;
        let pairs =
            [(law.sigma, truth.sigma), (law.kappa, truth.kappa), (law.lambda_per_s, truth.lambda_per_s)];
        for (index, (found_value, true_value)) in pairs.into_iter().enumerate() {
            held[index] += usize::from((found_value - true_value).abs() <= t * found.standard_errors[index]);
        }
    }
    held
}

#[test]
fn of_200_noisy_sets_of_points_92_to_98_in_a_hundred_hold_the_truth() {
    for residuals in [Residuals::Plain, Residuals::Log] {
        let held = held(residuals);
        assert!(held.iter().all(|held| (184..=196).contains(held)), "{residuals:?}: {held:?} of 200");
    }
}

#[test]
fn points_that_cannot_bound_the_law_are_refused() {
    let message = fit(&RAYTRACER[..3], Model::Universal, Residuals::Plain).unwrap_err();
    assert_eq!(message, "3 different loads cannot bound 3 parameters");
}

proptest! {
    #[test]
    fn points_without_noise_give_their_law_back(sigma in 0.001f64..0.5, kappa in 1e-5f64..0.01, lambda in 0.1f64..1e5) {
        let law = Law { sigma, kappa, lambda_per_s: lambda };
        let points: Vec<(f64, f64)> =
            [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0].iter().map(|n| (*n, law.throughput_per_s(*n))).collect();
        for residuals in [Residuals::Plain, Residuals::Log] {
            let found = fit(&points, Model::Universal, residuals).unwrap().law;
            for (found, truth) in [(found.sigma, sigma), (found.kappa, kappa), (found.lambda_per_s, lambda)] {
                prop_assert!((found / truth - 1.0).abs() < 1e-3, "{found} {truth}");
            }
        }
    }
}
