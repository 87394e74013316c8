use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rand_distr::{Binomial, Distribution, StandardNormal};

use super::*;

const ALLOWED: f64 = 0.01;

fn search(start: f64, ceiling: f64) -> Search {
    Search { precision: 0.05, start, floor: start / 16.0, ceiling, allowed: vec![ALLOWED], tried: Vec::new() }
}

/// A server whose share over the limit grows tenfold for each eighth of the rate, and is what is allowed at `knee`; in each
/// batch it varies by half around that.
fn trial(knee: f64, rate: f64, rng: &mut ChaCha8Rng) -> Vec<Batch> {
    let mean = (ALLOWED * 10f64.powf(8.0 * (rate / knee - 1.0))).min(1.0);
    let batch = |_| {
        let share = (mean * (0.5 + rng.random::<f64>())).min(1.0);
        let all = (rate * 2.0).ceil() as u64;
        Batch { over: Binomial::new(all, share).unwrap().sample(rng), all }
    };
    (0..5).map(batch).collect()
}

/// The end of a search and the number of its trials.
fn run(mut search: Search, mut find: impl FnMut(f64) -> Finding) -> (Next, usize) {
    for trials in 0..400 {
        match search.next() {
            Next::Try(rate) => {
                let finding = find(rate);
                search.learn(rate, finding);
            }
            end => return (end, trials),
        }
    }
    panic!("the search does not end: {search:#?}")
}

#[test]
fn the_interval_holds_the_knee_of_a_noisy_server_and_is_as_narrow_as_asked() {
    let (mut held, mut most) = (0, 0);
    for seed in 0..60 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let knee = 100.0 + 3_000.0 * rng.random::<f64>();
        let (end, trials) =
            run(search(50.0, f64::INFINITY), |rate| Finding::Batches(vec![trial(knee, rate, &mut rng)]));
        let Next::Found { low, high } = end else { panic!("{end:?}") };
        assert!((high - low) / (high + low) <= 0.051, "{low} {high}");
        held += i32::from(low <= knee && knee <= high);
        most = most.max(trials);
    }
    assert!(held >= 56, "{held} of 60");
    assert!(most <= 40, "{most} trials");
}

#[test]
fn a_server_that_never_breaks_is_at_least_the_highest_rate_allowed() {
    let fine = |rate: f64| Finding::Batches(vec![vec![Batch { over: 0, all: (rate * 2.0) as u64 }; 5]]);
    assert_eq!(run(search(100.0, 1_000.0), fine).0, Next::AtLeast(1_000.0));
}

#[test]
fn a_server_that_always_breaks_has_none_and_the_floor_was_tried() {
    let mut lowest = f64::INFINITY;
    let broken = |rate: f64| {
        lowest = lowest.min(rate);
        Finding::Batches(vec![vec![Batch { over: 20, all: 20 }; 5]])
    };
    assert_eq!(run(search(100.0, 1_000.0), broken).0, Next::None);
    assert_eq!(lowest, 6.25);
}

#[test]
fn a_generator_that_is_the_limit_gives_a_lower_bound_and_no_more() {
    let end = run(search(100.0, f64::INFINITY), |rate| {
        if rate > 700.0 {
            return Finding::Limited;
        }
        Finding::Batches(vec![vec![Batch { over: 0, all: (rate * 2.0) as u64 }; 5]])
    });
    let Next::AtLeast(rate) = end.0 else { panic!("{end:?}") };
    assert!((630.0..=700.0).contains(&rate), "{rate}");
    assert_eq!(run(search(100.0, f64::INFINITY), |_| Finding::Limited).0, Next::Helpless);
}

#[test]
fn a_generator_that_is_disturbed_now_and_then_still_finds_the_knee() {
    let (mut rng, knee) = (ChaCha8Rng::seed_from_u64(2), 700.0);
    let end = run(search(100.0, f64::INFINITY), |rate| {
        if rng.random::<f64>() < 0.2 {
            return Finding::Limited;
        }
        Finding::Batches(vec![trial(knee, rate, &mut rng)])
    });
    let Next::Found { low, high } = end.0 else { panic!("{end:?}") };
    assert!(low <= knee && knee <= high, "{low} {high}");
}

#[test]
fn a_repeat_that_contradicts_opens_the_bracket_again_downward() {
    // The first two trials of anything are fine, as on a machine that throttles once it is warm.
    let (mut count, knee) = (0, 300.0);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let end = run(search(200.0, f64::INFINITY), |rate| {
        count += 1;
        let rate = if count <= 2 { rate / 10.0 } else { rate };
        Finding::Batches(vec![trial(knee, rate, &mut rng)])
    });
    let Next::Found { low, high } = end.0 else { panic!("{end:?}") };
    assert!(low <= knee && knee <= high, "{low} {high}");
}

