use rmpfit::{MPFitter, MPPar, MPResult};

use super::Law;

/// What is fitted: each model is the one after it with a parameter held at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// `λN`: every one more adds as much as the first.
    Linear,
    /// Contention alone (Amdahl).
    Amdahl,
    /// Contention and coherency.
    Universal,
}

impl Model {
    /// Free parameters.
    pub const fn parameters(self) -> usize {
        match self {
            Self::Linear => 1,
            Self::Amdahl => 2,
            Self::Universal => 3,
        }
    }
}

/// What a fit makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residuals {
    /// Squares of differences of throughput: high loads count most.
    Plain,
    /// Squares of differences of its logarithm: each point counts by its relative error.
    Log,
}

/// A fitted law.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The law.
    pub law: Law,
    /// Standard errors of σ, κ and λ; 0 for one that was held, or lies on its bound.
    pub standard_errors: [f64; 3],
    /// Covariances of σ, κ and λ, by row.
    pub covariance: [[f64; 3]; 3],
    /// Sum of the squared residuals.
    pub squares: f64,
    /// Points − parameters.
    pub freedom: usize,
}

/// Fits `model` to `points`, pairs of concurrency and throughput per second, one for each concurrency (means of repeats).
///
/// Bounded Levenberg–Marquardt (MPFIT: Markwardt, *ADASS XVIII*, 2009, after MINPACK-1): 0 ≤ σ ≤ 1, κ ≥ 0, λ > 0. It starts
/// where the linear form `N/X = (1 + σ(N−1) + κN(N−1)) / λ` is least (Gunther 2007, §5.2). Standard errors are the roots of
/// the covariance's diagonal, scaled by the residual variance at `n − p` degrees of freedom, as R's `nls` gives them.
///
/// # Errors
/// No more points than parameters, or the fit did not come to an end: a sentence.
pub fn fit(points: &[(f64, f64)], model: Model, residuals: Residuals) -> Result<Fit, String> {
    let p = model.parameters();
    if points.len() <= p {
        return Err(format!("{} different loads cannot bound {p} parameters", points.len()));
    }
    // Throughput over its highest: λ is then of the size of the others whatever the unit.
    let scale = points.iter().map(|(_, throughput)| *throughput).fold(0.0, f64::max);
    let points: Vec<(f64, f64)> = points.iter().map(|(n, throughput)| (*n, throughput / scale)).collect();
    let mut parameters = start(&points, model);
    let mut fitter = Fitter { points: &points, residuals, bounds: bounds(model) };
    let status =
        fitter.mpfit(&mut parameters).map_err(|error| format!("the fit did not succeed: {error}"))?;
    if status.success == rmpfit::MPSuccess::MaxIter {
        return Err("the fit did not come to rest; the points may not be of one system".to_owned());
    }
    let freedom = points.len() - p;
    let variance = status.best_norm / freedom as f64;
    let unit = [1.0, 1.0, scale];
    let covariance: [[f64; 3]; 3] = std::array::from_fn(|row| {
        std::array::from_fn(|column| status.covar[3 * row + column] * variance * unit[row] * unit[column])
    });
    let [sigma, kappa, lambda] = parameters;
    Ok(Fit {
        law: Law { sigma, kappa, lambda_per_s: lambda * scale },
        standard_errors: std::array::from_fn(|index| covariance[index][index].max(0.0).sqrt()),
        covariance,
        squares: status.best_norm * if residuals == Residuals::Plain { scale * scale } else { 1.0 },
        freedom,
    })
}

struct Fitter<'a> {
    points: &'a [(f64, f64)],
    residuals: Residuals,
    bounds: [MPPar; 3],
}

impl MPFitter for Fitter<'_> {
    fn eval(&mut self, parameters: &[f64], deviates: &mut [f64]) -> MPResult<()> {
        let law = Law { sigma: parameters[0], kappa: parameters[1], lambda_per_s: parameters[2] };
        for (deviate, (n, throughput)) in deviates.iter_mut().zip(self.points) {
            let fitted = law.throughput_per_s(*n);
            *deviate = match self.residuals {
                Residuals::Plain => throughput - fitted,
                Residuals::Log => throughput.ln() - fitted.ln(),
            };
        }
        Ok(())
    }

    fn number_of_points(&self) -> usize {
        self.points.len()
    }

    fn parameters(&self) -> &[MPPar] {
        &self.bounds
    }
}

fn bounds(model: Model) -> [MPPar; 3] {
    let from_zero = || MPPar { limited_low: true, ..MPPar::default() };
    [
        MPPar { fixed: model == Model::Linear, limited_up: true, limit_up: 1.0, ..from_zero() },
        MPPar { fixed: model != Model::Universal, ..from_zero() },
        MPPar { limit_low: f64::MIN_POSITIVE, ..from_zero() },
    ]
}

/// Where the search begins.
fn start(points: &[(f64, f64)], model: Model) -> [f64; 3] {
    let terms = |n: f64| [1.0, n - 1.0, n * (n - 1.0)];
    // Normal equations of N/X over the model's terms, then Gauss–Jordan with pivots.
    let p = model.parameters();
    let mut rows = vec![vec![0.0; p + 1]; p];
    for (n, throughput) in points {
        let (terms, y) = (terms(*n), n / throughput);
        for row in 0..p {
            (0..p).for_each(|column| rows[row][column] += terms[row] * terms[column]);
            rows[row][p] += terms[row] * y;
        }
    }
    for column in 0..p {
        let pivot = (column..p).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()));
        rows.swap(column, pivot.unwrap_or(column));
        let chosen = rows[column].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            let factor =
                if index == column { 1.0 - 1.0 / chosen[column] } else { row[column] / chosen[column] };
            row.iter_mut().zip(&chosen).for_each(|(value, chosen)| *value -= factor * chosen);
        }
    }
    let solved = |index: usize| rows.get(index).map_or(0.0, |row| row[p]);
    let alone = 1.0 / solved(0);
    if alone.is_finite() && alone > 0.0 {
        let inside = |value: f64, most: f64| if value.is_finite() { value.clamp(0.0, most) } else { 0.0 };
        return [inside(solved(1) * alone, 1.0), inside(solved(2) * alone, f64::MAX), alone];
    }
    let steepest = points.iter().map(|(n, throughput)| throughput / n).fold(0.0, f64::max);
    [if p > 1 { 0.01 } else { 0.0 }, if p > 2 { 1e-4 } else { 0.0 }, steepest]
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
