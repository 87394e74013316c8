//! The schedule of the open model: at which instants iterations are due. Pure: the same profile, process and seed give
//! the same instants on every machine.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use record::Stage;

use crate::plan::{model::Process, profile};

/// Due instants as offsets from the start of the load, in order.
///
/// An arrival process of varying rate r(t) is one of rate 1 seen through a clock that runs at r: with
/// Λ(t) = ∫ r, the k-th arrival is due at Λ⁻¹(Sₖ), where S is the k-th point of a unit process (Çinlar,
/// *Introduction to Stochastic Processes*, §4.7). Constant: Sₖ = k. Poisson: S is a sum of k exponential gaps.
#[derive(Debug)]
pub struct Schedule {
    stages: Vec<Stage>,
    process: Process,
    rng: ChaCha8Rng,
    /// Index of the stage that `point` lies in.
    stage: usize,
    /// Λ and t at the start of that stage.
    before: f64,
    start_s: f64,
    /// The next point of the unit process.
    point: f64,
    /// The one after it, where it was drawn already.
    after: Option<f64>,
    /// The point given last.
    given: Option<f64>,
}

impl Schedule {
    /// The schedule of `stages` (rates per second) for `seed`. It uses stream 0 of the seed; users use the others.
    pub fn new(stages: &[Stage], process: Process, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(0);
        let mut schedule = Self {
            stages: stages.to_vec(),
            process,
            rng,
            stage: 0,
            before: 0.0,
            start_s: 0.0,
            point: 0.0,
            after: None,
            given: None,
        };
        if process == Process::Poisson {
            schedule.point = schedule.gap();
        }
        schedule
    }

    /// From `at` on the profile is `stages`, the first of which begins there. The unit process goes on; what changes is
    /// the clock that it is seen through. An arrival that was given last but was due only after `at` is given again.
    pub fn turn(&mut self, at: Duration, stages: Vec<Stage>) {
        let past = profile::before(&self.stages, at.as_secs_f64());
        let area = profile::area(&past);
        if let Some(given) = self.given.take().filter(|given| *given > area) {
            self.after = Some(self.point);
            self.point = given;
        }
        // Arrivals that were due before and are late keep their instants.
        self.stages = past;
        self.stages.extend(stages);
        (self.stage, self.before, self.start_s) = (0, 0.0, 0.0);
    }

