//! What users do, in words.

use std::fmt::{Result, Write};

use record::unit::{show_count, show_number};

use super::show_seconds;
use crate::plan::{
    model::{Action, Block, Load, Plan, Repeat, Request, Rounds, Step, Until, requests_of},
    profile,
};

/// What an iteration, or a part of one, is expected to come to.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    requests: f64,
    pause_s: f64,
    /// Whether it may be more, because something is repeated nobody knows how often.
    or_more: bool,
}

impl Expected {
    fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            pause_s: self.pause_s + other.pause_s,
            or_more: self.or_more || other.or_more,
        }
    }

    fn times(self, count: f64) -> Self {
        Self { requests: self.requests * count, pause_s: self.pause_s * count, ..self }
    }
}

/// The mix, and how much of it is to be expected.
pub fn write(plan: &Plan, out: &mut String) -> Result {
    let weights: f64 = plan.flows.iter().map(|flow| flow.weight).sum();
    writeln!(out, "\nMix")?;
    let mut each = Expected::default();
    for flow in &plan.flows {
        let share = flow.weight / weights;
        each = each.plus(expected(&flow.steps).times(share));
        write!(out, "  {:>5.1} %  {}", share * 100.0, flow.name)?;
        write_steps(plan, &flow.steps, 13, out)?;
    }
    if !plan.on_start.is_empty() {
        write!(out, "  once a user")?;
        write_steps(plan, &plan.on_start, 4, out)?;
    }
    let requests = show_number(each.requests);
    let or_more = if each.or_more { " or more" } else { "" };
    match iterations(plan, each.pause_s) {
        Some(count) => {
            let total = show_count((count * each.requests).round() as i64);
            let count = show_count(count.round() as i64);
            let bound = if matches!(plan.load, Load::Users { .. }) { "at most " } else { "" };
            writeln!(
                out,
                "Expected {bound}{count} iterations, {total}{or_more} requests ({requests}{or_more} an iteration)"
            )
        }
        None => {
            writeln!(
                out,
                "Expected as many iterations as the target answers, {requests}{or_more} requests each"
            )
        }
    }
}

/// Iterations of the whole run: exact in the open model; in the closed one the bound that a target which answers at
/// once would reach, and nothing if users do not pause.
fn iterations(plan: &Plan, inside_s: f64) -> Option<f64> {
    match &plan.load {
        Load::Arrivals { stages, .. } => Some(profile::area(stages)),
        Load::Users { stages, think, pacing } => {
            let pause = inside_s + think.map_or(0.0, |think| think.mean().as_secs_f64());
            let each = pacing.map_or(pause, |pacing| pause.max(pacing.as_secs_f64()));
            (each > 0.0).then(|| profile::area(stages) / each)
        }
    }
}

/// Steps under a condition are taken for granted; of two ways the longer one counts.
fn expected(steps: &[Step]) -> Expected {
    steps.iter().map(|step| of_step(&step.action)).fold(Expected::default(), Expected::plus)
}

fn of_step(action: &Action) -> Expected {
    let one = Expected { requests: 1.0, ..Expected::default() };
    let block = match action {
        Action::Request(_) => return one,
        Action::Think(think) => {
            return Expected { pause_s: think.mean().as_secs_f64(), ..Expected::default() };
        }
        Action::Set(_) => return Expected::default(),
        Action::Block(block) => &**block,
    };
    match block {
        Block::Either { then, otherwise, .. } => {
            let (then, otherwise) = (expected(then), expected(otherwise));
            Expected {
                requests: then.requests.max(otherwise.requests),
                pause_s: then.pause_s.max(otherwise.pause_s),
                or_more: then.or_more || otherwise.or_more,
            }
        }
        Block::Choose(branches) => {
            let before = [0.0].into_iter().chain(branches.iter().map(|branch| branch.up_to));
            let shares = branches.iter().zip(before).map(|(branch, before)| branch.up_to - before);
            let each =
                branches.iter().zip(shares).map(|(branch, share)| expected(&branch.steps).times(share));
            each.fold(Expected::default(), Expected::plus)
        }
        Block::Loop(looped) => {
            let each = expected(&looped.steps);
            match looped.rounds {
                Rounds::Range { count, .. } => each.times(count as f64),
                Rounds::Drawn(least, most) => each.times((least as f64 + most as f64) / 2.0),
                Rounds::Over(_) => Expected { or_more: true, ..each },
            }
        }
        Block::Repeat(repeat) => {
            Expected { or_more: repeat.at_most > 1, ..expected(&repeat.before).plus(one) }
        }
        Block::Parallel(parallel) => one.times(parallel.requests.len() as f64),
    }
}

