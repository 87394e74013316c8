//! `capacity.json`: what a capacity search found, and what that rests on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Budget, Generator, Git, Host, Latency, Observation, RecordError, ScenarioText, TargetInfo, Verdict,
};

/// The schema name of `capacity.json`; the number after the slash changes when a reader would misread.
pub const CAPACITY_SCHEMA: &str = "headroom.capacity/1";

/// A capacity search: the answer, the evidence for it by rate, and every step in order.
///
/// All rates are iterations of the scenario's flows a second, as the open model offers them, unless a name says requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Capacity {
    /// Always [`CAPACITY_SCHEMA`].
    pub schema: String,
    /// The program that searched.
    pub generator: Generator,
    /// The scenario, whole.
    pub scenario: ScenarioText,
    /// The commit of the working folder.
    pub git: Option<Git>,
    /// The seed of the search; each step has one of its own drawn from it.
    pub seed: u64,
    /// The machine that made the load.
    pub host: Host,
    /// The service under test.
    pub target: TargetInfo,
    /// When the search began, RFC 3339 UTC.
    pub start: String,
    /// When it ended, RFC 3339 UTC.
    pub end: String,
    /// Iterations that could be under way at once.
    pub max_users: u64,
    /// What had to hold at a rate for it to be accepted.
    pub budgets: Vec<Budget>,
    /// How it was searched.
    pub method: Method,
    /// What was found.
    pub answer: Answer,
    /// The answer in one sentence.
    pub sentence: String,
    /// What was learnt at each rate, in order of rate.
    pub rates: Vec<RateFinding>,
    /// Every trial, in order of time; each has a run record of its own.
    pub steps: Vec<Step>,
    /// Notes a reader of the figures must know, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How a capacity was searched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// Confidence of the two-sided interval that decides on a rate, 0..1.
    pub confidence: f64,
    /// Half the width of the answer's interval over its middle that was aimed at, 0..1.
    pub precision: f64,
    /// Length of a trial without its time to settle, seconds; longer where a percentile needs more answers.
    pub trial_s: u64,
    /// The highest rate that was allowed.
    pub max_rate_per_s: Option<f64>,
    /// How long the answer was held at the end, seconds.
    pub soak_s: u64,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What kind of answer it is.
    pub kind: AnswerKind,
    /// The highest rate of which every repeat together says that it keeps the budgets.
    pub low_per_s: Option<f64>,
    /// The lowest rate of which every repeat together says that it does not.
    pub high_per_s: Option<f64>,
    /// Requests answered as expected a second at `low_per_s`.
    pub requests_per_s: Option<f64>,
    /// Users of the scenario's closed model that make `low_per_s` together: Little's law, N = X·(R + Z) with the time R of
    /// an iteration and the pause Z between two.
    pub users: Option<f64>,
    /// Why the search ended without having found where the budgets break.
    pub limited_by: Option<Limit>,
    /// The budget that breaks first.
    pub binding: Option<Binding>,
    /// The resource that was at its end when it broke.
    pub saturated: Option<Saturated>,
    /// What came of holding the answer.
    pub soak: Option<Soak>,
    /// What came of offering more than the answer for a while.
    pub overshoot: Option<Overshoot>,
}

/// The kinds of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// The capacity lies between the two rates.
    Found,
    /// At least `low_per_s`: no rate that could be offered broke a budget.
    AtLeast,
    /// No rate that was tried keeps the budgets.
    None,
    /// The search was ended before it could tell.
    Unfinished,
}

/// What ended a search before a budget broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what", content = "detail")]
pub enum Limit {
    /// The generator could not offer more truthfully; the sentence says why.
    Generator(String),
    /// `--max-rate`.
    MaxRate,
    /// `--time-limit`.
    Time,
    /// The user.
    Interrupted,
}

/// The budget that breaks first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// The budget in words.
    pub budget: String,
    /// The rate at which it broke.
    pub rate_per_s: f64,
    /// Share of the answers that were over its limit there, 0..1.
    pub share: f64,
    /// Share that may be, 0..1.
    pub allowed: f64,
}

/// A resource at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saturated {
    /// Which, in words.
    pub resource: String,
    /// How much of it was used at the lowest rate that breaks the budgets.
    pub used: f64,
    /// How much there is.
    pub of: f64,
    /// Unit of both.
    pub unit: String,
}

