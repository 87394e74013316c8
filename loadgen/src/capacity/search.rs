//! Which rate to try next, and when to stop: pure. What is known of a rate is all that its trials say together, and what
//! rates say that contradict it, so that a trial which contradicts an earlier one opens the bracket again by itself,
//! downward too.

use std::ops::RangeInclusive;

use record::Decision;

use super::share::{Batch, Share, design_effect, share};

/// Confidence of the interval that decides on a rate.
pub const CONFIDENCE: f64 = 0.95;
/// Trials that each end of the answer's interval rests on.
pub const REPEATS: usize = 3;
/// Trials after which a rate that supports neither answer is left open: it lies at the capacity itself.
const PATIENCE: usize = 7;

/// A capacity search.
#[derive(Debug)]
pub struct Search {
    /// Half the width of the answer's interval over its middle, 0..1.
    pub precision: f64,
    /// The first rate, per second.
    pub start: f64,
    /// The lowest rate worth trying, per second.
    pub floor: f64,
    /// The highest rate that is allowed, per second.
    pub ceiling: f64,
    /// For each budget the share of answers that may be over its limit.
    pub allowed: Vec<f64>,
    /// What is known, in order of rate.
    pub tried: Vec<Tried>,
}

/// What is known of one rate.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The rate, per second.
    pub rate: f64,
    /// Trials, those in which the generator was the limit among them.
    pub trials: usize,
    /// Trials in which the generator was the limit.
    pub limited: usize,
    /// For each budget, the batches of each other trial.
    pub told: Vec<Vec<Vec<Batch>>>,
    /// For each budget, the share over its limit.
    pub shares: Vec<Share>,
    /// Whether a bound of those is wider for what another rate says.
    pub contradicted: bool,
    /// What all of that says.
    pub decision: Decision,
}

/// What a trial says.
#[derive(Debug, Clone)]
pub enum Finding {
    /// For each budget, batches.
    Batches(Vec<Vec<Batch>>),
    /// The generator was the limit.
    Limited,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// A trial of this rate.
    Try(f64),
    /// The capacity lies between the two.
    Found {
        /// Holds.
        low: f64,
        /// Breaks.
        high: f64,
    },
    /// It is at least this; what lies above could not be offered, or is not allowed.
    AtLeast(f64),
    /// Not even the lowest rate holds.
    None,
    /// The generator is the limit at every rate that was tried.
    Helpless,
}

impl Search {
    /// Takes what a trial of `rate` says.
    pub fn learn(&mut self, rate: f64, finding: Finding) {
        let at = self.tried.partition_point(|tried| tried.rate < rate);
        if self.tried.get(at).is_none_or(|tried| tried.rate > rate) {
            let told = vec![Vec::new(); self.allowed.len()];
            let (shares, contradicted, decision) = (Vec::new(), false, Decision::Open);
            let new = Tried { rate, trials: 0, limited: 0, told, shares, contradicted, decision };
            self.tried.insert(at, new);
        }
        let tried = &mut self.tried[at];
        tried.trials += 1;
        match finding {
            Finding::Limited => tried.limited += 1,
            Finding::Batches(trial) => {
                tried.told.iter_mut().zip(trial).for_each(|(known, batches)| known.push(batches));
            }
        }
        self.judge();
    }

    /// Decides on every rate anew: what a trial says of how trials differ, and of rates that it contradicts, is about others
    /// than its own.
    fn judge(&mut self) {
        let budgets = 0..self.allowed.len();
        let effects: Vec<f64> = budgets
            .map(|budget| design_effect(self.tried.iter().map(|tried| tried.told[budget].as_slice())))
            .collect();
        let shares = |rates: &[Tried]| -> Vec<Share> {
            let of = |(budget, effect): (usize, &f64)| {
                let trials = rates.iter().flat_map(|tried| &tried.told[budget]);
                share(trials, *effect, CONFIDENCE)
            };
            effects.iter().enumerate().map(of).collect()
        };
        let alone: Vec<Vec<Share>> = self.tried.iter().map(|it| shares(std::slice::from_ref(it))).collect();
        let decided: Vec<Decision> =
            self.tried.iter().zip(&alone).map(|(tried, shares)| self.decide(tried, shares)).collect();
        let contradicted: Vec<Vec<Share>> = (0..alone.len())
            .map(|at| contradicted(at, &alone, &decided, |rates| shares(&self.tried[rates])))
            .collect();
        for (at, shares) in contradicted.into_iter().enumerate() {
            let decision = self.decide(&self.tried[at], &shares);
            let tried = &mut self.tried[at];
            (tried.decision, tried.contradicted, tried.shares) = (decision, shares != alone[at], shares);
        }
    }

