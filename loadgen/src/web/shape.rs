//! What the page is told, as `headroom.live/1`: one JSON object an event. `/schema.json` describes it to programs, the
//! doc comments here to people; both are the same text.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// The schema's name; the number after the slash changes when a reader would misread.
pub const SCHEMA: &str = "headroom.live/1";

/// An event of the stream at `/events`, named as its variant.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Event {
    /// `run`: first, and again to a browser that could not keep up. Replaces all that was told before.
    Run(Box<RunEvent>),
    /// `second`: a second has passed.
    Second(Box<SecondEvent>),
    /// `adjusted`: the load was turned by hand.
    Adjusted(Adjusted),
    /// `end`: the run has ended, its record is whole; the last event.
    End(Box<End>),
}

/// Everything about a run up to now.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RunEvent {
    /// `headroom.live/1`.
    pub schema: &'static str,
    /// Version of loadgen.
    pub version: &'static str,
    /// The scenario's name.
    pub name: String,
    /// The scenario's `about`, or empty.
    pub about: String,
    /// Scheme, host and port of the target.
    pub target: String,
    /// `open` (arrivals by the clock) or `closed` (users that wait for their answers).
    pub model: &'static str,
    /// Seed of the run.
    pub seed: u64,
    /// Instant of second 0, RFC 3339 UTC.
    pub start: String,
    /// Planned length of the load, seconds.
    pub planned_s: f64,
    /// Seconds that are shown but not judged.
    pub warm_up_s: u64,
    /// The load profile: users (closed model) or iterations a second (open model).
    pub stages: Vec<Stage>,
    /// The folder of the record.
    pub record: String,
    /// What can be done from the page.
    pub control: Control,
    /// The seconds so far, in order.
    pub history: Vec<Point>,
    /// Adjustments so far, in order.
    pub adjustments: Vec<Adjusted>,
    /// The figures of the newest second.
    pub now: Option<Now>,
    /// How it ended, if it has.
    pub end: Option<End>,
}

/// A straight piece of the load profile.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Stage {
    /// Load at its start.
    pub from: f64,
    /// Load at its end.
    pub to: f64,
    /// Its length, seconds.
    pub seconds: f64,
}

/// What can be done from the page, by POST with the header `x-loadgen-token`: `/control/stop`, and `/control/load`
/// with `{"factor": F}` (the profile, multiplied) or `{"held": N}` (so many until the planned end).
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Control {
    /// `users` or `rate`; nothing where the load cannot be turned, because several processes share it.
    pub what: Option<&'static str>,
    /// The most it can be turned to, where there is a bound.
    pub most: Option<f64>,
}

/// One or more seconds of the run. In long runs neighbours are joined, so that the history stays small: counts are then
/// sums over `span_s` seconds, and percentiles and levels those of the worst of these seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Point {
    /// The first second.
    pub second: u64,
    /// How many seconds.
    pub span_s: u64,
    /// Load that was wanted: users, or iterations a second.
    pub wanted: f64,
    /// Iterations due (open model) or begun (closed model).
    pub offered: u64,
    /// Iterations dropped because every user was busy and the queue was full.
    pub dropped: u64,
    /// Requests answered as expected.
    pub completed: u64,
    /// Requests failed.
    pub failed: u64,
    /// Failed requests by kind.
    pub errors: BTreeMap<String, u64>,
    /// Active users at the end.
    pub users: u64,
    /// Requests in flight at the end.
    pub in_flight: u64,
    /// Seconds that the percentiles are of, this one and those before it: 1 where it can bound them alone, else up to 10.
    pub window_s: u64,
    /// Response time of successful requests, due to last byte, microseconds; nothing where too few ended.
    pub p50_us: Option<u64>,
    /// As `p50_us`.
    pub p95_us: Option<u64>,
    /// As `p50_us`.
    pub p99_us: Option<u64>,
    /// How late the generator began requests for which a user was free, microseconds.
    pub lag_p99_us: Option<u64>,
    /// Processor cores that the generator used.
    pub cpu_cores: f64,
}

/// A second has passed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SecondEvent {
    /// The second.
    pub point: Point,
    /// The figures after it.
    pub now: Now,
}

