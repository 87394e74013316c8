use serde::Serialize;

use super::{Fit, Law};
use crate::{
    report::Interval,
    stats::{CONFIDENCE, student},
};

/// How far beyond the measured range a law is trusted: past this many times the highest load it is refused.
pub const FARTHEST: f64 = 2.0;

/// What a figure rests on, the weakest of what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Basis {
    /// It was seen.
    Measured,
    /// By the law, between loads that were measured.
    Interpolated,
    /// By the law, beyond them.
    Extrapolated {
        /// The load over the highest measured.
        times: f64,
    },
    /// No figure.
    Refused {
        /// Why, in a sentence without its full stop.
        reason: String,
    },
}

impl Basis {
    /// Of a figure by the law at `load`, where loads from `low` to `high` were measured.
    pub fn of(load: f64, low: f64, high: f64) -> Self {
        let times = load / high;
        if times > FARTHEST {
            let shown = record::unit::show_number;
            return Self::Refused {
                reason: format!(
                    "{} is {} times the highest load measured, {}; beyond {FARTHEST} times nothing is known of what binds next",
                    shown(load),
                    shown(times),
                    shown(high)
                ),
            };
        }
        if load > high || load < low { Self::Extrapolated { times } } else { Self::Interpolated }
    }

    /// In words: `extrapolated (×1.4)`.
    pub fn words(&self) -> String {
        match self {
            Self::Measured => "measured".to_owned(),
            Self::Interpolated => "interpolated".to_owned(),
            Self::Extrapolated { times } => format!("extrapolated (×{})", record::unit::show_number(*times)),
            Self::Refused { .. } => "refused".to_owned(),
        }
    }
}

/// Throughput at a load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The load.
    pub concurrency: f64,
    /// Throughput by the law, per second; nothing where it is refused.
    pub throughput_per_s: Option<f64>,
    /// Its 95 % interval; none beyond the measured range, where the law itself is in doubt.
    pub interval: Option<Interval>,
    /// What it rests on.
    pub basis: Basis,
}

/// Throughput at `concurrency` by the fitted law, where loads from `low` to `high` were measured.
///
/// The interval is `X ± t·√(gᵀVg)` with the law's gradient `g` and the covariance `V` of its parameters (delta method;
/// Bates & Watts, *Nonlinear Regression Analysis*, 1988, §2.3.2).
pub fn predict(fit: &Fit, concurrency: f64, low: f64, high: f64) -> Prediction {
    let basis = Basis::of(concurrency, low, high);
    let throughput = fit.law.throughput_per_s(concurrency);
    let interval = (basis == Basis::Interpolated).then(|| {
        let g = fit.law.gradient(concurrency);
        let variance: f64 = (0..9).map(|at| g[at / 3] * fit.covariance[at / 3][at % 3] * g[at % 3]).sum();
        let half = student(fit.freedom as f64, CONFIDENCE) * variance.max(0.0).sqrt();
        Interval { low: Some((throughput - half).max(0.0)), high: Some(throughput + half) }
    });
    let refused = matches!(basis, Basis::Refused { .. });
    Prediction { concurrency, throughput_per_s: (!refused).then_some(throughput), interval, basis }
}

/// The highest throughput by the fitted law.
pub fn peak(fit: &Fit, low: f64, high: f64) -> Prediction {
    match fit.law.peak() {
        Some(at) => predict(fit, at, low, high),
        None => Prediction {
            concurrency: high,
            throughput_per_s: None,
            interval: None,
            basis: Basis::Refused { reason: no_peak(&fit.law) },
        },
    }
}

