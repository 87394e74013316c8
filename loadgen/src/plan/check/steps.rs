//! Steps: what each does, and what does not go together.

use super::{Check, names::Scope};
use crate::plan::{
    de::At,
    file,
    model::{Action, Block, Step},
    problem::Span,
};

const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];
const OTHERS: [&str; 6] = ["think", "set", "choose", "loop", "repeat", "parallel"];

/// What may stand in a request beside its method.
const OF_REQUESTS: [&str; 13] = [
    "if",
    "else",
    "name",
    "headers",
    "json",
    "form",
    "multipart",
    "graphql",
    "body",
    "expect",
    "save",
    "timeout",
    "follow_redirects",
];

/// Blocks within blocks beyond this are a slip of the pen.
const DEEPEST: usize = 16;

impl Check<'_> {
    /// Steps in order; what they set is in `scope` afterwards.
    pub fn steps(&mut self, steps: &[At<file::Step>], scope: &mut Scope) -> Vec<Step> {
        steps.iter().filter_map(|step| self.step(step, scope)).collect()
    }

    /// The steps of a block, of which there must be some; they may set variables that `scope` has afterwards.
    pub fn block_steps(&mut self, steps: &At<Vec<At<file::Step>>>, scope: &mut Scope) -> Vec<Step> {
        if steps.is_empty() {
            self.problem(steps.span, "no steps; write such as `- get: /tasks`, or take the block out");
        }
        if scope.depth == DEEPEST {
            let message = format!("blocks stand {DEEPEST} deep in one another here; make it simpler");
            self.problem(steps.span, message);
            return Vec::new();
        }
        scope.depth += 1;
        let made = self.steps(steps, scope);
        scope.depth -= 1;
        made
    }

    /// One step.
    pub fn step(&mut self, step: &At<file::Step>, scope: &mut Scope) -> Option<Step> {
        let kind = self.kind(step)?;
        let before = scope.clone();
        // What the condition is about is set before the step, not by it.
        let condition = step.condition.as_ref().map(|text| self.condition(text, &before));
        let action = match kind {
            "think" => self.think(step.think.as_ref()?).map(Action::Think),
            "set" => Some(self.set(&step.set.as_ref()?.value, scope)),
            "choose" => self.choose(step.choose.as_ref()?, scope).map(block),
            "loop" => self.looped(step, step.looped.as_ref()?, scope).map(block),
            "repeat" => self.repeat(step, step.repeat.as_ref()?, scope).map(block),
            "parallel" => self.parallel(step, step.parallel.as_ref()?, scope).map(block),
            "steps" => None,
            _ => self.request(step, scope).map(|request| Action::Request(Box::new(request))),
        };
        let saved = step.save.iter().flat_map(|save| &save.0);
        scope.set.extend(saved.filter_map(|(name, _)| self.saved.get_index_of(name.as_str())));
        if kind != "steps" && step.otherwise.is_none() {
            return match condition {
                Some(condition) => Some(Step { condition: Some(condition?), action: action? }),
                None => Some(Step { condition: None, action: action? }),
            };
        }
        let then = match kind {
            "steps" => self.block_steps(step.steps.as_ref()?, scope),
            _ => vec![Step { condition: None, action: action? }],
        };
        let otherwise = match &step.otherwise {
            Some(steps) => {
                let mut other = before;
                let steps = self.block_steps(steps, &mut other);
                scope.set.extend(other.set);
                steps
            }
            None => Vec::new(),
        };
        let action = block(Block::Either { condition: condition??, then, otherwise });
        Some(Step { condition: None, action })
    }

    /// The key that says what a step does; reports keys that do not go with it.
    fn kind(&mut self, step: &At<file::Step>) -> Option<&'static str> {
        let keys = step.keys();
        let acts: Vec<(&'static str, Span)> =
            keys.iter().copied().filter(|(key, _)| METHODS.contains(key) || OTHERS.contains(key)).collect();
        let has = |key: &str| keys.iter().any(|(other, _)| *other == key);
        let (kind, allowed) = match acts.as_slice() {
            [] if has("steps") => ("steps", &["steps", "if", "else"][..]),
            [] => {
                let right = "write such as `get: /tasks` or `think: 2s`";
                self.problem(
                    step.span,
                    format!("a step is a request (`get`, `post`, …), a pause (`think`) or a block; {right}"),
                );
                return None;
            }
            [(kind, _)] => match *kind {
                "think" | "set" | "choose" => (*kind, &["if", "else"][..]),
                "loop" | "repeat" => (*kind, &["steps", "if", "else"][..]),
                "parallel" => (*kind, &["name", "connections", "if", "else"][..]),
                _ => (*kind, &OF_REQUESTS[..]),
            },
            [(first, _), .., (last, span)] => {
                let message = if METHODS.contains(first) && METHODS.contains(last) {
                    "a second request in one step; make it a step of its own".to_owned()
                } else {
                    format!("`{last}` beside `{first}`; make it a step of its own")
                };
                self.problem(*span, message);
                return None;
            }
        };
        let before = self.problems.len();
        for (key, span) in keys.iter().filter(|(key, _)| *key != kind && !allowed.contains(key)) {
            let message = match kind {
                "think" => {
                    format!("`{key}` in a step that pauses; make the `think` a step of its own")
                }
                _ if *key == "connections" => "`connections` goes with `parallel` alone".to_owned(),
                _ if *key == "steps" => {
                    format!("`steps` go with `loop`, `repeat` and `if`, not with `{kind}`")
                }
                _ => format!("`{key}` does not go with `{kind}`"),
            };
            self.problem(*span, message);
        }
        if let Some(otherwise) = step.otherwise.as_ref().filter(|_| step.condition.is_none()) {
            self.problem(otherwise.key, "`else` without `if`");
        }
        if kind == "steps" && step.condition.is_none() {
            let message = "`steps` go with `loop`, `repeat` or `if`; without one of them, write them one after the other";
            self.problem(step.span, message);
        }
        (self.problems.len() == before).then_some(kind)
    }
}

fn block(block: Block) -> Action {
    Action::Block(Box::new(block))
}
