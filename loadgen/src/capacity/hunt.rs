//! A search under way: trials are made as it asks for them, the answer is held, overshot and returned to.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use record::{
    Capacity, Decision, Histogram, Histograms, Kind, Observation, Outcome, Record, Stage,
    capacity::{Limit, Method, Overshoot, Purpose, Soak, Step},
    new_histogram,
};

use super::{
    Between, answer,
    question::{answers_needed, batches, by_second},
    range::{Made, Range, Trial},
    search::{Finding, Next, Search},
    share::Batch,
};
use crate::{screen, screen::Board, stop::Stop, watch::STOLEN};

/// Shortest time to settle, seconds.
const SETTLE_S: u64 = 2;
/// Longest time to settle, seconds.
const SETTLE_MOST_S: u64 = 60;
/// Longest trial of a rate at which answers are few, seconds.
const TRIAL_MOST_S: u64 = 60;
/// How much more than the answer is offered in the end.
const OVERSHOOT: f64 = 1.5;
/// For how long, seconds.
const OVERSHOOT_S: u64 = 10;
/// How long the way back is watched, seconds.
const RETURN_S: u64 = 40;
/// Seconds that keep the budgets together when the target has recovered.
const CALM_S: u64 = 3;
/// How many trials a search makes again that broke a budget, or were too much for the generator, while this machine's host
/// let others run: trials of ten seconds outlast what it takes for a minute or two. Where it takes all the time, that is the
/// machine there is.
const AGAIN: usize = 12;

/// A search under way.
#[derive(Debug)]
pub struct Hunt {
    /// The users.
    pub range: Range,
    /// What is known.
    pub search: Search,
    /// How it is done.
    pub method: Method,
    /// What was measured at each rate, by the rate's bits, which are in order as the rates are.
    pub pools: BTreeMap<u64, Pool>,
    /// Every trial so far.
    pub steps: Vec<Step>,
    /// Trials that were made again because the host let others run: of those nothing was learnt.
    pub robbed: usize,
    /// Why the generator was the limit, the last time that it was.
    pub limit: Option<String>,
    folder: PathBuf,
    began: Instant,
    time_limit: Option<Duration>,
    seeds: ChaCha8Rng,
    screen: screen::Search,
    /// Judged answers of each budget per iteration, in the last trial.
    per_iteration: Vec<f64>,
    /// How long an iteration takes: iterations under way over their rate (Little's law), in the last trial.
    iteration_s: f64,
}

/// What all trials of a rate measured.
#[derive(Debug)]
pub struct Pool {
    /// Response time of all requests.
    pub response: Histogram,
    /// Requests answered as expected.
    pub completed: u64,
    /// Judged seconds.
    pub seconds: u64,
    /// Mean number of iterations under way, in the last trial.
    pub mean_busy: f64,
    /// Observed values of the last trial.
    pub observed: Vec<Observation>,
    /// The generator's own processor use in the last trial, cores.
    pub generator_cores: f64,
    /// Processor time of the target for a request in each trial that saw it, seconds: its use over its throughput (the
    /// service demand law; Denning and Buzen, *Computing Surveys* 10, 1978).
    pub demands_s: Vec<f64>,
}

/// How the search itself came to an end.
#[derive(Debug)]
pub enum End {
    /// It knows.
    Known(Next),
    /// It was ended.
    Cut(Limit),
}

impl Hunt {
    /// A search that has not begun.
    pub fn new(
        range: Range,
        search: Search,
        method: Method,
        folder: PathBuf,
        time_limit: Option<Duration>,
        screen: screen::Search,
    ) -> Self {
        Self {
            seeds: ChaCha8Rng::seed_from_u64(range.engine.seed),
            per_iteration: vec![1.0; search.allowed.len()],
            pools: BTreeMap::new(),
            steps: Vec::new(),
            robbed: 0,
            limit: None,
            began: Instant::now(),
            iteration_s: 0.0,
            range,
            search,
            method,
            folder,
            time_limit,
            screen,
        }
    }

