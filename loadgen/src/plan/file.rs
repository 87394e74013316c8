//! What a scenario file may hold: these types are the reader and the published JSON Schema at once. Everything is
//! optional here because a file may extend another; what must be there is asked for when the plan is made.

mod answer;
mod step;
mod target;

use schemars::JsonSchema;
use serde::Deserialize;

pub use answer::{Expect, Source};
pub use step::{Branch, GraphQl, LoopMap, Part, Repeat, Step};
pub use target::{Certificate, Dns, PerUser, Target};

use super::{
    de::At,
    forms::{Rate, Scalar, Share, Time},
    shapes::{OrMap, Pairs},
    watch::{BudgetEntry, Observer},
};

/// A load test: what is loaded, how, by what mix of users, and what must hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Headroom scenario", deny_unknown_fields)]
pub struct File {
    /// Another scenario file, relative to this one, that this one is laid over: maps are merged key by key, lists and
    /// values are replaced.
    #[allow(dead_code, reason = "followed before the types are read; here for the schema")]
    pub extends: Option<At<String>>,
    /// Version of the scenario language: 1.
    #[schemars(extend("const" = 1))]
    pub version: Option<At<u64>>,
    /// What the run is called in its record and report.
    pub name: Option<At<String>>,
    /// The question the scenario answers.
    pub about: Option<At<String>>,
    /// The service under test.
    pub target: Option<At<Target>>,
    /// Hosts beside loopback that may be loaded, by exact name or address.
    pub allow: Option<Vec<At<String>>>,
    /// Constants, used as `${name}`; `--var name=value` overrides them.
    pub vars: Option<Pairs<At<Scalar>>>,
    /// Data files; a column is used as `${set.column}`.
    pub data: Option<Pairs<At<DataFile>>>,
    /// How load is offered: `users` or `arrivals`, never both.
    pub load: Option<At<Load>>,
    /// When to end the run early. Default: off for loopback, else an error storm (half of at least 1,000 requests in
    /// 10 s).
    pub abort: Option<At<OrMap<Off, Storm>>>,
    /// Done once by each virtual user before its first iteration; what it saves outlives the iterations.
    pub on_start: Option<Vec<At<Step>>>,
    /// What every request has unless it says otherwise.
    pub defaults: Option<Defaults>,
    /// What users do: one flow an iteration, chosen by weight.
    #[schemars(length(min = 1))]
    pub flows: Option<At<Vec<At<Flow>>>>,
    /// What is read of the target while it is under load.
    pub observe: Option<Vec<At<Observer>>>,
    /// What must hold.
    pub budgets: Option<Vec<At<BudgetEntry>>>,
}

/// A data file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct DataFile {
    /// A CSV file with a header line, relative to the scenario; may use what is under `vars`.
    pub csv: Option<At<String>>,
    /// The command that makes the file, told when it is missing.
    pub made_by: Option<String>,
    /// How a user comes by its row. Default: random.
    pub pick: Option<Pick>,
}

/// How a user comes by its row of a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// One row for the life of the user, no two users the same.
    Unique,
    /// Another row each iteration, drawn at random.
    Random,
    /// The next row each iteration, over all users, from the top again at the end.
    InOrder,
}

/// How load is offered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields, extend("not" = {
    "required": ["users", "arrivals"], "properties": {"users": {"type": "object"}, "arrivals": {"type": "object"}},
}))]
pub struct Load {
    /// Closed model: a number of users, each of which waits for its answers.
    pub users: Option<At<Users>>,
    /// Open model: arrivals by the clock, whether or not the target keeps up.
    pub arrivals: Option<At<Arrivals>>,
    /// Measured and shown but not judged; whole seconds.
    pub warm_up: Option<At<Time>>,
}

