use serde::Serialize;

/// The Universal Scalability Law: throughput at concurrency `N` is `X(N) = λN / (1 + σ(N−1) + κN(N−1))` (Gunther,
/// *Guerrilla Capacity Planning*, 2007, eq. 4.31, with the third parameter of his 2018 form).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Law {
    /// Contention: the share of the work that only one can do at a time, 0..1.
    pub sigma: f64,
    /// Coherency: the cost of each pair agreeing, 0 and up.
    pub kappa: f64,
    /// Throughput of one alone, per second.
    pub lambda_per_s: f64,
}

impl Law {
    /// Throughput at `concurrency`, per second.
    pub fn throughput_per_s(&self, concurrency: f64) -> f64 {
        self.lambda_per_s * concurrency / self.slowdown(concurrency)
    }

    /// `1 + σ(N−1) + κN(N−1)`.
    fn slowdown(&self, n: f64) -> f64 {
        1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0)
    }

    /// The derivatives of the throughput by σ, κ and λ.
    pub fn gradient(&self, n: f64) -> [f64; 3] {
        let slowdown = self.slowdown(n);
        let by_sigma = -self.lambda_per_s * n * (n - 1.0) / (slowdown * slowdown);
        [by_sigma, by_sigma * n, n / slowdown]
    }

    /// The concurrency of the highest throughput, `√((1−σ)/κ)`; nothing without coherency: then more is never less.
    pub fn peak(&self) -> Option<f64> {
        (self.kappa > 0.0).then(|| ((1.0 - self.sigma) / self.kappa).sqrt().max(1.0))
    }

    /// What throughput would tend to without coherency, `λ/σ` per second (Amdahl's asymptote); nothing without
    /// contention.
    pub fn limit_per_s(&self) -> Option<f64> {
        (self.sigma > 0.0).then(|| self.lambda_per_s / self.sigma)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_figures_of_a_published_law_are_those_published() {
        // R package usl 3.0.4 on SPEC SDM91: tests/{peak,limit}-scalability.R.
        let law = Law { sigma: 0.027_728_47, kappa: 1.043_654e-4, lambda_per_s: 89.9952 };
        assert!((law.peak().unwrap() - 96.519_56).abs() < 0.01, "{:?}", law.peak());
        assert!((law.limit_per_s().unwrap() - 3245.589).abs() < 0.05);
    }

    proptest! {
        #[test]
        fn nothing_is_higher_than_the_peak(sigma in 0.0f64..0.9, kappa in 1e-6f64..0.1, n in 1.0f64..10_000.0) {
            let law = Law { sigma, kappa, lambda_per_s: 100.0 };
            let highest = law.throughput_per_s(law.peak().unwrap());
            prop_assert!(law.throughput_per_s(n) <= highest * (1.0 + 1e-12));
        }

        #[test]
        fn the_gradient_is_that_of_small_steps(sigma in 0.01f64..0.9, kappa in 1e-4f64..0.1, n in 1.0f64..100.0) {
            let law = Law { sigma, kappa, lambda_per_s: 50.0 };
            let at = law.throughput_per_s(n);
            let steps = [
                Law { sigma: sigma + 1e-7, ..law }, Law { kappa: kappa + 1e-7, ..law }, Law { lambda_per_s: 50.0 + 1e-5, ..law },
            ];
            for ((step, size), slope) in steps.iter().zip([1e-7, 1e-7, 1e-5]).zip(law.gradient(n)) {
                let seen = (step.throughput_per_s(n) - at) / size;
                prop_assert!((seen - slope).abs() <= 1e-3 * slope.abs() + 1e-3, "{seen} {slope}");
            }
        }
    }
}