/// The figures of the moment. What is judged is summed up from the end of the warm-up on, and in the warm-up is of the
/// last second.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Now {
    /// Since the start of the load, seconds.
    pub elapsed_s: f64,
    /// `warm-up`, `ramp`, `steady` or `draining`.
    pub phase: &'static str,
    /// Whether the figures below are of judged seconds.
    pub judged: bool,
    /// Requests answered as expected, per second.
    pub completed_per_s: f64,
    /// Iterations dropped.
    pub dropped: u64,
    /// Requests answered as expected that the percentiles are of.
    pub n: u64,
    /// Response time, due to last byte, microseconds; nothing where the sample cannot bound it.
    pub p50_us: Option<u64>,
    /// As `p50_us`.
    pub p95_us: Option<u64>,
    /// As `p50_us`.
    pub p99_us: Option<u64>,
    /// The longest.
    pub max_us: u64,
    /// Failed requests and dropped arrivals over all, 0..1.
    pub error_ratio: f64,
    /// Failed requests by kind.
    pub errors: BTreeMap<String, u64>,
    /// By request name, the busiest first.
    pub requests: Vec<Request>,
    /// The budgets, in the scenario's order.
    pub budgets: Vec<Budget>,
    /// How the budgets stand, in words.
    pub budgets_say: String,
    /// What is observed of the target, the most telling first.
    pub observed: Vec<Observed>,
    /// The generator's own health.
    pub generator: Generator,
    /// Why the run so far would support no verdict; nothing when it would.
    pub not_valid: Option<String>,
}

/// Figures of one request name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Request {
    /// Its name.
    pub name: String,
    /// Answered as expected.
    pub completed: u64,
    /// Answered as expected, per second.
    pub completed_per_s: f64,
    /// Failed.
    pub failed: u64,
    /// Response time, microseconds; nothing where the sample cannot bound it.
    pub p50_us: Option<u64>,
    /// As `p50_us`.
    pub p95_us: Option<u64>,
    /// As `p50_us`.
    pub p99_us: Option<u64>,
}

/// How a budget stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Budget {
    /// The budget in words.
    pub text: String,
    /// The request it is about, if it is about one.
    pub request: Option<String>,
    /// `met`, `missed`, `too_few` or `no_data`.
    pub outcome: &'static str,
    /// The measured figure in words.
    pub shown: String,
    /// Kept, but by less than a tenth of its limit; or missed.
    pub at_risk: bool,
    /// The second at which it was first missed.
    pub missed_at_s: Option<u64>,
}

/// A value observed of the target.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    /// Its name in words.
    pub label: String,
    /// The value with its unit.
    pub value: String,
    /// A budget about it is missed.
    pub missed: bool,
}

/// The generator's own health in the last second.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Generator {
    /// Processor cores used.
    pub cpu_cores: f64,
    /// Processor cores it may use.
    pub cores: u64,
    /// Seconds per second that ready threads had no processor.
    pub cpu_wait: f64,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Open files.
    pub open_files: u64,
    /// Open files it may have.
    pub open_files_limit: u64,
    /// 99th percentile of start lag, microseconds: of the judged seconds so far, else of the last second.
    pub lag_p99_us: Option<u64>,
    /// Above this, microseconds, the run is not valid.
    pub lag_bound_us: f64,
    /// Worst lateness of the watchdog's timer, microseconds.
    pub timer_slip_us: u64,
}

/// The load was turned by hand.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Adjusted {
    /// The second in which it took effect.
    pub second: u64,
    /// `users` or `rate`.
    pub what: &'static str,
    /// Load before.
    pub from: f64,
    /// Load after.
    pub to: f64,
    /// The profile goes on, multiplied by this; nothing when `to` is held.
    pub factor: Option<f64>,
}

/// How a run ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct End {
    /// `pass`, `missed`, `regression`, `invalid`, `no_data` or `interrupted`.
    pub verdict: String,
    /// The exit code that says so.
    pub exit: u8,
    /// The verdict in one sentence.
    pub sentence: String,
    /// Why the run supports no verdict, if it does not.
    pub reasons: Vec<String>,
    /// What a reader of the figures must know.
    pub caveats: Vec<String>,
    /// The folder of the record.
    pub record: String,
    /// The figures of the judged window, final.
    pub now: Option<Now>,
}

/// The JSON Schema of an event.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Event)
}
