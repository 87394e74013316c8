//! How load is offered.

use std::time::Duration;

use record::Stage;

use super::Check;
use crate::plan::{
    Overrides,
    de::At,
    file::{self, Arrivals, RateStage, UserStage, Users},
    forms::Time,
    model::{Load, Process},
    problem::{Problem, Span},
    profile,
};

/// Users that can be busy at once unless the scenario says otherwise.
const MAX_IN_FLIGHT: u64 = 1000;
/// More users or a higher rate than this is a slip of the pen.
const MOST: f64 = 100_000_000.0;

/// One stage, whatever its unit.
struct Given {
    span: Span,
    to: Option<At<f64>>,
    over: Option<At<Time>>,
    level: Option<At<f64>>,
    hold: Option<At<Time>>,
}

impl Check<'_> {
    /// The load and the warm-up.
    pub fn load(&mut self, load: Option<At<file::Load>>, overrides: &Overrides) -> Option<(Load, Duration)> {
        let Some(At { span, value: load, .. }) = load else {
            let right = "write `load: { users: … }` or `load: { arrivals: … }`";
            self.problem(Span::start_of(0), format!("`load` is missing; {right}"));
            return None;
        };
        let scale = overrides.scale.unwrap_or(1.0);
        if !(scale.is_finite() && scale > 0.0) {
            self.problems
                .push(Problem::elsewhere(format!("--scale {scale}: write a number above 0 such as 0.1")));
        }
        let (span, made) = match (load.users, load.arrivals) {
            (Some(users), None) => (users.key, self.users(users, scale)),
            (None, Some(arrivals)) => (arrivals.key, self.arrivals(arrivals, scale)),
            (Some(users), Some(arrivals)) => {
                let later = if users.key.start > arrivals.key.start { users.key } else { arrivals.key };
                self.problem(
                    later,
                    "`users` and `arrivals` both; keep `users` (each waits for its answers) or `arrivals` (by the clock)",
                );
                return None;
            }
            (None, None) => {
                self.problem(span, "neither `users` nor `arrivals`; a load is one of them");
                return None;
            }
        };
        let made = made?;
        self.enough_rows(&made, span);
        let (Load::Users { stages, .. } | Load::Arrivals { stages, .. }) = &made;
        let warm_up = load.warm_up.map(|warm_up| self.warm_up(&warm_up, profile::seconds(stages)));
        Some((made, warm_up.unwrap_or_default()))
    }

    fn warm_up(&mut self, warm_up: &At<Time>, seconds: f64) -> Duration {
        let time = warm_up.0;
        if time.subsec_nanos() > 0 {
            self.problem(warm_up.span, "the warm-up is cut by the second; write whole seconds such as `20s`");
        } else if time.as_secs_f64() >= seconds {
            let message = format!(
                "a warm-up of {} s leaves nothing to judge of a profile of {seconds} s; shorten it or lengthen the stages",
                time.as_secs()
            );
            self.problem(warm_up.span, message);
        }
        time
    }

    fn users(&mut self, At { key, value: users, .. }: At<Users>, scale: f64) -> Option<Load> {
        let count = |users: At<u64>| {
            // Scaled down, some users are still some.
            let scaled = (users.value as f64 * scale).round();
            At {
                span: users.span,
                key: users.key,
                value: if users.value > 0 { scaled.max(1.0) } else { 0.0 },
            }
        };
        let Some(At { span, value: stages, .. }) = users.stages else {
            self.problem(
                key,
                "`stages` is missing; write such as `stages: [{ to: 100, over: 30s }, { hold: 2m }]`",
            );
            return None;
        };
        let given = stages.into_iter().map(|At { span, value: stage, .. }| {
            let UserStage { to, over, users, hold } = stage;
            Given { span, to: to.map(count), over, level: users.map(count), hold }
        });
        let stages = self.stages(given.collect(), span, "users: 100");
        let think = users.think.and_then(|think| self.think(&think));
        let pacing = users.pacing.map(|pacing| {
            if pacing.0.is_zero() {
                self.problem(pacing.span, "a pacing of nothing is none; leave it out or write such as `5s`");
            }
            pacing.0
        });
        Some(Load::Users { stages: stages?, think, pacing })
    }

    fn arrivals(&mut self, At { key, value: arrivals, .. }: At<Arrivals>, scale: f64) -> Option<Load> {
        let Some(At { span, value: stages, .. }) = arrivals.stages else {
            self.problem(key, "`stages` is missing; write such as `stages: [{ rate: 500/s, hold: 2m }]`");
            return None;
        };
        let given = stages.into_iter().map(|At { span, value: stage, .. }| {
            let RateStage { to, over, rate, hold } = stage;
            let scaled = |rate: At<crate::plan::forms::Rate>| At {
                span: rate.span,
                key: rate.key,
                value: rate.value.0 * scale,
            };
            Given { span, to: to.map(scaled), over, level: rate.map(scaled), hold }
        });
        let stages = self.stages(given.collect(), span, "rate: 500/s");
        let max_in_flight = match arrivals.max_in_flight {
            Some(most) if most.value == 0 || most.value > MOST as u64 => {
                self.problem(
                    most.span,
                    "`max_in_flight` is a number of users that can be busy at once, such as 2000",
                );
                return None;
            }
            most => most.map_or(MAX_IN_FLIGHT, |it| it.value),
        };
        let process = match arrivals.process {
            Some(file::Process::Constant) => Process::Constant,
            Some(file::Process::Poisson) | None => Process::Poisson,
        };
        // A tenth of the rate keeps a tenth of the users busy; some are still some.
        let max_in_flight = (max_in_flight as f64 * scale).ceil().clamp(1.0, MOST);
        Some(Load::Arrivals { process, max_in_flight: max_in_flight as usize, stages: stages? })
    }

    /// The profile; `level` is how a level is written.
    fn stages(&mut self, given: Vec<Given>, span: Span, level: &str) -> Option<Vec<Stage>> {
        let before = self.problems.len();
        let (mut stages, mut current) = (Vec::new(), None);
        for stage in given {
            if let Some(stage) = self.stage(stage, &mut current, level) {
                stages.push(stage);
            }
        }
        // A ramp of no length is a jump: it moves the level and takes no time.
        stages.retain(|stage| stage.seconds > 0.0);
        if self.problems.len() > before {
            return None;
        }
        if stages.is_empty() {
            self.problem(span, "the profile has no length; give a stage a `hold` or an `over` above 0s");
            return None;
        }
        if profile::peak(&stages) <= 0.0 {
            self.problem(
                span,
                format!("the profile never leaves 0; write such as `{{ {level}, hold: 1m }}`"),
            );
            return None;
        }
        Some(stages)
    }

    fn stage(&mut self, stage: Given, current: &mut Option<f64>, level: &str) -> Option<Stage> {
        let right = format!("write `{{ to: …, over: 30s }}`, `{{ {level}, hold: 1m }}` or `{{ hold: 1m }}`");
        for value in [&stage.to, &stage.level].into_iter().flatten() {
            if value.value > MOST {
                self.problem(value.span, format!("{} is more than this can be meant for", value.value));
            }
        }
        let (from, to, time) = match (stage.to, stage.over, stage.level, stage.hold) {
            (Some(to), Some(over), None, None) => (current.unwrap_or(0.0), to.value, over),
            (None, None, Some(level), Some(hold)) => (level.value, level.value, hold),
            (None, None, None, Some(hold)) => match *current {
                Some(level) => (level, level, hold),
                None => {
                    let message = format!("there is no level to hold yet; write `{{ {level}, hold: 1m }}`");
                    self.problem(stage.span, message);
                    return None;
                }
            },
            (Some(to), None, ..) => {
                self.problem(to.span, format!("a ramp without `over`; {right}"));
                return None;
            }
            (None, Some(over), ..) => {
                self.problem(over.span, format!("`over` without `to`; {right}"));
                return None;
            }
            (None, None, Some(level), None) => {
                self.problem(level.span, format!("a level without `hold`; {right}"));
                return None;
            }
            _ => {
                self.problem(stage.span, format!("a stage is a ramp or a hold; {right}"));
                return None;
            }
        };
        *current = Some(to);
        Some(Stage { from, to, seconds: time.0.as_secs_f64() })
    }
}