/// Closed model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Users {
    /// Load profile.
    #[schemars(length(min = 1))]
    pub stages: Option<At<Vec<At<UserStage>>>>,
    /// Pause after each iteration.
    pub think: Option<At<OrMap<Time, Think>>>,
    /// Shortest time from the start of one iteration to the start of the next.
    pub pacing: Option<At<Time>>,
}

/// A stage of the closed model: `{ to: 1000, over: 30s }`, `{ hold: 2m }` or `{ users: 100, hold: 1m }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["to", "over"], "not": {"anyOf": [{"required": ["hold"]}, {"required": ["users"]}]}},
    {"required": ["hold"], "not": {"anyOf": [{"required": ["to"]}, {"required": ["over"]}]}},
]))]
pub struct UserStage {
    /// Ramp to this number of users …
    pub to: Option<At<u64>>,
    /// … in this time.
    pub over: Option<At<Time>>,
    /// Jump to this number of users and hold it.
    pub users: Option<At<u64>>,
    /// Hold for this time.
    pub hold: Option<At<Time>>,
}

/// Open model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Arrivals {
    /// How arrivals are spaced. Default: poisson.
    pub process: Option<Process>,
    /// Users that can be busy at once; an arrival that finds none is dropped and counted. Default 1000.
    pub max_in_flight: Option<At<u64>>,
    /// Load profile in iterations.
    #[schemars(length(min = 1))]
    pub stages: Option<At<Vec<At<RateStage>>>>,
}

/// How arrivals are spaced.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// Evenly.
    Constant,
    /// With exponential gaps, as independent users arrive.
    Poisson,
}

/// A stage of the open model: `{ rate: 500/s, hold: 2m }`, `{ to: 900/s, over: 1m }` or `{ hold: 2m }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["to", "over"], "not": {"anyOf": [{"required": ["hold"]}, {"required": ["rate"]}]}},
    {"required": ["hold"], "not": {"anyOf": [{"required": ["to"]}, {"required": ["over"]}]}},
]))]
pub struct RateStage {
    /// Ramp to this rate …
    pub to: Option<At<Rate>>,
    /// … in this time.
    pub over: Option<At<Time>>,
    /// Jump to this rate and hold it.
    pub rate: Option<At<Rate>>,
    /// Hold for this time.
    pub hold: Option<At<Time>>,
}

/// The word `off`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// Never.
    Off,
}

/// When so many requests fail that going on is pointless.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Storm {
    /// Failed requests over all. Default 50%.
    pub share: Option<At<Share>>,
    /// Fewer requests than this are no storm. Default 1000.
    pub requests: Option<At<u64>>,
    /// The stretch of time looked at; whole seconds. Default 10s.
    pub within: Option<At<Time>>,
}

/// What every request has unless it says otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Defaults {
    /// Headers. One that uses a variable is left out of requests that come before anything could have set it.
    pub headers: Option<Pairs<At<Option<Scalar>>>>,
    /// Longest time for one request.
    pub timeout: Option<At<Time>>,
    /// Whether redirects are followed. Default true.
    pub follow_redirects: Option<bool>,
}

/// What a user does in one iteration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Flow {
    /// What it is called.
    pub name: At<String>,
    /// How often it is chosen, relative to the others. Default 1.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub weight: Option<At<f64>>,
    /// What is done, in order. A step that fails ends the iteration.
    #[schemars(length(min = 1))]
    pub steps: At<Vec<At<Step>>>,
}

/// How long to pause: exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Think {
    /// Always this long.
    pub constant: Option<At<Time>>,
    /// Anything from the first to the second, equally likely.
    pub uniform: Option<At<[At<Time>; 2]>>,
    /// Exponential, with this mean.
    pub exponential: Option<At<Time>>,
    /// Log-normal, as people's pauses are.
    pub lognormal: Option<At<LogNormal>>,
}

/// A log-normal distribution.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct LogNormal {
    /// Half of the pauses are shorter.
    pub median: Option<At<Time>>,
    /// 95 of 100 pauses are shorter.
    pub p95: Option<At<Time>>,
}
