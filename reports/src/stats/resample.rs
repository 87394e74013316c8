use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use record::Histogram;

use super::bootstrap_tail;

/// Resamples drawn.
const DRAWS: usize = 2_000;
/// The same records give the same bytes: the bootstrap has one seed, and chance no part in the answer.
const SEED: u64 = 0x4845_4144_524f_4f4d;

/// From this number of runs a set on, its own spread bounds what is said of it.
pub const MIN_RUNS: usize = 5;

/// Resamples of a set of things, each as many as there are, drawn with replacement (Efron, *Annals of Statistics* 7, 1979).
#[derive(Debug, Clone)]
pub struct Resamples {
    /// How often each thing was drawn: every draw that occurs, once. Of five things there are 126.
    distinct: Vec<Vec<u32>>,
    /// The draws, as places in `distinct`.
    draws: Vec<usize>,
}

impl Resamples {
    /// Of `n` things. `stream` keeps the draws of two sets apart.
    pub fn new(n: usize, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        rng.set_stream(stream);
        let mut known = BTreeMap::<Vec<u32>, usize>::new();
        let draws = (0..DRAWS).map(|_| {
            let mut times = vec![0; n];
            (0..n).for_each(|_| times[rng.random_range(0..n)] += 1);
            let next = known.len();
            *known.entry(times).or_insert(next)
        });
        let draws = draws.collect();
        let mut distinct = vec![Vec::new(); known.len()];
        known.into_iter().for_each(|(times, place)| distinct[place] = times);
        Self { distinct, draws }
    }

    /// What `statistic` makes of each draw. It is handed how often each thing was drawn, and asked once for each different
    /// draw.
    pub fn apply(&self, statistic: impl Fn(&[u32]) -> f64) -> Vec<f64> {
        let values: Vec<f64> = self.distinct.iter().map(|times| statistic(times)).collect();
        self.draws.iter().map(|place| values[*place]).collect()
    }
}

/// The interval that holds `confidence` of `draws` made from sets of at least `n` things with `freedom` degrees of
/// freedom, by [`bootstrap_tail`].
pub fn bootstrap_interval(mut draws: Vec<f64>, n: usize, freedom: f64, confidence: f64) -> (f64, f64) {
    draws.sort_by(f64::total_cmp);
    let last = draws.len().saturating_sub(1);
    let cut = (bootstrap_tail(n, freedom, confidence) * draws.len() as f64).floor() as usize;
    let cut = cut.min(last / 2);
    (draws[cut], draws[last - cut])
}

/// The values of a run and how many of its answers each bounds: what a percentile over several runs is read from
/// without merging their histograms anew for every draw.
#[derive(Debug, Clone)]
pub struct Cumulative {
    values: Vec<u64>,
    counts: Vec<u64>,
    /// Answers that never came, and so rank above every value.
    above: u64,
}

impl Cumulative {
    /// Of one run's histogram, with `above` arrivals that were never answered.
    pub fn new(histogram: &Histogram, above: u64) -> Self {
        let mut sum = 0;
        let steps = histogram.iter_recorded().map(|step| {
            sum += step.count_at_value();
            (histogram.highest_equivalent(step.value_iterated_to()), sum)
        });
        let (values, counts) = steps.unzip();
        Self { values, counts, above }
    }

    /// Of answers in order, all different.
    #[cfg(test)]
    pub fn sorted(values: Vec<u64>) -> Self {
        Self { counts: (1..=values.len() as u64).collect(), values, above: 0 }
    }

    /// Answers, and arrivals without one.
    pub fn len(&self) -> u64 {
        self.answers() + self.above
    }

    fn answers(&self) -> u64 {
        self.counts.last().copied().unwrap_or(0)
    }

    /// Answers of at most `value`.
    fn within(&self, value: u64) -> u64 {
        match self.values.partition_point(|step| *step <= value) {
            0 => 0,
            steps => self.counts[steps - 1],
        }
    }
}

/// The `quantile` (0..1) of `runs` merged, each `times` as often as it was drawn: the least value that its rank does not
/// exceed. Nothing if that rank belongs to an arrival that was never answered, or there is none.
pub fn quantile_of(runs: &[Cumulative], times: &[u32], quantile: f64) -> Option<u64> {
    let weighed = |count: fn(&Cumulative) -> u64| -> u64 {
        runs.iter().zip(times).map(|(run, times)| u64::from(*times) * count(run)).sum()
    };
    let rank = ((quantile * weighed(Cumulative::len) as f64 - 1e-9).ceil() as u64).max(1);
    if rank > weighed(Cumulative::answers) {
        return None;
    }
    let (mut low, mut high) = (0, runs.iter().filter_map(|run| run.values.last()).copied().max()?);
    while low < high {
        let middle = low + (high - low) / 2;
        let within: u64 =
            runs.iter().zip(times).map(|(run, times)| u64::from(*times) * run.within(middle)).sum();
        if within >= rank { high = middle } else { low = middle + 1 }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_distr::{Distribution, Normal};

    use super::*;

    fn histogram(values: &[u64]) -> Histogram {
        let mut histogram = record::new_histogram();
        values.iter().for_each(|value| histogram.record(*value).unwrap());
        histogram
    }

    proptest! {
        #[test]
        fn a_percentile_over_drawn_runs_is_that_of_their_merged_histogram(
            a in prop::collection::vec(1u64..5_000_000, 1..200), b in prop::collection::vec(1u64..5_000_000, 1..200),
            times in (0u32..4, 1u32..4), quantile in 0.01f64..0.999,
        ) {
            let (a, b) = (histogram(&a), histogram(&b));
            let runs = [Cumulative::new(&a, 0), Cumulative::new(&b, 0)];
            let mut merged = record::new_histogram();
            (0..times.0).for_each(|_| merged.add(&a).unwrap());
            (0..times.1).for_each(|_| merged.add(&b).unwrap());
            let rank = (quantile * merged.len() as f64 - 1e-9).ceil() as u64;
            let found = quantile_of(&runs, &[times.0, times.1], quantile).unwrap();
            prop_assert_eq!(found, super::super::value_at_rank(&merged, rank.max(1)));
        }
    }

    #[test]
    fn arrivals_without_an_answer_rank_above_every_value() {
        let run = |above| [Cumulative::new(&histogram(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), above)];
        assert_eq!(quantile_of(&run(0), &[1], 0.95), Some(10));
        assert_eq!(quantile_of(&run(1), &[1], 0.95), None);
        assert_eq!(quantile_of(&run(0), &[0], 0.5), None);
    }

    #[test]
    fn the_interval_of_a_mean_of_five_holds_it_in_95_of_100() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let normal = Normal::new(100.0, 10.0).unwrap();
        let resamples = Resamples::new(5, 0);
        let held = (0..200).filter(|_| {
            let sample: Vec<f64> = (0..5).map(|_| normal.sample(&mut rng)).collect();
            let mean = |times: &[u32]| {
                times.iter().zip(&sample).map(|(times, value)| f64::from(*times) * value).sum::<f64>() / 5.0
            };
            let (low, high) = bootstrap_interval(resamples.apply(mean), 5, 4.0, 0.95);
            low <= 100.0 && 100.0 <= high
        });
        let held = held.count();
        assert!((180..=198).contains(&held), "{held} of 200");
    }
}