    fn gap(&mut self) -> f64 {
        match self.process {
            Process::Constant => 1.0,
            // 1 − u lies in (0, 1], so the logarithm is finite.
            Process::Poisson => -(1.0 - self.rng.random::<f64>()).ln(),
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        loop {
            let stage = *self.stages.get(self.stage)?;
            let area = (stage.from + stage.to) / 2.0 * stage.seconds;
            let inside = self.point - self.before;
            if inside >= area {
                self.before += area;
                self.start_s += stage.seconds;
                self.stage += 1;
                continue;
            }
            let due = self.start_s + time_of_area(&stage, inside);
            self.given = Some(self.point);
            self.point = match self.after.take() {
                Some(point) => point,
                None => self.point + self.gap(),
            };
            return Some(Duration::from_secs_f64(due));
        }
    }
}

/// The time into a linear stage by which its rate has summed to `area`: the root of from·t + slope·t²/2 = area, in
/// the form that loses no digits when the slope is small.
fn time_of_area(stage: &Stage, area: f64) -> f64 {
    if area <= 0.0 {
        return 0.0;
    }
    let slope = (stage.to - stage.from) / stage.seconds;
    2.0 * area / (stage.from + (stage.from * stage.from + 2.0 * slope * area).max(0.0).sqrt())
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::*;

    pub fn stages() -> impl Strategy<Value = Vec<Stage>> {
        let stage = (0u32..300, 0u32..300, 1u32..8).prop_map(|(from, to, seconds)| Stage {
            from: from.into(),
            to: to.into(),
            seconds: seconds.into(),
        });
        prop::collection::vec(stage, 1..5)
    }

    fn expected(stages: &[Stage]) -> f64 {
        stages.iter().map(|stage| (stage.from + stage.to) / 2.0 * stage.seconds).sum()
    }

    proptest! {
        #[test]
        fn arrivals_are_in_order_within_the_profile_and_repeat_by_seed(stages in stages(), seed: u64) {
            let end = stages.iter().map(|stage| stage.seconds).sum::<f64>();
            for process in [Process::Constant, Process::Poisson] {
                let due: Vec<_> = Schedule::new(&stages, process, seed).collect();
                prop_assert!(due.windows(2).all(|pair| pair[0] <= pair[1]));
                prop_assert!(due.iter().all(|at| at.as_secs_f64() <= end + 1e-9));
                prop_assert_eq!(&due, &Schedule::new(&stages, process, seed).collect::<Vec<_>>());
            }
        }

        #[test]
        fn constant_arrivals_number_the_area_under_the_profile(stages in stages()) {
            let count = Schedule::new(&stages, Process::Constant, 0).count() as f64;
            prop_assert!((count - expected(&stages)).abs() <= 1.0);
        }

        #[test]
        fn a_turn_to_what_was_planned_anyway_changes_nothing(stages in stages(), seed: u64, at in 0.0..30.0, given in 0usize..400) {
            let planned: Vec<_> = Schedule::new(&stages, Process::Poisson, seed).collect();
            let mut schedule = Schedule::new(&stages, Process::Poisson, seed);
            let mut due: Vec<_> = schedule.by_ref().take(given).collect();
            // The clock of a run that is late turns what it has not given yet, one that waits the arrival it waits for.
            let at = Duration::from_secs_f64(at).max(due.len().checked_sub(2).map_or(Duration::ZERO, |last| due[last]));
            if due.last().is_some_and(|last| *last > at) {
                due.pop();
            }
            schedule.turn(at, profile::after(&stages, at.as_secs_f64()));
            due.extend(schedule);
            prop_assert_eq!(due.len(), planned.len());
            for (due, planned) in due.iter().zip(&planned) {
                prop_assert!(due.abs_diff(*planned) < Duration::from_nanos(100), "{:?} {:?}", due, planned);
            }
        }

        #[test]
        fn a_turned_schedule_offers_the_area_under_both_profiles(from in stages(), to in stages(), at in 0.5..20.0) {
            let mut schedule = Schedule::new(&from, Process::Constant, 0);
            // A load has a profile to its end; a turn after it is none.
            let at = f64::min(at, profile::seconds(&from));
            let at_time = Duration::from_secs_f64(at);
            let mut count = 0;
            for due in schedule.by_ref() {
                if due > at_time {
                    break;
                }
                count += 1;
            }
            schedule.turn(at_time, to.clone());
            let late: Vec<_> = schedule.collect();
            let area = profile::area(&profile::before(&from, at)) + expected(&to);
            prop_assert!(late.iter().all(|due| *due >= at_time));
            prop_assert!((f64::from(count) + late.len() as f64 - area).abs() <= 1.001, "{} + {} of {}", count, late.len(), area);
        }

        #[test]
        fn poisson_arrivals_number_the_area_within_six_deviations(stages in stages(), seed: u64) {
            let (count, mean) = (Schedule::new(&stages, Process::Poisson, seed).count() as f64, expected(&stages));
            prop_assert!((count - mean).abs() <= 6.0 * mean.sqrt() + 6.0, "{} of {}", count, mean);
        }
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        let stages = [Stage { from: 1000.0, to: 1000.0, seconds: 100.0 }];
        let due: Vec<f64> = Schedule::new(&stages, Process::Poisson, 7).map(|at| at.as_secs_f64()).collect();
        let gaps: Vec<f64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let n = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let beyond = |bound: f64| gaps.iter().filter(|gap| **gap > bound).count() as f64 / n;
        assert!((mean - 1e-3).abs() < 1e-5, "{mean}");
        for times in [0.5, 1.0, 2.0, 4.0] {
            assert!((beyond(times * 1e-3) - (-times).exp()).abs() < 0.005);
        }
    }

    #[test]
    fn a_ramp_from_nothing_begins_slowly() {
        let stages = [Stage { from: 0.0, to: 100.0, seconds: 10.0 }];
        let due: Vec<f64> = Schedule::new(&stages, Process::Constant, 0).map(|at| at.as_secs_f64()).collect();
        // Λ(t) = 5 t², so the k-th is due at √(k/5).
        assert_eq!(due.len(), 500);
        assert!((due[45] - 3.0).abs() < 1e-9 && (due[125] - 5.0).abs() < 1e-9);
    }
}