    /// Searches to the end.
    ///
    /// # Errors
    /// A record cannot be written, or the target answers nothing.
    pub async fn run(mut self, notes: Vec<String>, between: Option<Between>) -> Result<Capacity, Stop> {
        let mut soak = None;
        let end = loop {
            let next = self.search.next();
            let (rate, purpose, seconds) = match next {
                Next::Try(rate) => {
                    let repeat = self.search.tried.iter().any(|tried| tried.rate == rate);
                    (rate, if repeat { Purpose::Repeat } else { Purpose::Search }, self.trial_s(rate))
                }
                Next::Found { low, .. } | Next::AtLeast(low)
                    if self.method.soak_s > 0 && !held_at(&soak, low) =>
                {
                    (low, Purpose::Soak, self.method.soak_s)
                }
                end => break End::Known(end),
            };
            if let Some(limit) = self.out_of_time(seconds) {
                break End::Cut(limit);
            }
            let told = self.attempt(rate, purpose, seconds).await?;
            if self.range.engine.control.interrupted() {
                break End::Cut(Limit::Interrupted);
            }
            if purpose == Purpose::Soak {
                let held = told.then(|| self.decision(rate) == Some(Decision::Holds));
                soak = Some(Soak { rate_per_s: rate, seconds, held });
            }
        };
        let overshoot = match &end {
            End::Known(Next::Found { low, .. }) if self.method.soak_s > 0 => self.overshoot(*low).await?,
            _ => None,
        };
        Ok(answer::conclude(&self, &end, soak, overshoot, notes, between))
    }

    fn decision(&self, rate: f64) -> Option<Decision> {
        self.search.tried.iter().find(|tried| tried.rate == rate).map(|tried| tried.decision)
    }

    fn out_of_time(&self, seconds: u64) -> Option<Limit> {
        let end = self.began.elapsed() + Duration::from_secs(seconds + self.settle_s());
        (end > self.time_limit?).then_some(Limit::Time)
    }

    /// Length of a trial of `rate`: long enough for each budget to be decided on, once it is known about where the capacity
    /// lies; until then, for a rate that is new, a glance will do.
    fn trial_s(&self, rate: f64) -> u64 {
        let shortest = self.method.trial_s;
        let known = matches!(self.search.bracket(), (Some(_), Some(_)));
        if !known && self.decision(rate).is_none() {
            return shortest;
        }
        let budgets = self.range.template.budgets.iter().zip(&self.per_iteration);
        let needed = budgets.map(|(budget, per_iteration)| {
            let answers_per_s = (rate * per_iteration).max(1e-3);
            (1.2 * answers_needed(budget) as f64 / answers_per_s).ceil() as u64
        });
        needed.max().unwrap_or(0).clamp(shortest, shortest.max(TRIAL_MOST_S))
    }

    /// Time to settle: half as long again as an iteration takes, so that those of the trial are in all their stages.
    fn settle_s(&self) -> u64 {
        let first = if self.steps.is_empty() { self.range.engine.plan.warm_up.as_secs() } else { 0 };
        let steady = (1.5 * self.iteration_s).ceil() as u64;
        first.max(steady).clamp(SETTLE_S, SETTLE_MOST_S)
    }

    fn board(&self, purpose: Purpose, rate: f64, seconds: u64) -> Board {
        Board {
            title: self.range.engine.plan.name.clone(),
            target: self.range.template.target.base_url.clone(),
            began: self.began,
            purpose,
            rate_per_s: rate,
            seconds,
            trial: self.steps.len() + 1,
            rates: answer::rates(self),
            bracket: self.search.bracket_rates(),
            stolen: None,
        }
    }

    /// One trial of a constant rate, and what is learnt from it; whether it told anything of the target.
    async fn attempt(&mut self, rate: f64, purpose: Purpose, seconds: u64) -> Result<bool, Stop> {
        let settle_s = self.settle_s();
        let length = settle_s + seconds;
        let stages = vec![Stage { from: rate, to: rate, seconds: length as f64 }];
        let mut board = self.board(purpose, rate, length);
        let (made, summary) = loop {
            let made = self.make(stages.clone(), settle_s, &board).await?;
            if self.range.engine.control.interrupted() {
                return Ok(false);
            }
            let (summary, judgement) = made.record.conclude()?;
            // Time that is taken away only ever adds: budgets that were kept in spite of it are kept.
            let stolen = summary.generator.cpu_stolen.unwrap_or(0.0);
            let missed = judgement.budgets.iter().any(|result| result.outcome == Outcome::Missed);
            let robbed = stolen >= STOLEN && (missed || made.limited.is_some());
            if !robbed || self.robbed == AGAIN || self.out_of_time(length).is_some() {
                break (made, summary);
            }
            self.robbed += 1;
            board.stolen = Some(stolen);
            self.screen.after_trial(&board);
            board.trial = self.steps.len() + 1;
        };
        if summary.completed == 0 && self.search.tried.is_empty() {
            let errors: Vec<String> =
                summary.errors.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
            return Err(Stop::NoData(format!(
                "no request was answered as expected at {rate}/s ({}); the record is {}",
                errors.join(", "),
                made.record.folder.display()
            )));
        }
        let budgets = batches(&made.record, &self.range.template.budgets)?;
        if summary.started > 0 {
            let answers = budgets.iter().map(|batches| batches.iter().map(|batch| batch.all).sum::<u64>());
            self.per_iteration = answers.map(|all| all as f64 / summary.started as f64).collect();
        }
        if let Some(why) = &made.limited {
            self.limit = Some(why.clone());
            self.search.learn(rate, Finding::Limited);
        } else {
            self.iteration_s = made.mean_busy / rate;
            let pool = self.pools.entry(rate.to_bits()).or_insert_with(Pool::new);
            pool.response.add(merged(&made.record.totals()?)).expect("a growing histogram takes any other");
            let seconds = summary.seconds.min(summary.recorded_s.saturating_sub(summary.from_s)).max(1);
            pool.completed += summary.completed;
            pool.seconds += seconds;
            if let Some(used) = answer::target_cores(&summary.observed)
                && summary.completed > 0
            {
                pool.demands_s.push(used * seconds as f64 / summary.completed as f64);
            }
            pool.mean_busy = made.mean_busy;
            pool.observed.clone_from(&summary.observed);
            pool.generator_cores = summary.generator.cpu_cores;
            self.search.learn(rate, Finding::Batches(budgets));
        }
        let board = Board { trial: self.steps.len(), ..self.board(purpose, rate, length) };
        self.screen.after_trial(&board);
        Ok(made.limited.is_none())
    }

