//! Is the ruler straight? What was reported, against the truth and against the second witness.
//!
//! Noise only ever adds: a machine that is busy delays requests, threads and answers, and hastens none. So a figure below
//! the truth is the ruler's fault, whatever the machine does; one above it is the ruler's fault only if nothing else that
//! was watched had been late as well.

use record::{
    Latency,
    unit::{show_number, show_us},
};

use super::{
    behaviour::Behaviour,
    certificate::{Measured, Outcome, Point},
    trial::Trial,
    truth,
};

/// The percentiles that are judged.
pub const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];
/// The largest error that a straight ruler may have: this share of the truth …
pub const BOUND_RATIO: f64 = 0.01;
/// … or this many microseconds, whichever is more.
pub const BOUND_US: f64 = 50.0;
/// By how much the schedule may be missed, in count and in rate.
const SCHEDULE: f64 = 0.001;
/// The share by which a histogram of 3 significant digits may be below what it was told.
const RESOLUTION: f64 = 0.001;

/// Judges a trial of `behaviour` that was made with `seed`.
pub fn judge(behaviour: &Behaviour, trial: &Trial, seed: u64) -> Measured {
    let summary = &trial.summary;
    let way = trial.control.p50_us.unwrap_or(0) as f64;
    let points = points(&summary.response, &trial.truth.answered, &trial.saw.answered, way);
    let mut failures = Vec::new();
    if !trial.truth.reset.is_empty() {
        failures = self::points(&summary.error, &trial.truth.reset, &trial.saw.reset, way);
    }
    let mut bent = wrong(trial);
    let mut excused: Vec<(String, Vec<String>)> = Vec::new();
    for (point, what) in points.iter().map(|it| (it, "")).chain(failures.iter().map(|it| (it, "resets' "))) {
        let label = format!("{what}{}", percentile(point.quantile));
        let told = |than: &str, us: f64| {
            format!("{label} was reported as {}, {than} {}", show_us(point.reported_us), show_us(us))
        };
        if below(point) {
            bent.push(told("which is less than what was dictated,", point.computed_us));
        } else if !point.within() {
            match excuse(point, trial) {
                None => bent.push(told("the truth is", point.truth_us)),
                Some(why) => match excused.iter_mut().find(|(other, _)| *other == why) {
                    Some((_, labels)) => labels.push(label),
                    None => excused.push((why, vec![label])),
                },
            }
        }
    }
    let mut disturbed = missing(trial);
    let (outcome, why) = if bent.is_empty() && excused.is_empty() {
        (Outcome::Straight, Vec::new())
    } else if !bent.is_empty() && disturbed.is_empty() {
        (Outcome::Bent, bent)
    } else {
        disturbed.extend(excused.iter().map(|(why, labels)| format!("{}: {why}", labels.join(", "))));
        (Outcome::Disturbed, disturbed.into_iter().chain(bent).collect())
    };
    Measured {
        name: behaviour.name.to_owned(),
        about: behaviour.about.to_owned(),
        outcome,
        why,
        attempts: 1,
        seed,
        n: summary.response.n,
        failed: summary.failed,
        points,
        failures,
        timing: trial.timing.clone(),
        lag: summary.lag.clone(),
        control: trial.control.clone(),
        server_late_us: trial.server_late_us,
    }
}

/// Whether less was reported than was dictated, beyond what a histogram rounds and whole microseconds cut off.
pub fn below(point: &Point) -> bool {
    point.reported_us < point.computed_us * (1.0 - RESOLUTION) - 1.0
}

/// What cannot be put down to a busy machine: answers counted wrongly, a schedule not kept.
fn wrong(trial: &Trial) -> Vec<String> {
    let summary = &trial.summary;
    let mut wrong = Vec::new();
    let mut count = |what: &str, reported: u64, there: usize| {
        if reported != there as u64 {
            wrong.push(format!("{reported} {what} were reported, there were {there}"));
        }
    };
    count("answers", summary.completed, trial.truth.answered.len());
    count("resets", summary.failed, trial.truth.reset.len());
    if let Some(timing) = &trial.timing {
        let missed = (timing.offered as f64 / timing.planned.max(1) as f64 - 1.0).abs();
        if missed > SCHEDULE {
            wrong.push(format!("{} requests were offered, {} were planned", timing.offered, timing.planned));
        }
        if timing.drift_ratio.abs() > SCHEDULE {
            wrong.push(format!("the schedule drifted by {} %", show_number(timing.drift_ratio * 100.0)));
        }
    }
    wrong
}

/// Why figures of this trial, whatever they are, cannot be compared with the truth: requests are missing, or the run
/// itself says that it measured nothing. Empty where they can.
fn missing(trial: &Trial) -> Vec<String> {
    let mut why = trial.invalid.clone();
    if trial.summary.dropped > 0 {
        why.push(format!("{} arrivals found every user busy and were dropped", trial.summary.dropped));
    }
    if trial.unsent > 0 {
        why.push(format!("{} answers could not be sent", trial.unsent));
    }
    why
}