/// Learns trials of five batches of 1,000 answers, of which so many are over the limit in each.
fn learn(search: &mut Search, rate: f64, trials: &[u64]) {
    for over in trials {
        let batches = vec![Batch { over: *over, all: 1_000 }; 5];
        search.learn(rate, Finding::Batches(vec![batches]));
    }
}

fn decisions(search: &Search) -> Vec<Decision> {
    search.tried.iter().map(|tried| tried.decision).collect()
}

#[test]
fn a_rate_that_breaks_is_open_again_when_less_is_over_the_limit_at_a_higher_one() {
    let mut search = search(100.0, f64::INFINITY);
    learn(&mut search, 800.0, &[13, 14, 13]);
    assert_eq!(decisions(&search), [Decision::Breaks]);
    learn(&mut search, 900.0, &[4, 12, 10]);
    assert_eq!(decisions(&search), [Decision::Open; 2]);
    // What many trials say of one, a single one of the other does not change.
    let mut search = Search { tried: Vec::new(), ..search };
    learn(&mut search, 800.0, &[30, 29, 31, 30, 30, 29, 31]);
    learn(&mut search, 900.0, &[9]);
    assert_eq!(decisions(&search), [Decision::Breaks, Decision::Open]);
}

#[test]
fn a_rate_that_holds_is_open_again_when_more_is_over_the_limit_at_a_lower_one() {
    let mut search = search(100.0, f64::INFINITY);
    learn(&mut search, 900.0, &[7, 8, 7]);
    assert_eq!(decisions(&search), [Decision::Holds]);
    learn(&mut search, 800.0, &[12, 9, 14]);
    assert_eq!(decisions(&search), [Decision::Open; 2]);
    assert!(!search.tried[0].contradicted && search.tried[1].contradicted);
}

#[test]
fn what_breaks_more_the_more_is_offered_contradicts_nothing() {
    let mut search = search(100.0, f64::INFINITY);
    learn(&mut search, 700.0, &[1, 0, 1]);
    learn(&mut search, 800.0, &[13, 14, 13]);
    learn(&mut search, 900.0, &[2, 90]);
    assert_eq!(decisions(&search), [Decision::Holds, Decision::Breaks, Decision::Open]);
    assert!(search.tried.iter().all(|tried| !tried.contradicted));
}

#[test]
fn a_rate_that_breaks_is_not_the_end_of_the_bracket_while_a_higher_one_is_open() {
    let mut search = search(100.0, f64::INFINITY);
    learn(&mut search, 700.0, &[1, 0, 1]);
    learn(&mut search, 800.0, &[13, 14, 13]);
    assert_eq!(search.bracket_rates(), (Some(700.0), Some(800.0)));
    learn(&mut search, 900.0, &[2, 90]);
    assert_eq!(decisions(&search), [Decision::Holds, Decision::Breaks, Decision::Open]);
    assert_eq!((search.bracket_rates(), search.next()), ((Some(700.0), None), Next::Try(900.0)));
    learn(&mut search, 900.0, &[80, 70, 85]);
    assert_eq!(decisions(&search), [Decision::Holds, Decision::Breaks, Decision::Breaks]);
    assert_eq!(search.bracket_rates(), (Some(700.0), Some(800.0)));
}

#[test]
fn a_rate_that_breaks_is_the_end_when_the_highest_allowed_stays_open() {
    let mut search = search(100.0, 900.0);
    learn(&mut search, 700.0, &[1, 0, 1]);
    learn(&mut search, 800.0, &[60, 61, 59, 60, 62, 60]);
    learn(&mut search, 900.0, &[2, 200, 3, 180, 2, 190, 0]);
    assert_eq!(decisions(&search), [Decision::Holds, Decision::Breaks, Decision::Open]);
    assert_eq!(search.bracket_rates(), (Some(700.0), Some(800.0)));
}

/// A target that answers 8,500 a second on the mean and is faster at one minute than at another: the logarithm of its speed is
/// the sum of Ornstein–Uhlenbeck processes, and for 0.3 of 6 seconds it has other things to do. A thousand can wait for it.
struct Wandering {
    rng: ChaCha8Rng,
    /// How far each process goes, for how long it remembers, seconds, and where it is.
    speeds: Vec<(f64, f64, f64)>,
    elsewhere_s: f64,
    waiting: f64,
}

impl Wandering {
    const STEP_S: f64 = 0.05;
    const LIMIT_S: f64 = 0.1;