    fn decide(&self, tried: &Tried, shares: &[Share]) -> Decision {
        if tried.limited * 2 > tried.trials {
            return Decision::Limited;
        }
        let over = |bound: fn(&Share) -> f64| {
            shares.iter().zip(&self.allowed).any(|(share, allowed)| bound(share) > *allowed)
        };
        if over(|share| share.low) {
            Decision::Breaks
        } else if over(|share| share.high) {
            Decision::Open
        } else {
            Decision::Holds
        }
    }

    /// The highest rate that holds below the lowest that does not, and that one. What breaks counts once no rate above it is
    /// left open: of several rates about the capacity, each tried again and again, one breaks by chance. The highest rate
    /// allowed, left open for good, is no reason to wait.
    pub fn bracket(&self) -> (Option<&Tried>, Option<&Tried>) {
        let fails = |it: &&Tried| matches!(it.decision, Decision::Breaks | Decision::Limited);
        let settled = |it: &&Tried| fails(it) || self.is_open_for_good(it);
        let limited = self.tried.iter().find(|it| it.decision == Decision::Limited);
        let top = self.tried.iter().rev().take_while(settled).filter(fails);
        let wall = [limited, top.last()].into_iter().flatten().min_by(|a, b| a.rate.total_cmp(&b.rate));
        let below = self.tried.iter().filter(|it| wall.is_none_or(|wall| it.rate < wall.rate));
        (below.rev().find(|it| it.decision == Decision::Holds), wall)
    }

    /// Whether `tried` is the highest rate allowed and neither more trials nor a higher rate will tell.
    fn is_open_for_good(&self, tried: &Tried) -> bool {
        tried.decision == Decision::Open && tried.rate >= self.ceiling && tried.trials >= PATIENCE
    }

    /// The rates of [`Self::bracket`], per second.
    pub fn bracket_rates(&self) -> (Option<f64>, Option<f64>) {
        let (low, wall) = self.bracket();
        (low.map(|it| it.rate), wall.map(|it| it.rate))
    }

    /// What comes next.
    pub fn next(&self) -> Next {
        let Some(highest) = self.tried.last() else {
            return Next::Try(round(self.start.clamp(self.floor, self.ceiling)));
        };
        let (low, wall) = self.bracket();
        let Some(wall) = wall else { return self.upward(highest) };
        // Once may have been a disturbance of this machine's.
        if wall.decision == Decision::Limited && wall.trials < REPEATS {
            return Next::Try(wall.rate);
        }
        if let Some(contradicted) = self.contradiction(wall) {
            return Next::Try(contradicted);
        }
        let Some(low) = low else {
            let open = self.tried.iter().rev().find(|it| it.rate < wall.rate && it.trials < PATIENCE);
            return open.map_or_else(|| self.downward(wall), |open| Next::Try(open.rate));
        };
        if wall.rate / low.rate > (1.0 + self.precision) / (1.0 - self.precision)
            && let Some(between) = self.between(low, wall)
        {
            return Next::Try(between);
        }
        // The two ends in turn, so that what drifts with time meets both.
        if let Some(end) =
            [low, wall].into_iter().filter(|end| end.trials < REPEATS).min_by_key(|end| end.trials)
        {
            return Next::Try(end.rate);
        }
        if wall.decision == Decision::Limited {
            Next::AtLeast(low.rate)
        } else {
            Next::Found { low: low.rate, high: wall.rate }
        }
    }

    /// Nothing has broken for certain: twice as much, up to the ceiling.
    fn upward(&self, highest: &Tried) -> Next {
        if highest.decision == Decision::Open && self.looks_broken(highest) && highest.trials < PATIENCE {
            return Next::Try(highest.rate);
        }
        if highest.rate < self.ceiling {
            return Next::Try(round(highest.rate * 2.0).min(self.ceiling));
        }
        let (low, _) = self.bracket();
        match low {
            Some(low) if low.trials < REPEATS => Next::Try(low.rate),
            Some(low) if low.rate == highest.rate => Next::AtLeast(low.rate),
            _ if highest.trials < PATIENCE => Next::Try(highest.rate),
            Some(low) => Next::AtLeast(low.rate),
            None => self.downward(highest),
        }
    }

