//! Statistics as pure functions: numbers in, numbers out, each formula with its source. Nothing here knows files,
//! pages or plots.

mod binomial;
mod little;
mod order;
mod share;

pub use little::little;
pub use order::{ranks, value_at_rank};
pub use share::wilson;

/// The confidence of every interval, 0..1.
pub const CONFIDENCE: f64 = 0.95;
/// The standard normal quantile of a two-sided interval of [`CONFIDENCE`].
const Z: f64 = 1.959_963_984_540_054;