/// Steps behind the name of what they belong to: in its line if they are plain requests, else each in one of its own.
fn write_steps(plan: &Plan, steps: &[Step], indent: usize, out: &mut String) -> Result {
    if !steps.iter().any(|step| matches!(step.action, Action::Block(_))) {
        return writeln!(out, ": {}", names(plan, requests_of(steps), " → "));
    }
    writeln!(out)?;
    for part in steps.chunk_by(|a, b| is_plain(a) && is_plain(b)) {
        match &part[0] {
            Step { condition, action: Action::Block(block) } => {
                if let Some(condition) = condition {
                    write!(out, "{:indent$}if {}: ", "", condition.text)?;
                } else {
                    write!(out, "{:indent$}", "")?;
                }
                write_block(plan, block, indent, out)?;
            }
            _ => {
                let requests = requests_of(part);
                if !requests.is_empty() {
                    writeln!(out, "{:indent$}{}", "", names(plan, requests, " → "))?;
                }
            }
        }
    }
    Ok(())
}

fn is_plain(step: &Step) -> bool {
    !matches!(step.action, Action::Block(_))
}

fn write_block(plan: &Plan, block: &Block, indent: usize, out: &mut String) -> Result {
    let deeper = indent + 2;
    match block {
        Block::Either { condition, then, otherwise } => {
            write!(out, "if {}", condition.text)?;
            write_steps(plan, then, deeper, out)?;
            if !otherwise.is_empty() {
                write!(out, "{:indent$}else", "")?;
                write_steps(plan, otherwise, deeper, out)?;
            }
            Ok(())
        }
        Block::Choose(branches) => {
            writeln!(out, "one of")?;
            let mut before = 0.0;
            for branch in branches {
                write!(out, "{:deeper$}{:>5.1} %", "", (branch.up_to - before) * 100.0)?;
                before = branch.up_to;
                write_steps(plan, &branch.steps, deeper + 2, out)?;
            }
            Ok(())
        }
        Block::Loop(looped) => {
            match looped.rounds {
                Rounds::Range { count: 1, .. } => write!(out, "once")?,
                Rounds::Range { count, .. } => write!(out, "{} times", show_count(count as i64))?,
                Rounds::Drawn(least, most) => write!(out, "{least} to {most} times")?,
                Rounds::Over(_) => write!(out, "for each value")?,
            }
            write_steps(plan, &looped.steps, deeper, out)
        }
        Block::Repeat(repeat) => write_repeat(plan, repeat, deeper, out),
        Block::Parallel(parallel) => {
            let requests = parallel.requests.iter().map(|(_, request)| request).collect();
            let name = parallel.id.map_or(String::new(), |id| format!("{}, ", plan.requests[id]));
            let connections = parallel.connections;
            writeln!(out, "{name}{connections} at once: {}", names(plan, requests, ", "))
        }
    }
}

fn write_repeat(plan: &Plan, repeat: &Repeat, deeper: usize, out: &mut String) -> Result {
    let until = match &repeat.until {
        Until::Holds(condition) => &condition.text,
        Until::Answer(_) => "the answer is as it should be",
    };
    let pause = repeat
        .pause
        .map_or(String::new(), |pause| format!(", every {}", show_seconds(pause.mean().as_secs_f64())));
    let most = show_count(repeat.at_most as i64);
    write!(out, "until {until}{pause}, at most {most} times")?;
    let asked = &plan.requests[repeat.asked.id];
    if repeat.before.iter().all(is_plain) {
        let mut requests = requests_of(&repeat.before);
        requests.push(&repeat.asked);
        return writeln!(out, ": {}", names(plan, requests, " → "));
    }
    write_steps(plan, &repeat.before, deeper, out)?;
    writeln!(out, "{:deeper$}{asked}", "")
}

fn names(plan: &Plan, requests: Vec<&Request>, between: &str) -> String {
    let names: Vec<&str> = requests.into_iter().map(|request| plan.requests[request.id].as_str()).collect();
    names.join(between)
}