/// The answer held for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Soak {
    /// The rate that was held.
    pub rate_per_s: f64,
    /// For how long, seconds.
    pub seconds: u64,
    /// Whether nothing that was seen contradicts that the budgets are kept; absent if the generator was the limit.
    pub held: Option<bool>,
}

/// More than the answer offered for a while, and the way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overshoot {
    /// The rate that was offered.
    pub rate_per_s: f64,
    /// For how long, seconds.
    pub seconds: u64,
    /// Requests answered as expected a second meanwhile.
    pub answered_per_s: f64,
    /// Seconds from the return to `low_per_s` until three seconds together kept the budgets again; absent if they did not
    /// within the time watched.
    pub recovered_after_s: Option<u64>,
    /// How long the return was watched, seconds.
    pub watched_s: u64,
}

/// What was learnt at one rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateFinding {
    /// The rate.
    pub rate_per_s: f64,
    /// Trials made of it.
    pub trials: u64,
    /// Trials that supported no figure because the generator was the limit.
    pub limited: u64,
    /// What they say together.
    pub decision: Decision,
    /// Requests answered as expected a second, over all trials that support a figure.
    pub requests_per_s: f64,
    /// Response time of all of them together.
    pub response: Latency,
    /// Each budget's evidence, in the order of [`Capacity::budgets`].
    pub evidence: Vec<Evidence>,
    /// Observed values of the last trial.
    pub observed: Vec<Observation>,
}

/// What the trials of a rate say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Every budget is kept: the upper bound of what is over its limit is allowed.
    Holds,
    /// A budget is broken: the lower bound of what is over its limit is more than is allowed.
    Breaks,
    /// The evidence supports neither.
    Open,
    /// The generator was the limit.
    Limited,
}

/// One budget at one rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The budget in words.
    pub budget: String,
    /// Answers over the limit.
    pub over: u64,
    /// Answers.
    pub n: u64,
    /// `over / n`; nothing without answers.
    pub share: Option<f64>,
    /// Lower bound of the share at the search's confidence.
    pub low: f64,
    /// Upper bound of it.
    pub high: f64,
    /// The share that may be over.
    pub allowed: f64,
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What it was made for.
    pub purpose: Purpose,
    /// The rate offered (of an overshoot, the rate returned to).
    pub rate_per_s: f64,
    /// Its length with the time to settle, seconds.
    pub seconds: u64,
    /// Its run record, relative to the folder of `capacity.json`.
    pub record: PathBuf,
    /// That record's own verdict.
    pub verdict: Verdict,
    /// That verdict in one sentence.
    pub sentence: String,
}

/// What a trial was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A rate's first trial.
    Search,
    /// Further evidence of a rate.
    Repeat,
    /// The answer held.
    Soak,
    /// More than the answer, and the way back.
    Overshoot,
}

impl Answer {
    /// Half the width of the interval over its middle, 0..1.
    pub fn half_width(&self) -> Option<f64> {
        let (low, high) = (self.low_per_s?, self.high_per_s?);
        Some((high - low) / (high + low))
    }
}

impl Capacity {
    /// The file's name.
    pub const FILE: &'static str = "capacity.json";

    /// Writes `capacity.json` into `folder`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), RecordError> {
        let path = folder.join(Self::FILE);
        let text = serde_json::to_string_pretty(self).expect("strings and numbers are JSON");
        fs::write(&path, text + "\n").map_err(RecordError::io(&path))
    }

    /// Reads `capacity.json` from `folder`.
    ///
    /// # Errors
    /// There is none, it is of another version, or it is damaged.
    pub fn read(folder: &Path) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let path = folder.join(Self::FILE);
        let text = fs::read_to_string(&path).map_err(RecordError::io(&path))?;
        let damaged = |error: serde_json::Error| RecordError::Damaged {
            path: path.clone(),
            line: error.line() as u64,
            detail: error.to_string(),
        };
        let head: Head = serde_json::from_str(&text).map_err(damaged)?;
        if head.schema != CAPACITY_SCHEMA {
            let expected = CAPACITY_SCHEMA;
            return Err(RecordError::Schema { path, found: head.schema, expected });
        }
        serde_json::from_str(&text).map_err(damaged)
    }
}