/// What else was late, if anything was, when `point` was more off than a straight ruler may be.
fn excuse(point: &Point, trial: &Trial) -> Option<String> {
    let control = &trial.control;
    let way = point.truth_us - point.computed_us;
    if (point.reported_us - way - point.seen_us).abs() <= point.bound_us {
        return Some(
            "so late by the server's own account too; requests came or answers left late".to_owned(),
        );
    }
    // The control asks less often: its worst stands for the 99.9th percentile.
    let held = match point.quantile {
        q if q <= 0.5 => None,
        q if q <= 0.9 => control.p90_us,
        q if q <= 0.99 => control.p99_us,
        _ => Some(control.max_us),
    };
    let held = held.map_or(0.0, |us| us as f64 - way);
    if held > point.bound_us {
        return Some("a plain client beside it was held up as well".to_owned());
    }
    let summary = &trial.summary;
    let requests = (summary.completed + summary.failed).max(1) as f64;
    let waited_us = summary.generator.cpu_wait * summary.seconds as f64 / requests * 1e6;
    if waited_us > point.bound_us / 2.0 {
        let waited = show_us(waited_us);
        return Some(format!("its threads waited {waited} a request for a processor that others had"));
    }
    None
}

fn points(reported: &Latency, computed: &[f64], seen: &[f64], way: f64) -> Vec<Point> {
    let told = |q: f64| match q {
        0.5 => reported.p50_us,
        0.9 => reported.p90_us,
        0.99 => reported.p99_us,
        _ => reported.p999_us,
    };
    let point = |q: f64| {
        let (reported_us, computed_us) = (told(q)? as f64, truth::quantile(computed, q)?);
        let truth_us = computed_us + way;
        Some(Point {
            quantile: q,
            computed_us,
            truth_us,
            seen_us: truth::quantile(seen, q).unwrap_or(0.0),
            reported_us,
            error_us: reported_us - truth_us,
            error_ratio: (reported_us - truth_us) / truth_us.max(1.0),
            bound_us: (truth_us * BOUND_RATIO).max(BOUND_US),
        })
    };
    QUANTILES.into_iter().filter_map(point).collect()
}