    fn new(seed: u64, speeds: &[(f64, f64)]) -> Self {
        let speeds = speeds.iter().map(|(spread, memory_s)| (*spread, *memory_s, 0.0)).collect();
        Self { rng: ChaCha8Rng::seed_from_u64(seed), speeds, elsewhere_s: 0.0, waiting: 0.0 }
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.rng)
    }

    /// Who waits too long, and who is not let in.
    fn step(&mut self, rate: f64) -> [Batch; 2] {
        for (spread, memory_s, speed) in &mut self.speeds {
            let kept = (-Self::STEP_S / *memory_s).exp();
            let normal: f64 = StandardNormal.sample(&mut self.rng);
            *speed = *speed * kept + *spread * (1.0 - kept * kept).sqrt() * normal;
        }
        self.elsewhere_s -= Self::STEP_S;
        if self.elsewhere_s <= 0.0 && self.rng.random::<f64>() < Self::STEP_S / 6.0 {
            self.elsewhere_s = 0.3;
        }
        let speed: f64 = self.speeds.iter().map(|it| it.2).sum();
        let serves = 8_500.0 * speed.exp() * if self.elsewhere_s > 0.0 { 0.6 } else { 1.0 };
        let arrivals = rate * Self::STEP_S;
        let arrivals = (arrivals + arrivals.sqrt() * self.normal()).max(0.0).round();
        let late = self.waiting > Self::LIMIT_S * serves;
        let wait = (self.waiting + arrivals - serves * Self::STEP_S).max(0.0);
        let dropped = (wait - 1_000.0).clamp(0.0, arrivals).round() as u64;
        self.waiting = wait.min(1_000.0);
        let all = arrivals as u64;
        [Batch { over: if late { all } else { dropped }, all }, Batch { over: dropped, all }]
    }

    /// Two seconds to settle, and five batches of two.
    fn trial(&mut self, rate: f64) -> Finding {
        self.waiting = 0.0;
        let mut batches = vec![vec![Batch::default(); 6]; 2];
        for step in 0..240 {
            let arrived = self.step(rate);
            batches.iter_mut().zip(arrived).for_each(|(batches, more)| batches[step / 40].add(more));
        }
        Finding::Batches(batches.into_iter().map(|mut all| all.split_off(1)).collect())
    }
}

/// Of how many pairs of searches, of a hundred, the intervals overlap; none may need more than `most` trials.
fn overlapping(speeds: &[(f64, f64)], most: usize) -> usize {
    let overlap = |seed: &u64| {
        let mut target = Wandering::new(*seed, speeds);
        let mut found = || {
            let search = Search { allowed: vec![0.05, 0.001], ..search(200.0, f64::INFINITY) };
            let (end, trials) = run(search, |rate| target.trial(rate));
            let Next::Found { low, high } = end else { panic!("{end:?}") };
            assert!(trials <= most, "{trials} trials");
            (low, high)
        };
        let (one, other) = (found(), found());
        one.0 <= other.1 && other.0 <= one.1
    };
    (0..100).filter(overlap).count()
}

#[test]
fn the_intervals_of_two_searches_overlap_though_the_target_is_not_as_fast_all_the_time() {
    let (moments, minutes) = ([(0.08, 15.0)], [(0.04, 5.0), (0.07, 80.0)]);
    let overlap = [overlapping(&moments, 80), overlapping(&minutes, 100)];
    assert!(overlap[0] >= 97 && overlap[1] >= 95, "{overlap:?} of 100");
}

#[test]
fn rates_are_numbers_people_can_say() {
    assert_eq!(
        [12.3456, 345.678, 2_896.3, 98_765.0, 0.123_45].map(round),
        [12.3, 346.0, 2_900.0, 98_800.0, 0.123]
    );
}

proptest! {
    #[test]
    fn nothing_that_breaks_lies_below_what_holds(
        trials in prop::collection::vec((1u32..8, prop::collection::vec((0u64..40, 0u64..40), 1..5)), 1..30),
    ) {
        let mut search = Search { allowed: vec![0.01, 0.02], ..search(100.0, f64::INFINITY) };
        for (rate, over) in trials {
            let budget = |of: fn(&(u64, u64)) -> u64| -> Vec<Batch> {
                over.iter().map(|it| Batch { over: of(it), all: 1_000 }).collect()
            };
            search.learn(f64::from(rate), Finding::Batches(vec![budget(|it| it.0), budget(|it| it.1)]));
            let decisions = decisions(&search);
            let broken = decisions.iter().position(|it| *it == Decision::Breaks);
            let held = decisions.iter().rposition(|it| *it == Decision::Holds);
            prop_assert!(broken.zip(held).is_none_or(|(broken, held)| held < broken), "{decisions:?}");
        }
    }

    #[test]
    fn a_search_ends_whatever_the_trials_say(seed: u64, limited in 0.0..0.5f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let _ = run(search(100.0, 5_000.0), |_| {
            if rng.random::<f64>() < limited {
                return Finding::Limited;
            }
            let over = (400.0 * rng.random::<f64>().powi(6)) as u64;
            Finding::Batches(vec![vec![Batch { over, all: 400 }; 3]])
        });
    }
}
