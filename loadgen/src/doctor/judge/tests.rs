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
    let schedule: Vec<_> = Schedule::new(&scenario::stages(rate, behaviour.seconds), process, 1).collect();
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
    seen.summary.lag.p99_us = Some(5_000);
    let measured = judge(&behaviour, &seen, 1);
    assert_eq!(measured.outcome, Outcome::Disturbed);
    assert_eq!(measured.why.len(), 1, "one sentence for all percentiles: {:?}", measured.why);

    let mut waited = quiet(&behaviour);
    off(&mut waited);
    waited.summary.generator.cpu_wait = 1.5;
    assert_eq!(judge(&behaviour, &waited, 1).outcome, Outcome::Disturbed);

    // A client that was held up excuses the tail, never the median.
    let mut held = quiet(&behaviour);
    off(&mut held);
    held.control = Latency { p90_us: Some(9_000), p99_us: Some(9_000), max_us: 9_000, ..held.control };
    assert_eq!(judge(&behaviour, &held, 1).outcome, Outcome::Bent);
}

#[test]
fn stalls_that_the_server_saw_as_well_do_not_bend_a_ruler_that_was_on_time() {
    let behaviour = behaviour("fixed");
    // Five answers in a thousand leave 5 ms late.
    let stalled = |times: &[f64]| {
        let late = |(k, us): (usize, &f64)| us + if k % 200 == 0 { 5_000.0 } else { 0.0 };
        let mut all: Vec<_> = times.iter().enumerate().map(late).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let mut trial = quiet(&behaviour);
    let reported: Vec<_> = stalled(&trial.truth.answered).iter().map(|us| us + 140.0).collect();
    trial.summary = summary(&reported, &[]);
    trial.summary.lag.p99_us = Some(200);
    assert_eq!(judge(&behaviour, &trial, 1).outcome, Outcome::Bent, "the server knows of no stall");
    trial.saw.answered = stalled(&trial.saw.answered);
    let measured = judge(&behaviour, &trial, 1);
    assert_eq!(measured.outcome, Outcome::Straight, "{:?}", measured.why);
    assert_eq!(measured.why, ["p99.9: the machine was late, and is reported as late as it was"]);
    trial.summary.lag.p99_us = Some(5_000);
    assert_eq!(judge(&behaviour, &trial, 1).outcome, Outcome::Disturbed, "nor is a late generator a witness");
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
