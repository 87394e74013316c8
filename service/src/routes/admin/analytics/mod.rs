//! What users did, counted.

pub mod funnel;
pub mod top_searches;

use garde::Validate;
use serde::Deserialize;

use crate::clock;

const SECONDS_PER_DAY: i64 = 24 * 3600;
const DEFAULT_DAYS: u32 = 7;

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// Days to look back, in UTC, with today; 7 if not given.
    #[garde(range(min = 1, max = 366))]
    #[param(minimum = 1, maximum = 366)]
    days: Option<u32>,
}

/// Days, and the first of them, counted from the Unix epoch.
fn window(days: Option<u32>) -> (u32, i64) {
    let days = days.unwrap_or(DEFAULT_DAYS);
    (days, clock::now_s().div_euclid(SECONDS_PER_DAY) - i64::from(days) + 1)
}
