use serde::Serialize;

use crate::stats::{self, bootstrap_interval};

/// What may be said of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// For the worse, beyond chance and the least effect.
    Worse,
    /// For the better, beyond both.
    Better,
    /// Neither.
    Same,
    /// Not decided, because a run supports no verdict.
    Undecided,
    /// The samples cannot bound the figure.
    TooFew,
}

/// How many times the least effect a change must be where fewer than [`stats::MIN_RUNS`] runs a side leave open how much runs
/// of the same build differ.
pub const FEW_TIMES: f64 = 2.0;

/// A figure of one set of runs.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Of all its runs together.
    pub value: f64,
    /// Lower end of the 95 % interval of that.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// The lowest and the highest end of the intervals of its runs, each alone.
    pub spread: (f64, f64),
    /// The figure of each draw of its runs.
    pub draws: Vec<f64>,
    /// Runs.
    pub runs: usize,
}

/// A change with what bounds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Changed {
    /// `to(before, after)` of the two figures.
    pub by: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
    /// Whether it counts, and which way: the figure grew (`Some(true)`) or fell.
    pub grew: Option<bool>,
}

/// How much a figure changed, by `to` (a difference or a ratio less 1, growing with its second argument), and whether that
/// counts: its interval must lie on one side of 0 **and** the change be at least `least`.
///
/// With [`stats::MIN_RUNS`] runs a side the interval is that of a bootstrap that resamples runs on both sides: requests
/// within a run share its luck, runs do not (Kalibera & Jones, *Rigorous Benchmarking in Reasonable Time*, ISMM 2013). With
/// fewer, the farthest ends of the intervals of single runs bound it, and it must be [`FEW_TIMES`] the least.
pub fn changed(before: &Seen, after: &Seen, to: fn(f64, f64) -> f64, least: f64, confidence: f64) -> Changed {
    let by = to(before.value, after.value);
    let fewest = before.runs.min(after.runs);
    let ((low, high), least) = if fewest >= stats::MIN_RUNS {
        let draws =
            before.draws.iter().zip(&after.draws).map(|(before, after)| to(*before, *after)).collect();
        let freedom = (before.runs + after.runs - 2) as f64;
        (bootstrap_interval(draws, fewest, freedom, confidence), least)
    } else {
        ((to(before.spread.1, after.spread.0), to(before.spread.0, after.spread.1)), FEW_TIMES * least)
    };
    let counts = by.abs() >= least && (low > 0.0 || high < 0.0);
    Changed { by, low, high, grew: counts.then_some(by > 0.0) }
}

/// `after / before − 1`.
pub fn relative(before: f64, after: f64) -> f64 {
    if before == after { 0.0 } else { after / before - 1.0 }
}

/// `after − before`.
pub fn difference(before: f64, after: f64) -> f64 {
    if before == after { 0.0 } else { after - before }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: f64, low: f64, high: f64) -> Seen {
        Seen { value, low, high, spread: (low, high), draws: Vec::new(), runs: 1 }
    }

    #[test]
    fn one_run_against_one_needs_intervals_apart_and_twice_the_effect() {
        let before = one(100.0, 98.0, 102.0);
        let counts = |after: Seen| changed(&before, &after, relative, 0.05, 0.95).grew;
        assert_eq!(counts(one(108.0, 106.0, 110.0)), None);
        assert_eq!(counts(one(112.0, 110.0, 114.0)), Some(true));
        assert_eq!(counts(one(115.0, 101.0, 130.0)), None);
        assert_eq!(counts(one(88.0, 86.0, 90.0)), Some(false));
        assert!(
            (changed(&before, &one(112.0, 110.0, 114.0), relative, 0.05, 0.95).low - (110.0 / 102.0 - 1.0))
                .abs()
                < 1e-12
        );
    }

    #[test]
    fn an_effect_beyond_chance_yet_small_does_not_count() {
        let set = |value: f64| Seen {
            value,
            low: value,
            high: value,
            spread: (value, value),
            draws: vec![value; 100],
            runs: 5,
        };
        assert_eq!(changed(&set(100.0), &set(104.9), relative, 0.05, 0.95).grew, None);
        assert_eq!(changed(&set(100.0), &set(105.1), relative, 0.05, 0.95).grew, Some(true));
        assert_eq!(changed(&set(0.0), &set(0.0), relative, 0.05, 0.95).grew, None);
    }
}
