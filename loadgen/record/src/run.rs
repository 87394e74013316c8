use serde::{Deserialize, Serialize};

use crate::{Budget, ObservedValue, Summary, judge::Judgement};

/// The schema name written to `run.json`; the number after the slash changes when a reader would misread.
pub const SCHEMA: &str = "headroom.run/1";

/// `run.json`: what ran, on what, and, once the run has ended, what came of it.
///
/// `end`, `totals` and `judgement` are absent while the run goes on and in the record of a killed run; a
/// reader then computes them from the other files ([`crate::Record::conclude`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// How far the run came.
    pub state: State,
    /// The program that made the record.
    pub generator: Generator,
    /// The scenario, whole.
    pub scenario: ScenarioText,
    /// The commit of the working folder the run was started in, where there is one.
    pub git: Option<Git>,
    /// The seed of arrivals, think times, choices and generated data.
    pub seed: u64,
    /// The machine that made the load.
    pub host: Host,
    /// The service under test.
    pub target: TargetInfo,
    /// Instant of second 0, RFC 3339 UTC.
    pub start: String,
    /// Instant at which the last request was answered or given up, RFC 3339 UTC.
    pub end: Option<String>,
    /// How load is offered.
    pub model: Model,
    /// The load profile, in order.
    pub stages: Vec<Stage>,
    /// Users that can be in flight at once (open model), or the highest number of users (closed model).
    pub max_users: u64,
    /// Seconds that are measured and shown but not judged.
    pub warm_up_s: u64,
    /// What must hold.
    pub budgets: Vec<Budget>,
    /// What `target.csv` holds.
    pub observed: Vec<ObservedValue>,
    /// The share of the load that is in this record, where several processes shared it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// What this record was merged from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
    /// Notes a reader of the figures must know, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
    /// What the newest certificate of the generator's accuracy says, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// Changes of the load that were made by hand while it ran, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<Adjustment>,
    /// Figures of the judged window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Summary>,
    /// Budgets with outcomes, validity with reasons, verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
}

/// A certificate of `loadgen doctor`, as a run quotes it: what was proven about the generator before the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// When it was made, RFC 3339 UTC.
    pub date: String,
    /// Version of the program it is about.
    pub loadgen: String,
    /// Whether every percentile of every behaviour was within its bound of the truth.
    pub passed: bool,
    /// Its finding in a sentence.
    pub sentence: String,
    /// The percentile that came nearest to its bound, or lay furthest beyond it.
    pub worst: Option<WorstError>,
    /// Requests per second that the machine keeps on schedule with the target on it.
    pub rate_ceiling_per_s: Option<f64>,
    /// The most users that one process can be.
    pub user_ceiling: Option<u64>,
    /// Whether it was made on the machine of this run, with the same kernel.
    pub same_host: bool,
    /// Why it may not hold for this run, a sentence each: another machine, another version, too old.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
}

/// The worst error of a certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorstError {
    /// The behaviour of the server it was found with.
    pub behaviour: String,
    /// Which percentile, 0..1.
    pub quantile: f64,
    /// Reported − true, microseconds.
    pub error_us: f64,
    /// The same as a share of the truth.
    pub error_ratio: f64,
}

/// A change of the load that was made by hand while it ran.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adjustment {
    /// The second in which it took effect.
    pub second: u64,
    /// What was changed.
    pub what: Adjusted,
    /// Users, or iterations a second, before it.
    pub from: f64,
    /// Users, or iterations a second, after it.
    pub to: f64,
    /// The plan's profile goes on, multiplied by this; absent when `to` is held instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
}

/// What an [`Adjustment`] changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjusted {
    /// The number of users (closed model).
    Users,
    /// The rate of iterations (open model).
    Rate,
}