    /// Whether more than is allowed was over some budget's limit, be that by chance.
    fn looks_broken(&self, tried: &Tried) -> bool {
        let mut shares = tried.shares.iter().zip(&self.allowed);
        shares.any(|(share, allowed)| share.share.is_some_and(|share| share > *allowed))
    }

    /// Nothing holds yet: half as much, down to the floor.
    fn downward(&self, wall: &Tried) -> Next {
        let lowest = self.tried.first().unwrap_or(wall);
        if lowest.decision == Decision::Open && lowest.trials < PATIENCE {
            return Next::Try(lowest.rate);
        }
        let half = round(lowest.rate / 2.0);
        if lowest.rate > self.floor {
            // No rate worth a trial lies between the floor and a rate close to it.
            return Next::Try(if half < 1.5 * self.floor { self.floor } else { half });
        }
        if lowest.trials < REPEATS {
            return Next::Try(lowest.rate);
        }
        let helpless = self.tried.iter().all(|tried| tried.decision == Decision::Limited);
        if helpless { Next::Helpless } else { Next::None }
    }

    /// A rate that holds above one that was too much for the generator, or that one: whichever was tried less, as long as
    /// more trials may tell.
    fn contradiction(&self, wall: &Tried) -> Option<f64> {
        let above = self.tried.iter().filter(|tried| tried.rate > wall.rate);
        let holds = above.rev().find(|tried| tried.decision == Decision::Holds)?;
        let least = [wall, holds].into_iter().min_by_key(|tried| tried.trials)?;
        (least.trials < PATIENCE).then_some(least.rate)
    }

    /// Between `low` and `wall`: a rate left open that more trials may decide, else the middle of the wider of the two gaps
    /// at the ends, as long as it is wider than the answer need be exact. Between rates left open there is nothing to find.
    fn between(&self, low: &Tried, wall: &Tried) -> Option<f64> {
        let inside: Vec<&Tried> =
            self.tried.iter().filter(|it| low.rate <= it.rate && it.rate <= wall.rate).collect();
        let open = inside.iter().filter(|it| it.decision == Decision::Open && it.trials < PATIENCE);
        if let Some(open) = open.min_by_key(|it| it.trials) {
            return Some(open.rate);
        }
        let ends = [&inside[..2], &inside[inside.len() - 2..]];
        let widest = ends.into_iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b)))?;
        let middle = round((widest[0].rate * widest[1].rate).sqrt());
        let new = widest[0].rate < middle && middle < widest[1].rate;
        (new && ratio(widest) > 1.0 + self.precision / 2.0).then_some(middle)
    }
}

/// The shares of the rate at `at`, of those that each rate says `alone`. A rate that breaks is contradicted by a higher one
/// that does not and at which less was over a limit, one that holds by a lower one that does not and at which more was: what
/// is offered more is not answered sooner. Then all from the one to the other say one thing `together`, and the bound that
/// decided is the wider of both (pool adjacent violators; M. Ayer and others, *Annals of Mathematical Statistics* 26, 1955).
fn contradicted(
    at: usize,
    alone: &[Vec<Share>],
    decided: &[Decision],
    together: impl Fn(RangeInclusive<usize>) -> Vec<Share>,
) -> Vec<Share> {
    let mut shares = alone[at].clone();
    let is = |other: usize, wanted: [Decision; 2]| wanted.contains(&decided[other]);
    match decided[at] {
        Decision::Breaks => {
            for above in (at + 1..alone.len()).filter(|it| is(*it, [Decision::Open, Decision::Holds])) {
                for (share, pooled) in shares.iter_mut().zip(together(at..=above)) {
                    if pooled.share < share.share {
                        share.low = share.low.min(pooled.low);
                    }
                }
            }
        }
        Decision::Holds => {
            for below in (0..at).filter(|it| is(*it, [Decision::Open, Decision::Breaks])) {
                for (share, pooled) in shares.iter_mut().zip(together(below..=at)) {
                    if pooled.share > share.share {
                        share.high = share.high.max(pooled.high);
                    }
                }
            }
        }
        Decision::Open | Decision::Limited => {}
    }
    shares
}

fn ratio(pair: &[&Tried]) -> f64 {
    pair[1].rate / pair[0].rate
}

/// A rate with three significant digits, which people can say.
pub fn round(rate: f64) -> f64 {
    let step = 10f64.powf(rate.log10().floor() - 2.0);
    let rounded = (rate / step).round() * step;
    // Away with what the powers of ten left behind.
    format!("{rounded:.9}").parse().unwrap_or(rounded)
}

#[cfg(test)]
mod tests;
