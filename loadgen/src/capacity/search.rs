//! Which rate to try next, and when to stop: pure. What is known of a rate is all that its trials say together, so that a
//! repeat which contradicts an earlier trial opens the bracket again by itself, downward too.

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
            self.tried.insert(at, Tried { rate, trials: 0, limited: 0, told });
        }
        let tried = &mut self.tried[at];
        tried.trials += 1;
        match finding {
            Finding::Limited => tried.limited += 1,
            Finding::Batches(trial) => {
                tried.told.iter_mut().zip(trial).for_each(|(known, batches)| known.push(batches));
            }
        }
    }

    /// The share over each budget's limit at a rate.
    pub fn shares(&self, tried: &Tried) -> impl Iterator<Item = Share> {
        tried.told.iter().enumerate().map(|(budget, trials)| {
            let effect = design_effect(self.tried.iter().map(|other| other.told[budget].as_slice()));
            share(trials, effect, CONFIDENCE)
        })
    }

    /// What all trials of a rate say together.
    pub fn decision(&self, tried: &Tried) -> Decision {
        if tried.limited * 2 > tried.trials {
            return Decision::Limited;
        }
        let over = |bound: fn(&Share) -> f64| {
            self.shares(tried).zip(&self.allowed).any(|(share, allowed)| bound(&share) > *allowed)
        };
        if over(|share| share.low) {
            Decision::Breaks
        } else if over(|share| share.high) {
            Decision::Open
        } else {
            Decision::Holds
        }
    }

    /// The highest rate that holds below the lowest that does not, and that one.
    pub fn bracket(&self) -> (Option<&Tried>, Option<&Tried>) {
        let is = |tried: &&Tried, wanted: &[Decision]| wanted.contains(&self.decision(tried));
        let wall = self.tried.iter().find(|it| is(it, &[Decision::Breaks, Decision::Limited]));
        let below = self.tried.iter().filter(|it| wall.is_none_or(|wall| it.rate < wall.rate));
        (below.rev().find(|it| is(it, &[Decision::Holds])), wall)
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
        if self.decision(wall) == Decision::Limited && wall.trials < REPEATS {
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
        if self.decision(wall) == Decision::Limited {
            Next::AtLeast(low.rate)
        } else {
            Next::Found { low: low.rate, high: wall.rate }
        }
    }

    /// Nothing has broken yet: twice as much, up to the ceiling.
    fn upward(&self, highest: &Tried) -> Next {
        if self.decision(highest) == Decision::Open && self.looks_broken(highest) && highest.trials < PATIENCE
        {
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
        self.shares(tried)
            .zip(&self.allowed)
            .any(|(share, allowed)| share.share.is_some_and(|share| share > *allowed))
    }

    /// Nothing holds yet: half as much, down to the floor.
    fn downward(&self, wall: &Tried) -> Next {
        let lowest = self.tried.first().unwrap_or(wall);
        if self.decision(lowest) == Decision::Open && lowest.trials < PATIENCE {
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
        let helpless = self.tried.iter().all(|tried| self.decision(tried) == Decision::Limited);
        if helpless { Next::Helpless } else { Next::None }
    }

    /// A rate above the wall that holds, or the wall itself: whichever was tried less, as long as more trials may tell.
    fn contradiction(&self, wall: &Tried) -> Option<f64> {
        let above = self.tried.iter().filter(|tried| tried.rate > wall.rate);
        let holds = above.rev().find(|tried| self.decision(tried) == Decision::Holds)?;
        let least = [wall, holds].into_iter().min_by_key(|tried| tried.trials)?;
        (least.trials < PATIENCE).then_some(least.rate)
    }

    /// Between `low` and `wall`: a rate left open that more trials may decide, else the middle of the wider of the two gaps
    /// at the ends, as long as it is wider than the answer need be exact. Between rates left open there is nothing to find.
    fn between(&self, low: &Tried, wall: &Tried) -> Option<f64> {
        let inside: Vec<&Tried> =
            self.tried.iter().filter(|it| low.rate <= it.rate && it.rate <= wall.rate).collect();
        let open = inside[1..inside.len() - 1].iter().filter(|it| it.trials < PATIENCE);
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
