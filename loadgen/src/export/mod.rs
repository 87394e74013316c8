//! What leaves a run while it goes on, beside its record: metrics to be scraped, metrics pushed, every request as a line.
//!
//! ```text
//! journal ─► tick (a second, sparse) ─► meters thread ─┬─► prometheus (scraped)
//!                                                      └─► otlp (pushed)
//! send ────► request_log (bounded queue) ─► its own thread ─► FILE
//! ```

mod args;
mod meters;
mod otlp;
mod prometheus;
mod request_log;
mod tick;

pub use self::{
    args::ExportArgs,
    meters::{Meters, Outlets},
    request_log::{Bounds, RequestLog},
    tick::Tick,
};
