//! Statistics as pure functions: numbers in, numbers out, each formula with its source. Nothing here knows files,
//! pages or plots.

mod binomial;
mod little;
mod order;
mod queue;
mod resample;
mod share;
mod steady;
mod student;

pub use little::little;
pub use order::{ranks, value_at_rank};
pub use queue::{Tier, constant_service_wait_quantile_s, constant_service_wait_s, erlang_c};
pub use resample::{Cumulative, MIN_RUNS, Resamples, bootstrap_interval, quantile_of};
pub use share::wilson;
pub use steady::{MIN_STEADY, Steady, mser5};
use student::bootstrap_tail;
pub use student::student;

/// The confidence of every interval, 0..1.
pub const CONFIDENCE: f64 = 0.95;
/// The standard normal quantile of a two-sided interval of [`CONFIDENCE`].
const Z: f64 = 1.959_963_984_540_054;
