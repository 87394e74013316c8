//! How much of something lies over a limit, with an interval that knows that neighbours in time are alike.

use statrs::distribution::{Beta, ContinuousCDF, StudentsT};

/// A stretch of time: how many of all its answers lay over a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// Over the limit.
    pub over: u64,
    /// All.
    pub all: u64,
}

impl Batch {
    /// Adds another stretch to this one.
    pub fn add(&mut self, other: Self) {
        self.over += other.over;
        self.all += other.all;
    }
}

/// A share with its bounds, all 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Over the limit, in all batches.
    pub over: u64,
    /// All, in all batches.
    pub n: u64,
    /// `over / n`, or nothing without answers.
    pub share: Option<f64>,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// The share that all batches of `trials` say together, bounded on both sides with `confidence` (0..1).
///
/// A percentile keeps its budget exactly if no more than the rest of the answers lies over the limit, and a share, unlike a
/// percentile, is a mean: means of batches can be put together. The bounds are the wider of two on either side:
///
/// - what binomial chance alone leaves open (Clopper and Pearson, *Biometrika* 26, 1934), which needs no spread between
///   batches and says nothing of a sample too small to say anything;
/// - what the spread between batches leaves open, as answers queue behind each other: the ratio estimator over batches
///   (Cochran, *Sampling Techniques*, 3rd ed., §6.3) with Student's t (Law and Kelton, *Simulation Modeling and Analysis*,
///   3rd ed., §9.5.3, batch means). The batches of a trial are alike where a target is faster at one minute than at another:
///   the variance is multiplied by `design_effect` for that.
///
/// A burst so rare that no batch met it is in no interval: that is what repeats, and holding the answer for long, are for.
pub fn share<'a>(
    trials: impl IntoIterator<Item = &'a Vec<Batch>>,
    design_effect: f64,
    confidence: f64,
) -> Share {
    let batches: Vec<Batch> = trials.into_iter().flatten().copied().filter(|batch| batch.all > 0).collect();
    let Batch { over, all: n } = sum(&batches);
    if n == 0 {
        return Share { over, n, share: None, low: 0.0, high: 1.0 };
    }
    let share = over as f64 / n as f64;
    let tail = (1.0 - confidence) / 2.0;
    let (low, high) = clopper_pearson(over, n, tail);
    let t = StudentsT::new(0.0, 1.0, (batches.len() - 1) as f64).map_or(0.0, |t| t.inverse_cdf(1.0 - tail));
    let spread = t * (design_effect * variance(&batches)).sqrt();
    Share {
        over,
        n,
        share: Some(share),
        low: low.min(share - spread).max(0.0),
        high: high.max(share + spread).min(1.0),
    }
}

/// How many times as much the shares of `rates` vary, by how their trials differ, as they would if a trial's batches were
/// as independent of each other as those of different trials; at least 1. One number for all rates, as two or three trials
/// of one tell little of it (L. Kish, *Survey Sampling*, 1965, §8.2: the design effect of sampling clusters).
pub fn design_effect<'a>(rates: impl Iterator<Item = &'a [Vec<Batch>]>) -> f64 {
    let (mut between, mut within) = (0.0, 0.0);
    for trials in rates {
        let sums: Vec<Batch> =
            trials.iter().map(|batches| sum(batches)).filter(|batch| batch.all > 0).collect();
        let batches: Vec<Batch> = trials.iter().flatten().copied().filter(|batch| batch.all > 0).collect();
        let weight = sums.len().saturating_sub(1) as f64;
        between += weight * variance(&sums);
        within += weight * variance(&batches);
    }
    if within > 0.0 { (between / within).max(1.0) } else { 1.0 }
}

fn sum(batches: &[Batch]) -> Batch {
    batches.iter().fold(Batch::default(), |mut sum, batch| {
        sum.add(*batch);
        sum
    })
}

/// The variance of the share that `batches`, none of them empty, say together, by how they differ: none if there is but one.
fn variance(batches: &[Batch]) -> f64 {
    let Batch { over, all } = sum(batches);
    if batches.len() < 2 {
        return 0.0;
    }
    let (k, share) = (batches.len() as f64, over as f64 / all as f64);
    let squares: f64 = batches.iter().map(|it| (it.over as f64 - share * it.all as f64).powi(2)).sum();
    squares / (k - 1.0) * k / (all as f64).powi(2)
}

