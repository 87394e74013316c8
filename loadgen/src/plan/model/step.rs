use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderName, Method};

use super::{RequestId, Slot};
use crate::flow::{
    condition::Condition, expect::Expect, extract::Extract, send::Outgoing, template::Template, think::Think,
};

/// What a user does in one iteration.
#[derive(Debug)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// How often it is chosen, relative to the others; above 0.
    pub weight: f64,
    /// In order. A step that fails ends the iteration.
    pub steps: Vec<Step>,
}

/// One step of a flow.
#[derive(Debug)]
pub struct Step {
    /// Taken only when this holds.
    pub condition: Option<Condition>,
    /// What is done.
    pub action: Action,
}

/// What a step does.
#[derive(Debug)]
pub enum Action {
    /// Sends a request and waits for the whole answer.
    Request(Box<Request>),
    /// Pauses.
    Think(Think),
    /// Sets variables; one whose text needs another that is not set is unset by it.
    Set(Vec<(Slot, Template)>),
    /// Takes further steps.
    Block(Box<Block>),
}

/// Steps that hold steps.
#[derive(Debug)]
pub enum Block {
    /// These or those.
    Either {
        /// Which.
        condition: Condition,
        /// If it holds.
        then: Vec<Step>,
        /// If not; may be empty.
        otherwise: Vec<Step>,
    },
    /// One of several.
    Choose(Vec<Branch>),
    /// The same several times.
    Loop(Loop),
    /// The same until something holds.
    Repeat(Repeat),
    /// Requests at once.
    Parallel(Parallel),
}

/// One of several lists of steps.
#[derive(Debug)]
pub struct Branch {
    /// Its share and that of all before it, 0..1; of the last, 1.
    pub up_to: f64,
    /// In order.
    pub steps: Vec<Step>,
}

/// The same steps several times.
#[derive(Debug)]
pub struct Loop {
    /// How often.
    pub rounds: Rounds,
    /// The variable that holds the number or value at hand.
    pub variable: Option<Slot>,
    /// In order.
    pub steps: Vec<Step>,
}

/// How often the steps of a loop are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rounds {
    /// For `count` numbers from `from` on, `by` apart.
    Range {
        /// The first number.
        from: i64,
        /// From each to the next.
        by: i64,
        /// How many, at least 1.
        count: u64,
    },
    /// A number of times drawn evenly from the first to the second, both included; counted from 1.
    Drawn(i64, i64),
    /// Once for each value of a variable that holds many.
    Over(Slot),
}

/// The same steps until something holds.
#[derive(Debug)]
pub struct Repeat {
    /// What ends it.
    pub until: Until,
    /// The most times, at least 1; if it does not hold after the last, the request has failed.
    pub at_most: u64,
    /// Pause before the next time.
    pub pause: Option<Think>,
    /// Steps before the request.
    pub before: Vec<Step>,
    /// The request after which it is asked whether to go on.
    pub asked: Box<Request>,
}

/// What ends a repetition.
#[derive(Debug)]
pub enum Until {
    /// Something about variables.
    Holds(Condition),
    /// What the answer is.
    Answer(Expect),
}

/// Requests that are made at once.
#[derive(Debug)]
pub struct Parallel {
    /// What the time of the whole is recorded as, if it is.
    pub id: Option<RequestId>,
    /// Requests at once; at least 1.
    pub connections: usize,
    /// The requests, each made only when its condition holds.
    pub requests: Vec<(Option<Condition>, Request)>,
}

/// A request.
#[derive(Debug)]
pub struct Request {
    /// What it is called in every result.
    pub id: RequestId,
    /// Its method.
    pub method: Method,
    /// Path and query, or an absolute URL; percent-encoding is the scenario's, except that what a variable puts into
    /// it is encoded.
    pub url: Template,
    /// The scenario's defaults and the step's own, merged.
    pub headers: Vec<(HeaderName, Template)>,
    /// Its body, with the content type in `headers` already.
    pub body: Option<Body>,
    /// What the answer must be.
    pub expect: Expect,
    /// What is kept of the answer.
    pub save: Vec<(Slot, Extract)>,
    /// Whether anything looks into the body: if not it is counted and dropped as it arrives.
    pub reads_body: bool,
    /// Whether 301, 302, 303, 307 and 308 are followed.
    pub follow_redirects: bool,
    /// Longest time for this request, if not the target's.
    pub timeout: Option<std::time::Duration>,
    /// The request as it goes out, kept from its first rendering if no variable goes into it.
    pub fixed: OnceLock<Outgoing>,
}

