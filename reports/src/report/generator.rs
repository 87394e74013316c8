use record::{Latency, lag_bound_us};
use serde::Serialize;

use crate::read::Evidence;

/// What the generator itself used over the judged window: the proof that it was not the limit.
#[derive(Debug, Clone, Serialize)]
pub struct GeneratorHealth {
    /// Due → sent, where a user was free.
    pub lag: Latency,
    /// The 99th percentile of start lag above which the run is invalid.
    pub lag_bound_us: f64,
    /// Mean cores used.
    pub cpu_cores: f64,
    /// Cores it may use.
    pub cores: u64,
    /// Share of its cores used, 0..1; nothing when the record does not say how many it had.
    pub cpu_ratio: Option<f64>,
    /// Mean seconds per second that its ready threads had no processor.
    pub cpu_wait: f64,
    /// Mean share of its machine's processor time that the host gave to others, 0..1; nothing when it is not known.
    pub cpu_stolen: Option<f64>,
    /// Highest resident memory.
    pub memory_bytes: u64,
    /// Highest number of open files.
    pub open_files: u64,
    /// Open files it may have.
    pub open_files_limit: u64,
    /// Worst lateness of the watchdog's timer.
    pub timer_slip_us: u64,
}

/// The generator's own load.
pub fn generator(evidence: &Evidence) -> GeneratorHealth {
    let (summary, run) = (&evidence.summary, &evidence.record.run);
    let load = &summary.generator;
    GeneratorHealth {
        lag: summary.lag.clone(),
        lag_bound_us: lag_bound_us(run),
        cpu_cores: load.cpu_cores,
        cores: run.host.cores,
        cpu_ratio: (run.host.cores > 0).then(|| load.cpu_cores / run.host.cores as f64),
        cpu_wait: load.cpu_wait,
        cpu_stolen: load.cpu_stolen,
        memory_bytes: load.memory_bytes,
        open_files: load.open_files,
        open_files_limit: run.host.open_files_limit,
        timer_slip_us: load.timer_slip_us,
    }
}
