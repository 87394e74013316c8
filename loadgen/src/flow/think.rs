//! How long a user pauses.

use std::time::Duration;

use rand::{Rng, RngExt, rngs::ChaCha8Rng};
use rand_distr::{Distribution, Exp1, StandardNormal};

/// The 95th percentile of the standard normal distribution.
const Z95: f64 = 1.644_853_626_951_472_2;

/// The law that a pause follows. Draws are cut at [`Think::LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Think {
    /// Always the same.
    Constant(Duration),
    /// Equally likely from the first to the second, both included.
    Uniform(Duration, Duration),
    /// Exponential with this mean: `f(t) = e^(−t/mean) / mean`.
    Exponential(Duration),
    /// Log-normal: `t = median · e^(σz)` with z standard normal and σ = ln(p95 / median) / 1.6449.
    LogNormal {
        /// Half of the pauses are shorter.
        median: Duration,
        /// Of the logarithm; 0 or more.
        sigma: f64,
    },
}

impl Think {
    /// No pause is longer: the tails of the distributions know no bound, a run does.
    pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

    /// A log-normal pause by its median and 95th percentile; the median is above 0 and not above `p95`.
    pub fn lognormal(median: Duration, p95: Duration) -> Self {
        Self::LogNormal { median, sigma: (p95.as_secs_f64() / median.as_secs_f64()).ln() / Z95 }
    }

    /// Draws a pause.
    pub fn sample(&self, rng: &mut ChaCha8Rng) -> Duration {
        match *self {
            Self::Constant(time) => time,
            Self::Uniform(from, to) => from + (to.saturating_sub(from)).mul_f64(unit(rng)),
            Self::Exponential(mean) => {
                let draw: f64 = Exp1.sample(rng);
                cut(mean.as_secs_f64() * draw)
            }
            Self::LogNormal { median, sigma } => {
                let z: f64 = StandardNormal.sample(rng);
                cut(median.as_secs_f64() * (sigma * z).exp())
            }
        }
    }

    /// The mean of the law; of the log-normal, `median · e^(σ²/2)`.
    pub fn mean(&self) -> Duration {
        match *self {
            Self::Constant(time) | Self::Exponential(time) => time,
            Self::Uniform(from, to) => (from + to) / 2,
            Self::LogNormal { median, sigma } => cut(median.as_secs_f64() * (sigma * sigma / 2.0).exp()),
        }
    }
}

fn unit(rng: &mut impl Rng) -> f64 {
    rng.random()
}

fn cut(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Think::LONGEST).min(Think::LONGEST)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn sorted_draws(think: Think) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut draws: Vec<f64> = (0..50_000).map(|_| think.sample(&mut rng).as_secs_f64()).collect();
        draws.sort_by(f64::total_cmp);
        draws
    }

    /// Holds the draws against the law's distribution function: Kolmogorov's distance is below 1.95/√n in 999 of
    /// 1000 samples of the law.
    fn follows(think: Think, cdf: impl Fn(f64) -> f64) {
        let draws = sorted_draws(think);
        let n = draws.len() as f64;
        let distance =
            draws.iter().enumerate().map(|(i, t)| (cdf(*t) - i as f64 / n).abs()).fold(0.0, f64::max);
        assert!(distance < 1.95 / n.sqrt(), "{think:?}: {distance}");
        let mean = draws.iter().sum::<f64>() / n;
        let expected = think.mean().as_secs_f64();
        assert!((mean / expected - 1.0).abs() < 0.02, "{think:?}: mean {mean}, expected {expected}");
    }

    #[test]
    fn pauses_follow_their_law() {
        follows(Think::Uniform(MS(1000), MS(3000)), |t| (t - 1.0) / 2.0);
        follows(Think::Exponential(MS(2000)), |t| 1.0 - (-t / 2.0).exp());
    }

    #[test]
    fn a_lognormal_pause_has_the_median_and_the_percentile_it_was_given() {
        let draws = sorted_draws(Think::lognormal(MS(3000), MS(9000)));
        let at = |q: f64| draws[(q * draws.len() as f64) as usize];
        assert!((at(0.5) / 3.0 - 1.0).abs() < 0.02, "{}", at(0.5));
        assert!((at(0.95) / 9.0 - 1.0).abs() < 0.02, "{}", at(0.95));
    }

    #[test]
    fn a_constant_pause_is_constant_and_no_pause_is_endless() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(Think::Constant(MS(5)).sample(&mut rng), MS(5));
        assert_eq!(cut(f64::INFINITY), Think::LONGEST);
    }
}