/// `p50`, `p99.9`.
pub fn percentile(quantile: f64) -> String {
    format!("p{}", show_number(quantile * 100.0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use record::{Summary, new_histogram};

    use super::*;
    use crate::{
        arrival::Schedule,
        doctor::{
            behaviour::{ALL, Load},
            certificate::Timing,
            dictate::Dictation,
            scenario,
            truth::{Responses, quantile},
        },
    };

    /// What a ruler reports that shows `answered` and `reset` for what was so.
    fn summary(answered: &[f64], reset: &[f64]) -> Summary {
        let latency = |times: &[f64]| {
            let mut histogram = new_histogram();
            times.iter().for_each(|us| histogram.record(*us as u64).unwrap());
            Latency::of(&histogram)
        };
        Summary {
            completed: answered.len() as u64,
            failed: reset.len() as u64,
            response: latency(answered),
            error: latency(reset),
            seconds: 5,
            ..Summary::default()
        }
    }

    /// A quiet machine on which the way there and back takes 120 µs, and a ruler that shows things as they are.
    fn quiet(behaviour: &Behaviour) -> Trial {
        let Load::Open { process, rate } = behaviour.load else { panic!("an open one") };
        let schedule: Vec<_> =
            Schedule::new(&scenario::stages(rate, behaviour.seconds), process, 1).collect();
        let truth = truth::open(&schedule, Duration::ZERO, Dictation::new(behaviour.rules, 1));
        let on_the_way = |times: &[f64], us: f64| times.iter().map(|time| time + us).collect::<Vec<_>>();
        let saw =
            Responses { answered: on_the_way(&truth.answered, 60.0), reset: on_the_way(&truth.reset, 60.0) };
        let planned = schedule.len() as u64;
        Trial {
            summary: summary(&on_the_way(&truth.answered, 140.0), &on_the_way(&truth.reset, 140.0)),
            invalid: Vec::new(),
            truth,
            saw,
            unsent: 0,
            control: Latency {
                n: 500,
                p50_us: Some(120),
                p90_us: Some(150),
                p99_us: Some(200),
                max_us: 300,
                ..Latency::default()
            },
            server_late_us: 5.0,
            timing: Some(Timing {
                planned,
                offered: planned,
                came: planned,
                drift_ratio: 0.0,
                late_p50_us: 20.0,
                late_p99_us: 90.0,
                late_max_us: 300.0,
            }),
        }
    }

    fn behaviour(name: &str) -> Behaviour {
        *ALL.iter().find(|behaviour| behaviour.name == name).unwrap()
    }

    fn open() -> impl Iterator<Item = Behaviour> {
        ALL.into_iter().filter(|behaviour| matches!(behaviour.load, Load::Open { .. }))
    }

    #[test]
    fn a_ruler_that_shows_things_as_they_are_is_straight() {
        for behaviour in open() {
            let measured = judge(&behaviour, &quiet(&behaviour), 1);
            assert_eq!(measured.outcome, Outcome::Straight, "{}: {:?}", behaviour.name, measured.why);
            assert_eq!(measured.points.len(), 4);
        }
    }

    #[test]
    fn a_ruler_that_shows_two_per_cent_less_or_more_is_bent() {
        for behaviour in open() {
            for factor in [0.98, 1.02] {
                let mut trial = quiet(&behaviour);
                let shown = |times: &[f64]| times.iter().map(|us| (us + 120.0) * factor).collect::<Vec<_>>();
                trial.summary = summary(&shown(&trial.truth.answered), &shown(&trial.truth.reset));
                let measured = judge(&behaviour, &trial, 1);
                assert_eq!(measured.outcome, Outcome::Bent, "{} × {factor}", behaviour.name);
                assert_eq!(measured.points.iter().any(below), factor < 1.0);
            }
        }
    }

    #[test]
    fn a_ruler_that_begins_to_count_when_the_server_is_free_again_is_bent() {
        // Coordinated omission: what was due in the freeze is shown as if it had been due at its end.
        let behaviour = behaviour("freeze");
        let mut trial = quiet(&behaviour);
        let blind: Vec<_> = trial.truth.answered.iter().map(|us| us.min(60_000.0) + 120.0).collect();
        trial.summary = summary(&blind, &[]);
        let measured = judge(&behaviour, &trial, 1);
        assert_eq!(measured.outcome, Outcome::Bent);
        assert!(measured.why.iter().any(|why| why.starts_with("p99 ")), "{:?}", measured.why);
    }

    #[test]
    fn a_ruler_that_mixes_resets_with_answers_is_bent() {
        let behaviour = behaviour("resets");
        let mut trial = quiet(&behaviour);
        let mut all = [trial.truth.answered.clone(), trial.truth.reset.clone()].concat();
        all.iter_mut().for_each(|us| *us += 120.0);
        trial.summary = summary(&all, &[]);
        let measured = judge(&behaviour, &trial, 1);
        assert_eq!(measured.outcome, Outcome::Bent);
        assert_eq!(measured.why.iter().filter(|why| why.contains("were reported, there were")).count(), 2);
    }

    #[test]
    fn a_schedule_that_loses_two_in_a_thousand_or_drifts_is_bent() {
        let behaviour = behaviour("fixed");
        let mut trial = quiet(&behaviour);
        trial.timing.as_mut().unwrap().offered -= 8;
        assert_eq!(judge(&behaviour, &trial, 1).outcome, Outcome::Bent);
        let mut trial = quiet(&behaviour);
        trial.timing.as_mut().unwrap().drift_ratio = -0.0011;
        assert_eq!(judge(&behaviour, &trial, 1).outcome, Outcome::Bent);
    }

    #[test]
    fn what_others_saw_as_well_is_the_machines_doing() {
        let behaviour = behaviour("fixed");
        let late = |times: &[f64]| times.iter().map(|us| us + 5_000.0).collect::<Vec<_>>();
        let off = |trial: &mut Trial| trial.summary = summary(&late(&trial.truth.answered), &[]);

        let mut alone = quiet(&behaviour);
        off(&mut alone);
        assert_eq!(judge(&behaviour, &alone, 1).outcome, Outcome::Bent, "nothing else was late");

        let mut seen = quiet(&behaviour);
        off(&mut seen);
        seen.saw.answered = late(&seen.saw.answered);
        let measured = judge(&behaviour, &seen, 1);
        assert_eq!(measured.outcome, Outcome::Disturbed);
        assert_eq!(measured.why.len(), 1, "one sentence for all percentiles: {:?}", measured.why);

        let mut waited = quiet(&behaviour);
        off(&mut waited);
        waited.summary.generator.cpu_wait = 0.6;
        assert_eq!(judge(&behaviour, &waited, 1).outcome, Outcome::Disturbed);

        // A client that was held up excuses the tail, never the median.
        let mut held = quiet(&behaviour);
        off(&mut held);
        held.control = Latency { p90_us: Some(9_000), p99_us: Some(9_000), max_us: 9_000, ..held.control };
        assert_eq!(judge(&behaviour, &held, 1).outcome, Outcome::Bent);
    }

    #[test]
    fn nothing_excuses_less_than_the_truth_unless_requests_are_missing() {
        let behaviour = behaviour("queue");
        let mut trial = quiet(&behaviour);
        let less: Vec<_> = trial.truth.answered.iter().map(|us| us * 0.9).collect();
        trial.summary = summary(&less, &[]);
        trial.summary.generator.cpu_wait = 1.0;
        trial.control = Latency { p90_us: Some(9_000), p99_us: Some(9_000), max_us: 9_000, ..trial.control };
        assert_eq!(judge(&behaviour, &trial, 1).outcome, Outcome::Bent);
        trial.summary.dropped = 3;
        assert_eq!(judge(&behaviour, &trial, 1).outcome, Outcome::Disturbed);
    }

    #[test]
    fn the_median_of_a_queue_of_known_load_is_above_its_service_time() {
        let trial = quiet(&behaviour("queue"));
        assert!(quantile(&trial.truth.answered, 0.0).unwrap() >= 10_000.0);
        assert!(quantile(&trial.truth.answered, 0.9).unwrap() > 12_000.0);
    }
}
