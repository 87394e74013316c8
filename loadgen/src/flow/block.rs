//! Blocks of steps: one of several, the same again, requests at once.

use std::{future::Future, pin::Pin};

use rand::RngExt;

use super::{
    template::values_of,
    user::{Done, Due, Stopped, VirtualUser},
};
use crate::plan::model::{Block, Branch, Loop, Parallel, Repeat, Rounds};

impl VirtualUser {
    /// A block, whose first step is due at `due`. Boxed, because blocks hold blocks; a plain step is not.
    pub(super) fn block<'u>(
        &'u mut self,
        block: &'static Block,
        due: Due,
    ) -> Pin<Box<dyn Future<Output = Result<Done, Stopped>> + Send + 'u>> {
        Box::pin(async move {
            match block {
                Block::Either { condition, then, otherwise } => {
                    let holds = condition.holds(&self.engine.plan.data, &mut self.session);
                    self.show(|| format!("if {}: {}", condition.text, if holds { "yes" } else { "no" }));
                    self.steps(if holds { then } else { otherwise }, due).await
                }
                Block::Choose(branches) => self.choose(branches, due).await,
                Block::Loop(looped) => self.looped(looped, due).await,
                Block::Repeat(repeat) => self.repeat(repeat, due).await,
                Block::Parallel(parallel) => self.at_once(parallel, due).await,
            }
        })
    }

    /// Tells whoever looks at every request what a block does.
    fn show(&self, what: impl FnOnce() -> String) {
        self.engine.witness.tell_block(what);
    }

    async fn choose(&mut self, branches: &'static [Branch], due: Due) -> Result<Done, Stopped> {
        let random: f64 = self.session.rng.random();
        let index = branches.partition_point(|branch| branch.up_to <= random).min(branches.len() - 1);
        self.show(|| format!("choose: number {} of {}", index + 1, branches.len()));
        self.steps(&branches[index].steps, due).await
    }

    async fn looped(&mut self, looped: &'static Loop, mut due: Due) -> Result<Done, Stopped> {
        let (from, by, count) = match looped.rounds {
            Rounds::Range { from, by, count } => (from, by, count),
            Rounds::Drawn(least, most) => (1, 1, self.session.rng.random_range(least..=most).max(0) as u64),
            Rounds::Over(slot) => {
                let values = values_of(self.session.slots[slot].as_deref().unwrap_or_default());
                let count = values.len();
                for (index, value) in values.into_iter().enumerate() {
                    self.show(|| format!("loop: {} of {count}", index + 1));
                    let Some(next) = self.round(looped, value, due).await? else { return Ok(None) };
                    due = next;
                }
                return Ok(Some(due));
            }
        };
        for index in 0..count {
            self.show(|| format!("loop: {} of {count}", index + 1));
            // Within the range that the plan was checked for.
            let number = from.wrapping_add(by.wrapping_mul(index as i64));
            let value = if looped.variable.is_some() { number.to_string() } else { String::new() };
            let Some(next) = self.round(looped, value, due).await? else { return Ok(None) };
            due = next;
        }
        Ok(Some(due))
    }

    async fn round(&mut self, looped: &'static Loop, value: String, due: Due) -> Result<Done, Stopped> {
        // Steps that all happen to be left out must not keep a stopped user going.
        if self.stopped() {
            return Err(Stopped);
        }
        if let Some(slot) = looped.variable {
            self.session.slots[slot] = Some(value.into_boxed_str());
        }
        self.steps(&looped.steps, due).await
    }

    async fn repeat(&mut self, repeat: &'static Repeat, mut due: Due) -> Result<Done, Stopped> {
        for time in 1..=repeat.at_most {
            self.show(|| format!("repeat: time {time} of at most {}", repeat.at_most));
            let Some(next) = self.steps(&repeat.before, due).await? else { return Ok(None) };
            self.asked = Some(Asked { repeat, last: time == repeat.at_most, holds: false });
            let went = self.request(&repeat.asked, next).await;
            let holds = self.asked.take().is_some_and(|asked| asked.holds);
            if !went? {
                return Ok(None);
            }
            due = Due::at_once(self.now);
            if holds {
                break;
            }
            if let Some(pause) = &repeat.pause {
                due = self.think_from(pause, due).await?;
            }
        }
        Ok(Some(due))
    }

    async fn at_once(&mut self, block: &'static Parallel, due: Due) -> Result<Done, Stopped> {
        let engine = self.engine;
        let mut requests = Vec::with_capacity(block.requests.len());
        for (condition, request) in &block.requests {
            if condition.as_ref().is_none_or(|it| it.holds(&engine.plan.data, &mut self.session)) {
                requests.push(request);
            }
        }
        if requests.is_empty() {
            return Ok(Some(due));
        }
        self.show(|| format!("parallel: {} requests over {} connections", requests.len(), block.connections));
        if !self.parallel(&requests, block.connections, due).await? {
            return Ok(None);
        }
        if let Some(id) = block.id {
            engine.recorder.block(id, due.at, self.now);
        }
        Ok(Some(Due::at_once(self.now)))
    }
}

/// What is asked of the answer to a request that is repeated until something holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub repeat: &'static Repeat,
    /// Whether this is the last time: then what does not hold is a failure.
    pub last: bool,
    /// Whether it held.
    pub holds: bool,
}
