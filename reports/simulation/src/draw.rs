use rand::{RngExt, rngs::ChaCha8Rng};
use rand_distr::{Distribution, Exp1, StandardNormal};

/// How long a worker is busy with one request. All times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Service {
    /// Always as long.
    Constant(f64),
    /// Exponential of this mean.
    Exponential(f64),
    /// The sum of `phases` exponential times, of this mean together: the more phases, the more even.
    Erlang {
        /// Phases.
        phases: u32,
        /// Mean.
        mean_s: f64,
    },
    /// Log-normal: `median · exp(spread · z)`.
    LogNormal {
        /// Median.
        median_s: f64,
        /// Standard deviation of its logarithm.
        spread: f64,
    },
    /// As it was measured, even within each slice.
    Measured(Vec<Slice>),
}

/// A slice of a measured distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slice {
    /// Share of all that is at most as long as this slice's longest, 0..1, growing to 1.
    pub up_to: f64,
    /// Its shortest, seconds.
    pub from_s: f64,
    /// Its longest, seconds.
    pub to_s: f64,
}

impl Service {
    /// Mean time, seconds.
    pub fn mean_s(&self) -> f64 {
        match self {
            Self::Constant(s) | Self::Exponential(s) => *s,
            Self::Erlang { mean_s, .. } => *mean_s,
            Self::LogNormal { median_s, spread } => median_s * (spread * spread / 2.0).exp(),
            Self::Measured(slices) => {
                let mut below = 0.0;
                let parts = slices.iter().map(|slice| {
                    let share = slice.up_to - std::mem::replace(&mut below, slice.up_to);
                    share * f64::midpoint(slice.from_s, slice.to_s)
                });
                parts.sum()
            }
        }
    }

    /// One time, nanoseconds.
    pub(crate) fn draw_ns(&self, rng: &mut ChaCha8Rng) -> u64 {
        let exponential = |rng: &mut ChaCha8Rng| -> f64 { Exp1.sample(rng) };
        let seconds = match self {
            Self::Constant(s) => *s,
            Self::Exponential(mean_s) => mean_s * exponential(rng),
            Self::Erlang { phases, mean_s } => {
                let sum: f64 = (0..*phases).map(|_| exponential(rng)).sum();
                mean_s * sum / f64::from(*phases)
            }
            Self::LogNormal { median_s, spread } => {
                let z: f64 = StandardNormal.sample(rng);
                median_s * (spread * z).exp()
            }
            Self::Measured(slices) => {
                let share: f64 = rng.random();
                let at =
                    slices.partition_point(|slice| slice.up_to < share).min(slices.len().saturating_sub(1));
                let Some(slice) = slices.get(at) else { return 0 };
                slice.from_s + (slice.to_s - slice.from_s) * rng.random::<f64>()
            }
        };
        crate::ns(seconds)
    }
}
