//! What every source is brought to before it is written: the small form between a recording and a scenario.

use serde_json::Value;

use super::text::Text;

/// A scenario in the making.
#[derive(Debug, Default)]
pub struct Journey {
    /// Its name.
    pub name: String,
    /// What it is, in a sentence.
    pub about: String,
    /// Lines above everything: where it comes from, what to look at.
    pub head: Vec<String>,
    /// Scheme, host and port, and perhaps a path.
    pub base_url: String,
    /// Constants: name, value, what it is for.
    pub vars: Vec<(String, String, String)>,
    /// Data files.
    pub data: Vec<Data>,
    /// How load is offered.
    pub load: Load,
    /// What every request has.
    pub headers: Vec<(String, Text)>,
    /// Whether redirects are not followed: an access log holds the request that came of each.
    pub stay: bool,
    /// Once a user.
    pub on_start: Vec<Step>,
    /// What users do.
    pub flows: Vec<Flow>,
    /// What was found and what was left out, in sentences, for the person who imports.
    pub notes: Vec<String>,
}

/// A data file to be written beside the scenario.
#[derive(Debug)]
pub struct Data {
    /// Its name in the scenario.
    pub set: String,
    /// The header line.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
    /// Whether each user keeps a row of its own.
    pub unique: bool,
    /// What it is.
    pub comment: String,
}

/// How load is offered.
#[derive(Debug)]
pub enum Load {
    /// So many users for so many seconds.
    Users {
        /// How many.
        users: u64,
        /// What to change about it.
        comment: String,
    },
    /// By the clock.
    Arrivals {
        /// `constant` or `poisson`.
        process: &'static str,
        /// Users that can be busy at once.
        max_in_flight: u64,
        /// Rates, held one after the other.
        stages: Vec<Stage>,
        /// What the stages are.
        comment: String,
    },
}

impl Default for Load {
    fn default() -> Self {
        Self::Users { users: 1, comment: String::new() }
    }
}

/// A rate that is held.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Iterations a second.
    pub rate: f64,
    /// How long, seconds.
    pub seconds: f64,
    /// Which part of the source it is.
    pub comment: String,
}

/// What a user does in an iteration.
#[derive(Debug, Default)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// How often it is chosen.
    pub weight: Option<f64>,
    /// What there is to say about it.
    pub comment: String,
    /// In order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// What there is to say about it.
    pub comment: String,
    /// What is done.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// One request.
    Request(Box<Request>),
    /// Several at once, as a browser loads the parts of a page.
    Parallel(Vec<Request>),
    /// A pause.
    Think(Pause),
    /// Steps so many times: a number, or a placeholder for one.
    Loop(String, Vec<Step>),
    /// One of these, by weight; written once and referred to afterwards where `again` says so.
    Choose {
        /// Weights and steps.
        branches: Vec<(f64, Vec<Step>)>,
        /// Whether they have been written before.
        again: bool,
    },
}

/// How long a user pauses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pause {
    /// Always so many seconds.
    Constant(f64),
    /// Log-normal: median and 95th percentile, seconds.
    LogNormal(f64, f64),
}

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// In capital letters, one that scenarios have a key for.
    pub method: String,
    /// A path, or a URL of another host.
    pub url: Text,
    /// What it is called in results; empty: method and path.
    pub name: String,
    /// Taken only if this variable is set.
    pub condition: Option<String>,
    /// Headers of its own.
    pub headers: Vec<(String, Text)>,
    /// Its body.
    pub body: Option<Body>,
    /// The status that was seen, or that is promised.
    pub status: Vec<String>,
    /// Variables taken from the answer.
    pub save: Vec<(String, Source)>,
    /// Whether a redirect is its answer.
    pub stay: bool,
}

/// A body.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// JSON; its texts are those of scenarios, with placeholders.
    Json(Value),
    /// A form, no name twice.
    Form(Vec<(String, Text)>),
    /// Parts of `multipart/form-data`.
    Multipart(Vec<Part>),
    /// A GraphQL query and its variables, whose texts are those of scenarios.
    GraphQl(Text, Option<Value>),
    /// Text, with its content type in the headers.
    Text(Text),
}

/// A part of `multipart/form-data`.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The field.
    pub name: String,
    /// What it holds.
    pub value: Text,
    /// The file name it is sent by, if it is a file.
    pub file_name: Option<String>,
    /// Its content type, if it says one.
    pub content_type: Option<String>,
}

/// Where a variable's value is in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A JSONPath.
    Json(String),
    /// A response header.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// The value of the first `input` of this name.
    Input(String),
    /// The content of the first `meta` of this name.
    Meta(String),
    /// The first group of a regular expression over the body.
    Regex(String),
}

impl Step {
    /// A request without a comment.
    pub fn request(request: Request) -> Self {
        Self { comment: String::new(), action: Action::Request(Box::new(request)) }
    }

    /// A pause of so many seconds.
    pub const fn think(seconds: f64) -> Self {
        Self { comment: String::new(), action: Action::Think(Pause::Constant(seconds)) }
    }
}
