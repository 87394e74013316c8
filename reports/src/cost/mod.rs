//! What a topology costs: a catalogue of prices, the sums that size it, and the bill. Money is decimal and never a float;
//! what has no price is listed and makes its total a floor.

mod balancer;
mod bill;
mod catalogue;
mod check;
mod diurnal;
mod network;
mod purchase;
mod rows;
mod sizing;
mod storage;

pub use balancer::{Traffic, balancer_units};
pub use bill::{Bill, Item, Part, amount, bill, cents, money, to_the_cent};
pub use catalogue::{Catalogue, Grade, Price, Purchase};
pub use check::{Finding, STALE_DAYS, check, stale};
pub use diurnal::Day;
pub use network::{between_zones_gb, gb};
pub use purchase::{Shares, bought};
pub use sizing::{Spare, instances};
pub use storage::{backup_gb, log_gb};

/// Hours of a month: 365 · 24 / 12, as the provider's own calculator counts
/// (<https://docs.aws.amazon.com/pricing-calculator/latest/userguide/faq.html>).
pub const HOURS_PER_MONTH: f64 = 730.0;
