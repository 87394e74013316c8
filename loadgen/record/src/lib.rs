//! The run record: the folder that `loadgen` writes while a run goes on and `reports` reads, and the one
//! verdict that both draw from it.
//!
//! ```text
//! writer ─► run.json  latency.hlog  series.csv  target.csv  errors.jsonl ─► reader ─► summary ─► judge
//! ```
//!
//! | file           | content                                                                                 |
//! |----------------|-----------------------------------------------------------------------------------------|
//! | `run.json`     | what ran, on what, and (once finished) the totals, budgets and validity: [`Run`]        |
//! | `latency.hlog` | HdrHistogram interval log v2 in microseconds: an untagged line a second for the response time of all successful requests together, and a line per [`Tag`] |
//! | `totals.hlog`  | the same tags summed over the judged window; derived, rebuilt when absent                |
//! | `series.csv`   | a [`SeriesRow`] a second                                                                 |
//! | `target.csv`   | a [`TargetRow`] a second and observed value                                              |
//! | `errors.jsonl` | the first few [`ErrorSample`]s of each kind                                              |
//!
//! Every file is flushed once a second, so that a killed run can be read up to its last second.

mod budget;
pub mod capacity;
mod errors;
mod exit;
mod follow;
mod hist;
mod judge;
mod latency;
pub mod merge;
mod observed;
mod reader;
mod run;
mod series;
mod summary;
#[cfg(test)]
mod test_run;
pub mod unit;
mod validity;
mod writer;

pub use budget::{Budget, BudgetResult, Comparison, Metric, Outcome};
pub use capacity::{Capacity, Decision};
pub use errors::{ERRORS_PER_KIND, ErrorSample, RecordError};
pub use exit::Exit;
pub use follow::Follow;
pub use hist::{HIGHEST_US, Histogram, Histograms, Kind, SIGNIFICANT_DIGITS, Tag, new_histogram};
pub use judge::{Judgement, Verdict, judge};
pub use latency::{Latency, min_samples, quantile_us};
pub use observed::{Observation, ObservedKind, ObservedValue, TargetRow, observed_values};
pub use reader::Record;
pub use run::{
    Adjusted, Adjustment, Certificate, Generator, Git, Host, Merged, MergedPart, Model, Part, Run, SCHEMA,
    ScenarioText, Stage, State, TargetInfo, Window, WorstError,
};
pub use series::{ErrorCounts, SeriesRow};
pub use summary::{GeneratorLoad, RequestSummary, Summary, summarise};
pub use validity::{Reason, Rule, Validity, lag_bound_us};
pub use writer::{Second, Writer, refuse_taken};

/// The names of a record's files.
pub mod files {
    /// What ran, on what, and the verdict.
    pub const RUN: &str = "run.json";
    /// Interval log of latencies, one second a line and tag.
    pub const LATENCY: &str = "latency.hlog";
    /// The judged window's sum of `latency.hlog`, one line a tag.
    pub const TOTALS: &str = "totals.hlog";
    /// A row a second.
    pub const SERIES: &str = "series.csv";
    /// A row a second and observed value.
    pub const TARGET: &str = "target.csv";
    /// The first few errors of each kind.
    pub const ERRORS: &str = "errors.jsonl";
}
