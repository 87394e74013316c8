//! Blocks: steps that are chosen, taken again or made at once; and variables that steps set.

use super::{
    Check,
    names::{Miss, Scope},
    numbers::at_least_one,
};
use crate::{
    flow::{
        condition::Condition,
        generate::Generator,
        template::{Escape, Template, Value, lone_placeholder},
    },
    plan::{
        de::At,
        file,
        forms::{Scalar, TimesText},
        model::{Action, Block, Branch, Loop, Parallel, Repeat, Request, Rounds, Slot, Step, Until},
        shapes::{OrMap, Pairs},
    },
};

/// Rounds of one loop beyond this are a slip of the pen.
const MOST_ROUNDS: i128 = 1_000_000;
/// Repetitions beyond this are as good as endless.
const MOST_TIMES: i64 = 100_000;
/// Connections of a browser to one host.
const CONNECTIONS: u64 = 6;

impl Check<'_> {
    /// Variables from text, each set before the next is read.
    pub fn set(&mut self, set: &Pairs<At<Scalar>>, scope: &mut Scope) -> Action {
        let mut made = Vec::new();
        for (name, text) in &set.0 {
            let resolve = &mut |inside: &str| self.resolve(scope, inside).map_err(Miss::message);
            let template = Template::parse(&text.text, Escape::None, resolve);
            let slot = self.saved.get_index_of(name.as_str());
            match template {
                Ok(template) => made.extend(slot.map(|slot| (slot, template))),
                Err(faults) => self.faults(text.span, faults),
            }
            scope.set.extend(slot);
        }
        Action::Set(made)
    }

    /// One of several lists of steps.
    pub fn choose(&mut self, branches: &At<Vec<At<file::Branch>>>, scope: &mut Scope) -> Option<Block> {
        if branches.is_empty() {
            let right = "write such as `- { weight: 3, steps: [ … ] }`";
            self.problem(branches.span, format!("nothing to choose from; {right}"));
            return None;
        }
        let mut made = Vec::new();
        let mut after = scope.clone();
        for branch in &branches.value {
            let weight = self.weight(branch.weight.as_ref());
            let mut inside = scope.clone();
            let steps = self.block_steps(&branch.steps, &mut inside);
            after.set.extend(inside.set);
            made.push((weight, steps));
        }
        *scope = after;
        let total: f64 = made.iter().map(|(weight, _)| weight).sum();
        let last = made.len() - 1;
        let mut sum = 0.0;
        let branches = made.into_iter().enumerate().map(|(index, (weight, steps))| {
            sum += weight / total;
            Branch { up_to: if index == last { 1.0 } else { sum }, steps }
        });
        Some(Block::Choose(branches.collect()))
    }

    /// Steps several times.
    pub fn looped(
        &mut self,
        step: &At<file::Step>,
        looped: &At<OrMap<TimesText, file::LoopMap>>,
        scope: &mut Scope,
    ) -> Option<Block> {
        let (rounds, variable) = match &looped.value {
            OrMap::Short(text) => {
                let times = Scalar { text: text.0.clone(), number: false };
                (self.times(&At { span: looped.span, key: looped.key, value: times }, scope), None)
            }
            OrMap::Map(map) => {
                let variable = map.variable.as_ref().and_then(|name| self.saved.get_index_of(name.as_str()));
                (self.rounds(looped, map, scope), variable)
            }
        };
        let Some(steps) = &step.steps else {
            self.problem(looped.key, "`loop` without `steps`; say what is done in each round");
            return None;
        };
        scope.set.extend(variable);
        let steps = self.block_steps(steps, scope);
        Some(Block::Loop(Loop { rounds: rounds?, variable, steps }))
    }

    fn rounds<T>(&mut self, looped: &At<T>, map: &file::LoopMap, scope: &Scope) -> Option<Rounds> {
        match (&map.times, &map.to, &map.over) {
            (Some(times), None, None) if map.from.is_none() && map.by.is_none() => self.times(times, scope),
            (None, Some(to), None) => {
                let from = map.from.as_ref().map_or(Some(1), |from| self.whole_number(from, scope));
                let by = map.by.as_ref().map_or(Some(1), |by| self.whole_number(by, scope));
                let (to_span, to) = (to.span, self.whole_number(to, scope));
                let (from, to, by) = (from?, to?, by?);
                let count = match by {
                    0 => 0,
                    by => (i128::from(to) - i128::from(from)) / i128::from(by) + 1,
                };
                if by == 0 || count < 1 || (to < from) != (by < 0) && to != from {
                    let message = format!(
                        "from {from} by {by} one never comes to {to}; the steps would never be taken"
                    );
                    self.problem(to_span, message);
                    return None;
                }
                self.few_enough(to_span, count)?;
                Some(Rounds::Range { from, by, count: count as u64 })
            }
            (None, None, Some(over)) if map.from.is_none() && map.by.is_none() => {
                self.keep(over.span, self.list(over, scope)).map(Rounds::Over)
            }
            _ => {
                let right = "`{ times: 5 }`, `{ from: 1, to: 5, as: page }` or `{ over: ids, as: id }`";
                self.problem(looped.span, format!("a loop is one of {right}"));
                None
            }
        }
    }

    /// The variable that holds all values of an answer.
    fn list(&self, name: &At<String>, scope: &Scope) -> Result<Slot, String> {
        match self.resolve(scope, name.trim()).map_err(Miss::message)? {
            Value::List { slot, .. } => Ok(slot),
            _ => Err(format!(
                "`{name}` holds one value; `over` takes a variable that was saved with `pick: all`",
                name = name.value
            )),
        }
    }

    fn times(&mut self, times: &At<Scalar>, scope: &Scope) -> Option<Rounds> {
        let drawn = lone_placeholder(&times.text).filter(|inside| inside.contains('('));
        if let Some(Ok(Value::Made(Generator::Int(from, to)))) = drawn.map(|it| self.resolve(scope, it)) {
            if from < 0 {
                self.problem(times.span, "a loop cannot be taken less than 0 times");
                return None;
            }
            self.few_enough(times.span, i128::from(to))?;
            return Some(Rounds::Drawn(from, to));
        }
        let count = self.whole_number(times, scope)?;
        if count < 1 {
            let message = format!("{count} rounds: the steps would never be taken; write a number from 1");
            self.problem(times.span, message);
            return None;
        }
        self.few_enough(times.span, i128::from(count))?;
        Some(Rounds::Range { from: 1, by: 1, count: count as u64 })
    }

    fn few_enough(&mut self, span: crate::plan::problem::Span, count: i128) -> Option<()> {
        let message = || {
            format!(
                "{count} rounds are more than a user will ever take; at most {MOST_ROUNDS} can be asked for"
            )
        };
        self.keep(span, if count <= MOST_ROUNDS { Ok(()) } else { Err(message()) })
    }

    /// Steps until something holds.
    pub fn repeat(
        &mut self,
        step: &At<file::Step>,
        repeat: &At<file::Repeat>,
        scope: &mut Scope,
    ) -> Option<Block> {
        let at_most = match &repeat.at_most {
            Some(most) => {
                let count = self.whole_number(most, scope);
                count.and_then(|count| self.keep(most.span, at_least_one(count, MOST_TIMES, "`at_most`")))
            }
            None => {
                let message = "`at_most` is missing: what never ends is no load; write such as `at_most: 30`";
                self.problem(repeat.span, message);
                None
            }
        };
        let pause = repeat.pause.as_ref().map(|pause| self.think(pause));
        let Some(steps) = &step.steps else {
            self.problem(repeat.key, "`repeat` without `steps`; say what is done each time");
            return None;
        };
        let mut made = self.block_steps(steps, scope);
        let until = match repeat.until.as_ref().map(|until| (until, &until.value)) {
            // It is asked after the steps, so it may be about what they set.
            Some((until, OrMap::Short(text))) => {
                let text = At { span: until.span, key: until.key, value: text.clone() };
                self.condition(&text, scope).map(Until::Holds)
            }
            Some((_, OrMap::Map(expect))) => Some(Until::Answer(self.expect(expect))),
            None => {
                let right = "write such as `until: state == 'done'` or `until: { status: 200 }`";
                self.problem(repeat.span, format!("`until` is missing; {right}"));
                None
            }
        };
        let complete = made.len() == steps.len();
        let Some(Step { condition: None, action: Action::Request(mut asked) }) = made.pop() else {
            if complete && let Some(last) = steps.last() {
                self.problem(
                    last.span,
                    "the last step of `repeat` is the request after which it is asked whether to go on, without `if`",
                );
            }
            return None;
        };
        let until = until?;
        if let Until::Answer(expect) = &until {
            asked.reads_body |= expect.reads_body();
            // A status that is not the one waited for is a reason to ask again, not a failure.
            let own = steps.last().and_then(|last| last.expect.as_ref()).and_then(|own| own.status.as_ref());
            if !expect.status.is_empty() && own.is_none() {
                asked.expect.status = vec![(100, 599)];
            }
        }
        let pause = match pause {
            None => None,
            Some(pause) => Some(pause?),
        };
        Some(Block::Repeat(Repeat { until, at_most: at_most? as u64, pause, before: made, asked }))
    }

    /// Requests at once.
    pub fn parallel(
        &mut self,
        step: &At<file::Step>,
        members: &At<Vec<At<file::Step>>>,
        scope: &mut Scope,
    ) -> Option<Block> {
        if members.is_empty() {
            self.problem(members.span, "nothing to do at once; write such as `- get: /style.css`");
        }
        let connections = match &step.connections {
            Some(connections) if !(1..=64).contains(&connections.value) => {
                self.problem(connections.span, "a user has from 1 to 64 connections at once, a browser 6");
                CONNECTIONS
            }
            connections => connections.as_ref().map_or(CONNECTIONS, |it| it.value),
        };
        let id = step.name.as_ref().map(|name| self.block_name(name));
        let mut after = scope.clone();
        let mut requests: Vec<(Option<Condition>, Request)> = Vec::new();
        for member in &members.value {
            let mut inside = scope.clone();
            let Some(made) = self.step(member, &mut inside) else { continue };
            match made {
                Step { condition, action: Action::Request(request) } => requests.push((condition, *request)),
                _ => self
                    .problem(member.span, "`parallel` takes requests alone: no pauses, no blocks, no `else`"),
            }
            after.set.extend(inside.set);
        }
        *scope = after;
        let id = match id {
            None => None,
            Some(id) => Some(id?),
        };
        Some(Block::Parallel(Parallel { id, connections: connections as usize, requests }))
    }
}
