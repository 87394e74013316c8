use std::time::Duration;

use record::{Judgement, Latency, Run, SeriesRow, Summary, TargetRow};

/// All that a live view shows of one second; made once a second by the run, drawn by a terminal screen or printed as
/// a line.
#[derive(Debug)]
pub struct Snapshot<'a> {
    /// What runs (name, target, stages, warm-up, budgets, observed values).
    pub run: &'a Run,
    /// Since the start of the load.
    pub elapsed: Duration,
    /// The second just recorded.
    pub row: &'a SeriesRow,
    /// Response time of the successful requests of that second.
    pub latency: &'a Latency,
    /// Response time p95 of each of the last 60 seconds, oldest first; nothing for a second that cannot support it.
    pub p95_us: &'a [Option<u64>],
    /// Observed values of the last two seconds, for "now" figures.
    pub target: &'a [TargetRow],
    /// Figures of the judged window so far (all zero during the warm-up).
    pub summary: &'a Summary,
    /// The verdict so far. A run that goes on is `Unfinished`; that reason is not news here.
    pub judgement: &'a Judgement,
}