impl Request {
    /// Whether no variable goes into it.
    pub fn is_fixed(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_fixed)
            && self.url.as_static().is_some()
            && self.headers.iter().all(|(_, value)| value.as_static().is_some())
    }
}

/// A request body.
#[derive(Debug)]
pub enum Body {
    /// Text or JSON as text; values of variables inside JSON strings are escaped when the template is made.
    Text(Template),
    /// `application/x-www-form-urlencoded` pairs, encoded when rendered.
    Form(Vec<(Template, Template)>),
    /// `multipart/form-data` (RFC 7578), boundaries and part headers in the texts.
    Multipart(Vec<Chunk>),
}

/// A stretch of a body.
#[derive(Debug)]
pub enum Chunk {
    /// Text.
    Text(Template),
    /// A file, read when the plan was made; shared by all requests that send it.
    File(Bytes),
}

impl Body {
    fn is_fixed(&self) -> bool {
        match self {
            Self::Text(text) => text.as_static().is_some(),
            Self::Form(pairs) => {
                pairs.iter().all(|(name, value)| name.as_static().and(value.as_static()).is_some())
            }
            Self::Multipart(chunks) => chunks.iter().all(|chunk| match chunk {
                Chunk::Text(text) => text.as_static().is_some(),
                Chunk::File(_) => true,
            }),
        }
    }
}

impl Block {
    /// The lists of steps that it holds, but for the requests of `repeat` and `parallel`.
    pub fn lists(&self) -> Vec<&[Step]> {
        match self {
            Self::Either { then, otherwise, .. } => vec![then, otherwise],
            Self::Choose(branches) => branches.iter().map(|branch| branch.steps.as_slice()).collect(),
            Self::Loop(it) => vec![&it.steps],
            Self::Repeat(it) => vec![&it.before],
            Self::Parallel(_) => Vec::new(),
        }
    }
}

/// Every request of `steps` and of the blocks among them, in the order they are written.
pub fn requests_of(steps: &[Step]) -> Vec<&Request> {
    let mut found = Vec::new();
    collect_requests(steps, &mut found);
    found
}

fn collect_requests<'s>(steps: &'s [Step], found: &mut Vec<&'s Request>) {
    for step in steps {
        match &step.action {
            Action::Request(request) => found.push(request),
            Action::Think(_) | Action::Set(_) => {}
            Action::Block(block) => {
                block.lists().into_iter().for_each(|steps| collect_requests(steps, found));
                match &**block {
                    Block::Repeat(it) => found.push(&it.asked),
                    Block::Parallel(it) => found.extend(it.requests.iter().map(|(_, request)| request)),
                    Block::Either { .. } | Block::Choose(_) | Block::Loop(_) => {}
                }
            }
        }
    }
}

/// Whether a user pauses anywhere in `steps`.
pub fn pauses(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.action {
        Action::Think(_) => true,
        Action::Request(_) | Action::Set(_) => false,
        Action::Block(block) => {
            let between = matches!(&**block, Block::Repeat(Repeat { pause: Some(_), .. }));
            between || block.lists().into_iter().any(pauses)
        }
    })
}

/// The most requests that a user makes at once anywhere in `steps`, at least 1.
pub fn at_once(steps: &[Step]) -> usize {
    let of_step = |step: &Step| match &step.action {
        Action::Block(block) => {
            let own = match &**block {
                Block::Parallel(it) => it.connections.min(it.requests.len()),
                _ => 1,
            };
            block.lists().into_iter().map(at_once).fold(own, usize::max)
        }
        Action::Request(_) | Action::Think(_) | Action::Set(_) => 1,
    };
    steps.iter().map(of_step).fold(1, usize::max)
}
