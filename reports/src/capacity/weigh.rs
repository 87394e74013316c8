use serde::Serialize;

use super::{Fit, Model};

/// How well a model explains the points for the parameters it spends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weighed {
    /// `linear`, `amdahl` or `universal`.
    pub model: &'static str,
    /// AICc less that of the best; nothing where the points are too few for it.
    pub behind: Option<f64>,
    /// Root of the mean squared residual, per second.
    pub residual_per_s: f64,
}

/// Weighs models fitted to the same `n` points by plain residuals: `AICc = n·ln(RSS/n) + 2k + 2k(k+1)/(n−k−1)`, `k`
/// counting the parameters and the variance (Hurvich & Tsai, *Biometrika* 76, 1989). Within 2 of the best a model is as
/// good; beyond 10 it has no support (Burnham & Anderson, *Model Selection*, 2002, §2.6).
pub fn weigh(fits: &[(Model, Fit)], n: usize) -> Vec<Weighed> {
    let score = |model: Model, fit: &Fit| {
        let (n, k) = (n as f64, model.parameters() as f64 + 1.0);
        // Points without any scatter explain themselves; the logarithm must stay a number.
        let spread = (fit.squares / n).max(1e-18 * fit.law.lambda_per_s * fit.law.lambda_per_s);
        (n - k - 1.0 > 0.0).then(|| n * spread.ln() + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0))
    };
    let scores: Vec<Option<f64>> = fits.iter().map(|(model, fit)| score(*model, fit)).collect();
    let best = scores.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let rows = fits.iter().zip(scores).map(|((model, fit), score)| Weighed {
        model: match model {
            Model::Linear => "linear",
            Model::Amdahl => "amdahl",
            Model::Universal => "universal",
        },
        behind: score.map(|score| score - best),
        residual_per_s: (fit.squares / n as f64).sqrt(),
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::{Law, Residuals, fit};

    /// The best model of eight points of a law, each off by about 1 %.
    fn best(law: Law) -> &'static str {
        let loads = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 48.0, 64.0];
        let wobble = [1.01, 0.99, 1.005, 0.995, 1.01, 0.99, 1.005, 0.998];
        let points: Vec<(f64, f64)> =
            loads.iter().zip(wobble).map(|(n, wobble)| (*n, law.throughput_per_s(*n) * wobble)).collect();
        let models = [Model::Linear, Model::Amdahl, Model::Universal];
        let fits = models.map(|model| (model, fit(&points, model, Residuals::Plain).unwrap()));
        weigh(&fits, points.len()).into_iter().find(|row| row.behind == Some(0.0)).unwrap().model
    }

    #[test]
    fn the_model_that_made_the_points_is_the_best_and_none_wins_by_parameters_alone() {
        assert_eq!(best(Law { sigma: 0.0, kappa: 0.0, lambda_per_s: 30.0 }), "linear");
        assert_eq!(best(Law { sigma: 0.08, kappa: 0.0, lambda_per_s: 30.0 }), "amdahl");
        assert_eq!(best(Law { sigma: 0.03, kappa: 0.0006, lambda_per_s: 30.0 }), "universal");
    }
}
