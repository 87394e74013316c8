//! What load a system takes: measured points, the law that is fitted to them, and what may be concluded from it.

mod cache;
mod demand;
mod fit;
mod fitting;
mod knee;
mod law;
mod points;
mod predict;
mod spread;
mod tier;
mod weigh;

pub use cache::CacheModel;
use fit::{Fit, Model, Residuals, fit};
pub use fitting::{Asked, Estimate, Fitting, Parameters, WIDE, fitting};
use law::Law;
pub use predict::{Basis, FARTHEST, Prediction};