/// Bounds of a binomial proportion, each missed with probability `tail`: quantiles of beta distributions.
fn clopper_pearson(over: u64, n: u64, tail: f64) -> (f64, f64) {
    let (x, n) = (over as f64, n as f64);
    let beta = |a: f64, b: f64, at: f64| Beta::new(a, b).map_or(at, |beta| beta.inverse_cdf(at));
    let low = if over == 0 { 0.0 } else { beta(x, n - x + 1.0, tail) };
    let high = if over as f64 >= n { 1.0 } else { beta(x + 1.0, n - x, 1.0 - tail) };
    (low, high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
    use rand_distr::{Binomial, Distribution};

    use super::*;

    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() < 5e-5, "{value} is not {expected}");
    }

    #[test]
    fn the_binomial_bounds_are_those_of_published_tables() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 5 (Clopper–Pearson).
        let (low, high) = clopper_pearson(81, 263, 0.025);
        close(low, 0.2527);
        close(high, 0.3676);
        let (low, high) = clopper_pearson(15, 148, 0.025);
        close(low, 0.0578);
        close(high, 0.1617);
        let (low, high) = clopper_pearson(0, 20, 0.025);
        close(low, 0.0);
        close(high, 0.1684);
        let (low, high) = clopper_pearson(29, 29, 0.025);
        close(low, 0.8806);
        close(high, 1.0);
    }

    #[test]
    fn a_p99_needs_368_answers_before_any_bound_allows_it() {
        let high = |all| share(&[vec![Batch { over: 0, all }]], 1.0, 0.95).high;
        assert!(high(367) > 0.01 && high(368) <= 0.01);
    }

    #[test]
    fn bursts_widen_the_interval_that_counting_alone_would_give() {
        let even = vec![Batch { over: 10, all: 1_000 }; 10];
        let mut bursts = vec![Batch { over: 0, all: 1_000 }; 10];
        bursts[3].over = 100;
        let (even, bursts) = (share(&[even], 1.0, 0.95), share(&[bursts], 1.0, 0.95));
        assert_eq!(even.share, bursts.share);
        assert!(bursts.high > 2.0 * even.high && bursts.low < even.low);
    }

    #[test]
    fn nothing_measured_bounds_nothing() {
        let none = share(&[vec![Batch { over: 0, all: 0 }]], 1.0, 0.95);
        assert_eq!((none.share, none.low, none.high), (None, 0.0, 1.0));
    }

    #[test]
    fn the_interval_of_three_trials_covers_the_truth_nine_times_in_ten_even_where_bursts_are_rare() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (truth, mut covered) = (0.02, 0);
        for _ in 0..1_000 {
            // A batch is calm or bursting: 1 % or 6 % over, a fifth of the time; 2 % in all.
            let batches: Vec<Batch> = (0..15)
                .map(|_| {
                    let share = if rng.random::<f64>() < 0.2 { 0.06 } else { 0.01 };
                    Batch { over: Binomial::new(500, share).unwrap().sample(&mut rng), all: 500 }
                })
                .collect();
            let it = share(&[batches], 1.0, 0.95);
            covered += i32::from(it.low <= truth && truth <= it.high);
        }
        assert!(covered >= 880, "{covered} of 1,000");
    }

    /// `trials` of five batches; each trial's shares differ from the next one's by what `of` draws.
    fn rate(
        trials: usize,
        rng: &mut ChaCha8Rng,
        mut of: impl FnMut(&mut ChaCha8Rng) -> f64,
    ) -> Vec<Vec<Batch>> {
        let trial = |_| {
            let share = of(rng);
            (0..5).map(|_| Batch { over: Binomial::new(500, share).unwrap().sample(rng), all: 500 }).collect()
        };
        (0..trials).map(trial).collect()
    }

    #[test]
    fn trials_that_differ_by_more_than_their_batches_do_widen_every_interval() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let effect = |rates: &[Vec<Vec<Batch>>]| design_effect(rates.iter().map(Vec::as_slice));
        let alike: Vec<_> = (0..8).map(|_| rate(4, &mut rng, |_| 0.05)).collect();
        assert!(effect(&alike) < 1.5, "{}", effect(&alike));
        let unlike: Vec<_> = (0..8).map(|_| rate(4, &mut rng, |rng| 0.1 * rng.random::<f64>())).collect();
        // Five batches that say the same are worth one: were a trial's alike to the last answer, it would be 5 and more.
        assert!(effect(&unlike) > 3.0, "{}", effect(&unlike));

        let one = &alike[0];
        let (narrow, wide) = (share(one, 1.0, 0.95), share(one, 4.0, 0.95));
        assert_eq!(narrow.share, wide.share);
        assert!(wide.high > narrow.high && wide.low < narrow.low);
    }

    #[test]
    fn one_trial_of_each_rate_or_none_at_all_tells_nothing_of_how_trials_differ() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let once = [rate(1, &mut rng, |_| 0.05), rate(1, &mut rng, |_| 0.5), Vec::new(), vec![Vec::new(); 3]];
        assert_eq!(design_effect(once.iter().map(Vec::as_slice)), 1.0);
    }

    #[test]
    fn a_target_that_is_not_as_fast_all_the_time_is_covered_half_as_often_again_as_by_its_batches_alone() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (mut covered, mut without) = (0, 0);
        for _ in 0..300 {
            let rates: Vec<_> = (0..6).map(|_| rate(4, &mut rng, |rng| 0.1 * rng.random::<f64>())).collect();
            let effect = design_effect(rates.iter().map(Vec::as_slice));
            let covers = |it: Share| it.low <= 0.05 && 0.05 <= it.high;
            covered += rates.iter().filter(|trials| covers(share(*trials, effect, 0.95))).count();
            without += rates.iter().filter(|trials| covers(share(*trials, 1.0, 0.95))).count();
        }
        assert!(covered >= 1_500 && covered >= without * 3 / 2, "{covered} and {without} of 1,800");
    }

    proptest! {
        #[test]
        fn the_bounds_hold_the_share_between_them(
            batches in prop::collection::vec((0u64..50, 0u64..50), 1..12),
            effect in 1.0..20.0f64,
        ) {
            let batches: Vec<Batch> =
                batches.into_iter().map(|(over, more)| Batch { over, all: over + more }).collect();
            let it = share(&[batches], effect, 0.95);
            prop_assert!(0.0 <= it.low && it.low <= it.high && it.high <= 1.0);
            if let Some(share) = it.share {
                prop_assert!(it.low <= share && share <= it.high);
            }
        }
    }
}