    async fn make(&mut self, stages: Vec<Stage>, settle_s: u64, board: &Board) -> Result<Made, Stop> {
        let Board { purpose, rate_per_s, seconds, .. } = *board;
        let name = PathBuf::from(format!("steps/{:03}-{rate_per_s}", self.steps.len() + 1));
        let trial = Trial {
            stages,
            settle_s,
            seed: u64::from(self.seeds.random::<u32>()),
            folder: self.folder.join(&name),
            may_end_early: matches!(purpose, Purpose::Search | Purpose::Repeat),
        };
        let made = self.range.make(trial, board, &mut self.screen).await?;
        let (_, judgement) = made.record.conclude()?;
        let (verdict, sentence) = (judgement.verdict, judgement.sentence);
        self.steps.push(Step { purpose, rate_per_s, seconds, record: name, verdict, sentence });
        Ok(made)
    }

    /// Offers more than the answer for a while, returns to it, and looks how long the target takes to keep the budgets again.
    async fn overshoot(&mut self, rate: f64) -> Result<Option<Overshoot>, Stop> {
        let more = super::search::round(rate * OVERSHOOT).min(self.search.ceiling);
        let length = OVERSHOOT_S + RETURN_S;
        if more <= rate || self.out_of_time(length).is_some() {
            return Ok(None);
        }
        let stages = vec![
            Stage { from: more, to: more, seconds: OVERSHOOT_S as f64 },
            Stage { from: rate, to: rate, seconds: RETURN_S as f64 },
        ];
        let board = self.board(Purpose::Overshoot, rate, length);
        let made = self.make(stages, 0, &board).await?;
        if self.range.engine.control.interrupted() {
            return Ok(None);
        }
        let answered: u64 =
            made.record.series.iter().filter(|row| row.second < OVERSHOOT_S).map(|row| row.completed).sum();
        Ok(Some(Overshoot {
            rate_per_s: more,
            seconds: OVERSHOOT_S,
            answered_per_s: answered as f64 / OVERSHOOT_S as f64,
            recovered_after_s: self.recovery(&made.record)?,
            watched_s: RETURN_S,
        }))
    }

    /// Seconds from the end of the overshoot to the first of [`CALM_S`] seconds that keep the budgets together.
    fn recovery(&self, record: &Record) -> Result<Option<u64>, Stop> {
        let seconds = by_second(record, &self.range.template.budgets)?;
        let kept = |after: &u64| {
            let from = (OVERSHOOT_S + after) as usize;
            seconds.iter().zip(&self.search.allowed).all(|(seconds, allowed)| {
                let mut calm = Batch::default();
                seconds.iter().skip(from).take(CALM_S as usize).for_each(|batch| calm.add(*batch));
                calm.over as f64 <= allowed * calm.all as f64
            })
        };
        Ok((0..=RETURN_S - CALM_S).find(kept))
    }
}

impl Pool {
    /// Of no trial.
    pub fn new() -> Self {
        Self {
            response: new_histogram(),
            completed: 0,
            seconds: 0,
            mean_busy: 0.0,
            observed: Vec::new(),
            generator_cores: 0.0,
            demands_s: Vec::new(),
        }
    }
}

fn held_at(soak: &Option<Soak>, rate: f64) -> bool {
    soak.as_ref().is_some_and(|soak| soak.rate_per_s == rate)
}

fn merged(totals: &Histograms) -> Histogram {
    let mut all = new_histogram();
    for (_, histogram) in totals.iter().filter(|(tag, _)| tag.kind == Kind::Response) {
        all.add(histogram).expect("a growing histogram takes any other");
    }
    all
}