impl std::fmt::Display for Adjustment {
    /// `second 12 (users 100 → 50)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = crate::unit::show_number;
        let (what, unit) = match self.what {
            Adjusted::Users => ("users", ""),
            Adjusted::Rate => ("rate", "/s"),
        };
        let (from, to) = (show(self.from), show(self.to));
        write!(f, "second {} ({what} {from}{unit} → {to}{unit})", self.second)
    }
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Going on; found in a record at rest it means that the generator was killed.
    Running,
    /// To its planned end.
    Finished,
    /// Stopped by the user.
    Interrupted,
    /// Stopped by the scenario's `abort` rule.
    Aborted,
}

/// The program that made the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generator {
    /// `loadgen`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The scenario as it was read, so that a record explains itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioText {
    /// The scenario's `name`.
    pub name: String,
    /// The scenario's `about`, or empty.
    pub about: String,
    /// The file name, without folders.
    pub file: String,
    /// The file's text, followed by those it extends, each behind a `# file: NAME` line.
    pub text: String,
    /// SHA-256 of `text` and of every setting that changed it from the command line, in hex.
    pub sha256: String,
}

/// The commit of the working folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    /// Full hash.
    pub commit: String,
    /// Whether tracked files differed from it.
    pub dirty: bool,
}

/// The machine that made the load; in a record merged from several machines, all of them together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Tells machines and containers apart without naming them: the beginning of a hash of host name and boot id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// Processor model.
    pub cpu: String,
    /// Processors this process may run on.
    pub cores: u64,
    /// Memory of the machine.
    pub memory_bytes: u64,
    /// Kernel name and release.
    pub kernel: String,
    /// Open files this process may have.
    pub open_files_limit: u64,
}

/// The service under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// Scheme, host and port; never user or password.
    pub base_url: String,
    /// Whether every address it resolved to is on this machine.
    pub loopback: bool,
}

/// How load is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// A number of users, each waiting for its answer before it goes on.
    Closed,
    /// Arrivals by the clock, whether or not earlier ones were answered.
    Open,
}

/// A straight piece of the load profile. Unit of `from` and `to`: users (closed model) or iterations a
/// second (open model).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Load at its start.
    pub from: f64,
    /// Load at its end.
    pub to: f64,
    /// Its length.
    pub seconds: f64,
}

/// The share of a load that one of several processes offered. `stages` and `max_users` of its [`Run`] are the share's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Which, from 0.
    pub index: u64,
    /// Of how many.
    pub of: u64,
    /// The load profile of all parts together.
    pub stages: Vec<Stage>,
    /// `max_users` of all parts together.
    pub max_users: u64,
}

/// What a merged record was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    /// Parts that the load was cut into.
    pub of: u64,
    /// The parts that are in it, in order of index.
    pub parts: Vec<MergedPart>,
    /// The machines they ran on.
    pub hosts: Vec<Host>,
}

/// A part of a merged record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergedPart {
    /// Which, from 0.
    pub index: u64,
    /// How far it came; `running` when its generator was killed.
    pub state: State,
    /// Seconds it recorded.
    pub recorded_s: u64,
    /// Mean cores it used over the judged window.
    pub cpu_cores: f64,
    /// Its machine, by its place in `hosts`.
    pub host: usize,
}

/// A half-open range of seconds of the run, `from_s..to_s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First second.
    pub from_s: u64,
    /// One past the last second.
    pub to_s: u64,
}

impl Window {
    /// Whether `second` lies in it.
    pub const fn contains(&self, second: u64) -> bool {
        self.from_s <= second && second < self.to_s
    }

    /// Its length, seconds.
    pub const fn seconds(&self) -> u64 {
        self.to_s.saturating_sub(self.from_s)
    }
}

impl Run {
    /// Planned length of the load, seconds.
    pub fn planned_s(&self) -> f64 {
        self.stages.iter().map(|stage| stage.seconds).sum()
    }

    /// The judged window of a run of which `recorded_s` seconds were recorded: from the end of the warm-up to
    /// the planned end, or to where the record breaks off.
    ///
    /// Seconds after the planned end hold only the answers to requests that were still in flight; they are
    /// judged too, because leaving the slowest answers out would flatter the target.
    pub fn judged(&self, recorded_s: u64) -> Window {
        Window { from_s: self.warm_up_s.min(recorded_s), to_s: recorded_s }
    }
}
