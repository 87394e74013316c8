//! What the integration tests and the benchmarks share: the real programs as processes that end with the test, and
//! servers whose behaviour is known.

pub mod browser;
pub mod loadgen;
pub mod process;
pub mod recording;
pub mod servers;
pub mod service;
pub mod visits;