fn no_peak(law: &Law) -> String {
    let limit = law.limit_per_s().map_or_else(
        || "throughput still grows in step with the load".to_owned(),
        |limit| format!("throughput bends towards {}/s and does not fall", record::unit::show_number(limit)),
    );
    format!("no peak observed: {limit} as far as was measured")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::{Model, Residuals, fit};

    fn fitted() -> Fit {
        let law = Law { sigma: 0.05, kappa: 0.0004, lambda_per_s: 100.0 };
        let wobble = [1.01, 0.99, 1.0, 1.02, 0.98, 1.0];
        let loads = [1.0, 4.0, 8.0, 16.0, 24.0, 32.0];
        let points: Vec<(f64, f64)> =
            loads.iter().zip(wobble).map(|(n, wobble)| (*n, law.throughput_per_s(*n) * wobble)).collect();
        fit(&points, Model::Universal, Residuals::Plain).unwrap()
    }

    #[test]
    fn a_figure_says_what_it_rests_on_and_far_ones_are_refused() {
        let fit = fitted();
        let inside = predict(&fit, 20.0, 1.0, 32.0);
        let interval = inside.interval.unwrap();
        assert_eq!(inside.basis, Basis::Interpolated);
        assert!(interval.low < inside.throughput_per_s && inside.throughput_per_s < interval.high);
        let beyond = predict(&fit, 48.0, 1.0, 32.0);
        assert_eq!((beyond.basis.words(), beyond.interval), ("extrapolated (×1.5)".to_owned(), None));
        let far = predict(&fit, 65.0, 1.0, 32.0);
        assert_eq!(far.throughput_per_s, None);
        let Basis::Refused { reason } = far.basis else { panic!("{far:?}") };
        assert!(reason.starts_with("65 is 2.03 times the highest load measured, 32"), "{reason}");
    }

    #[test]
    fn a_law_without_coherency_has_no_peak_to_tell() {
        let points = [1.0, 2.0, 4.0, 8.0, 16.0].map(|n| (n, 100.0 * n / (1.0 + 0.1 * (n - 1.0))));
        let found = peak(&fit(&points, Model::Amdahl, Residuals::Plain).unwrap(), 1.0, 16.0);
        let Basis::Refused { reason } = found.basis else { panic!("{found:?}") };
        assert!(reason.starts_with("no peak observed: throughput bends towards 1,000/s"), "{reason}");
    }

    /// What a capacity search measured, and the folder of its `capacity.json` with the rates up to a share of that.
    fn below(search: &str, share: f64) -> (f64, tempfile::TempDir) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/searches").join(search);
        let mut found = record::Capacity::read(&folder).unwrap();
        let capacity = found.answer.requests_per_s.unwrap();
        found.rates.retain(|rate| rate.requests_per_s < share * capacity);
        let kept = tempfile::tempdir().unwrap();
        found.write(kept.path()).unwrap();
        (capacity, kept)
    }

    /// Every capacity that a fit tells of a service on one core: the peak, throughput at the concurrency of the knee, and what
    /// its processor allows.
    fn told(folder: &std::path::Path, knee: f64) -> Vec<(&'static str, Option<f64>)> {
        let asked = crate::capacity::Asked {
            at: vec![knee],
            have: vec![("cpu_seconds".to_owned(), 1.0)],
            ..Default::default()
        };
        let found = crate::capacity::fitting(&[folder.to_path_buf()], &asked).unwrap();
        vec![
            ("peak", found.peak.throughput_per_s),
            ("at the knee", found.predictions[0].throughput_per_s),
            ("processor", found.demands[0].at_most_per_s),
        ]
    }

    #[test]
    fn what_is_told_from_below_six_tenths_of_a_measured_capacity_is_within_a_tenth_of_it_or_refused() {
        // Two searches of the service with SQLite on one core, 8,670 and 9,050 arrivals/s; requests in flight at the knee.
        for (search, knee) in [("first", 124.0), ("second", 82.0)] {
            let (capacity, folder) = below(search, 0.6);
            for (what, figure) in told(folder.path(), knee) {
                let off = figure.map(|figure| figure / capacity - 1.0);
                assert!(off.is_none_or(|off| off.abs() <= 0.1), "{search}, {what}: {figure:?} of {capacity}");
            }
            // It is the lack of points that is refused: with all of them the same figures are told.
            let (capacity, folder) = below(search, 2.0);
            let figures = told(folder.path(), knee);
            let at_knee = figures[1].1.unwrap();
            assert!((at_knee / capacity - 1.0).abs() <= 0.1, "{search}: {at_knee} of {capacity}");
            assert!(figures[2].1.is_some(), "{search}: {figures:?}");
        }
    }
}
