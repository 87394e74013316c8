//! The checked plan: everything a run needs, with every name resolved. A value of these types can be run without
//! further questions; whatever could be wrong with a scenario was found while it was made.

mod step;
mod wire;

use std::{path::PathBuf, time::Duration};

use http::HeaderName;
use record::Budget;
use url::Url;

pub use step::{
    Action, Block, Body, Branch, Chunk, Flow, Loop, Parallel, Repeat, Request, Rounds, Step, Until, at_once,
    pauses, requests_of,
};
pub use wire::{ClientCertificate, Dns, Http, PerUser, Wire};

use crate::flow::{data::DataSet, think::Think};

/// Index into [`Plan::requests`].
pub type RequestId = usize;
/// Index of a variable of a virtual user, into `Session::slots`.
pub type Slot = usize;

/// A scenario, checked.
#[derive(Debug)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// What it is for, or empty.
    pub about: String,
    /// Where it came from.
    pub source: Source,
    /// The service under test.
    pub target: Target,
    /// Hosts beside loopback that may be loaded, as written in the scenario's `allow` and by `--allow`.
    pub allow: Vec<String>,
    /// How load is offered.
    pub load: Load,
    /// Measured and shown, not judged; whole seconds.
    pub warm_up: Duration,
    /// When to end early. `None`: the default for the target (off for loopback).
    pub abort: Option<Abort>,
    /// Data files, read.
    pub data: Vec<DataSet>,
    /// Number of variables of a virtual user.
    pub slots: usize,
    /// The variables that `on_start` sets: they outlive an iteration, all others are cleared at its start.
    pub kept: Vec<Slot>,
    /// Done once by each virtual user before its first iteration.
    pub on_start: Vec<Step>,
    /// What users do, one flow an iteration, chosen by weight.
    pub flows: Vec<Flow>,
    /// Every name that times are recorded by, of requests and of blocks, in order of first use; no two alike.
    pub requests: Vec<String>,
    /// What is observed of the target.
    pub observe: Vec<Observer>,
    /// What must hold.
    pub budgets: Vec<Budget>,
}

/// Where a scenario came from.
#[derive(Debug)]
pub struct Source {
    /// The file, as named on the command line.
    pub file: PathBuf,
    /// Its text and that of the files it extends, each behind a `# file: NAME` line.
    pub text: String,
    /// SHA-256 over `text` and every override, in hex.
    pub sha256: String,
}

/// The service under test.
#[derive(Debug)]
pub struct Target {
    /// Scheme, host, port, and perhaps a path before every path of the scenario.
    pub base_url: Url,
    /// Longest time for one request, from the instant it was sent.
    pub timeout: Duration,
    /// Asked until it answers 2xx before the load begins.
    pub ready: Option<String>,
    /// Program and arguments, started before the run and stopped after it.
    pub command: Option<Vec<String>>,
    /// A file of PEM certificates to trust beside the platform's.
    pub ca: Option<PathBuf>,
    /// How connections are made and kept.
    pub wire: Wire,
}

/// How load is offered.
#[derive(Debug)]
pub enum Load {
    /// Closed model: a number of users.
    Users {
        /// Load profile in users.
        stages: Vec<record::Stage>,
        /// Pause after each iteration.
        think: Option<Think>,
        /// Shortest time from the start of an iteration to the start of the next; gives a due time.
        pacing: Option<Duration>,
    },
    /// Open model: arrivals by the clock.
    Arrivals {
        /// How arrivals are spaced.
        process: Process,
        /// Users that can be busy at once.
        max_in_flight: usize,
        /// Load profile in iterations a second.
        stages: Vec<record::Stage>,
    },
}

impl Load {
    /// The most users that are there at once.
    pub fn peak_users(&self) -> u64 {
        match self {
            Self::Users { stages, .. } => {
                stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max).ceil() as u64
            }
            Self::Arrivals { max_in_flight, .. } => *max_in_flight as u64,
        }
    }
}

/// How arrivals are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Evenly.
    Constant,
    /// With exponential gaps, as independent users arrive.
    Poisson,
}

/// When to end a run early: `share` of at least `requests` requests in the last `within` failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Abort {
    /// Never.
    Off,
    /// On an error storm.
    Storm {
        /// Failed over all, 0..1.
        share: f64,
        /// Fewer requests than this are no storm.
        requests: u64,
        /// The stretch of time looked at; whole seconds.
        within: Duration,
    },
}

/// Something that tells about the target while it is under load.
#[derive(Debug)]
pub struct Observer {
    /// Its name.
    pub name: String,
    /// What is looked at.
    pub source: ObserverSource,
}

/// What is looked at.
#[derive(Debug)]
pub enum ObserverSource {
    /// A Prometheus endpoint, once a second.
    Prometheus {
        /// Path under the target, or an absolute URL.
        url: String,
        /// Values read from it.
        values: Vec<PrometheusValue>,
    },
    /// A response header of every answer, counted by its value.
    Header(HeaderName),
}

/// A value read from a Prometheus endpoint.
#[derive(Debug)]
pub struct PrometheusValue {
    /// Its name, by which budgets refer to it.
    pub name: String,
    /// What is read and how it is computed.
    pub query: PrometheusQuery,
}

/// What is read of a Prometheus endpoint; series that match are summed.
#[derive(Debug)]
pub enum PrometheusQuery {
    /// `Δhits / Δall`.
    Ratio {
        /// The part.
        hits: Selector,
        /// The whole.
        all: Selector,
    },
    /// `Δ / seconds` of a running total.
    Rate(Selector),
    /// The level.
    Gauge(Selector),
    /// A quantile (0..1) of a histogram's buckets.
    Histogram {
        /// The histogram's name, without `_bucket`.
        selector: Selector,
        /// Which.
        quantile: f64,
    },
}

/// `name{label="value",other!="value"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Metric name.
    pub name: String,
    /// Label, whether it must be equal (else unequal), value.
    pub labels: Vec<(String, bool, String)>,
}

impl Plan {
    /// Every request there is.
    pub fn every_request(&self) -> impl Iterator<Item = &Request> {
        let lists = self.flows.iter().map(|flow| flow.steps.as_slice());
        lists.chain([self.on_start.as_slice()]).flat_map(requests_of)
    }

    /// The most connections that a user has open to its target at once; over HTTP/2 requests share one.
    pub fn connections_of_user(&self) -> u64 {
        if self.target.wire.http == Http::Two {
            return 1;
        }
        let lists = self.flows.iter().map(|flow| flow.steps.as_slice());
        lists.chain([self.on_start.as_slice()]).map(at_once).max().unwrap_or(1) as u64
    }

    /// The longest time any request may take.
    pub fn longest_timeout(&self) -> Duration {
        let own = self.every_request().filter_map(|request| request.timeout);
        own.chain([self.target.timeout]).max().unwrap_or(self.target.timeout)
    }
}
