//! The truth: what every request's response time must be, computed from the seeded schedule and the server's rules,
//! without a look at what the load generator reported.

use std::{collections::BTreeMap, time::Duration};

use super::{
    dictate::{Dictation, Fate, Rules},
    server::Seen,
};

/// Response times, microseconds, in order of size: of the requests that are answered, and of those that are reset.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Responses {
    /// Due → last byte.
    pub answered: Vec<f64>,
    /// Due → reset.
    pub reset: Vec<f64>,
}

impl Responses {
    fn of(all: impl Iterator<Item = (Fate, f64)>) -> Self {
        let mut responses = Self::default();
        for (fate, us) in all {
            if fate.reset { &mut responses.reset } else { &mut responses.answered }.push(us);
        }
        responses.answered.sort_by(f64::total_cmp);
        responses.reset.sort_by(f64::total_cmp);
        responses
    }
}

/// The `quantile` (0..1) of `sorted`: the smallest value that at least that share of them does not exceed, which is how
/// HdrHistogram has it. Nothing when there are none.
pub fn quantile(sorted: &[f64], quantile: f64) -> Option<f64> {
    let rank = (quantile * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied()
}

/// Second 0 of an open run by the server's clock: the latest instant at which no request came before it was due. It is
/// late by the quickest request's way to the server; what is true lies by that much above what is computed.
///
/// Requests that overtook each other change nothing: if each came after it was due, so did the k-th to come after the
/// k-th that was due.
pub fn second_zero(seen: &[Seen], schedule: &[Duration]) -> Option<Duration> {
    seen.iter().zip(schedule).filter_map(|(seen, due)| seen.arrival.checked_sub(*due)).min()
}

/// An open run: the server's rules applied to the instants at which requests were due. The k-th that was due gets the
/// k-th dictated time.
pub fn open(schedule: &[Duration], zero: Duration, mut dictation: Dictation) -> Responses {
    let respond = |due: &Duration| {
        let due = zero + *due;
        let fate = dictation.next(due);
        (fate, us(fate.end, due))
    };
    Responses::of(schedule.iter().map(respond))
}

/// What the server saw of an open run: the same requests, with the instants at which it really answered. A request whose
/// answer it could not send is left out.
pub fn seen_open(seen: &[Seen], schedule: &[Duration], zero: Duration) -> Responses {
    let written = |(seen, due): (&Seen, &Duration)| Some((seen.fate, us(seen.written?, zero + *due)));
    Responses::of(seen.iter().zip(schedule).filter_map(written))
}

/// One request of a paced user: what was dictated, when it was due, and what the server saw.
#[derive(Debug, Clone, Copy)]
struct Paced {
    seen: Seen,
    due: Duration,
    end: Duration,
}

/// A closed run whose users begin an iteration every `pacing`, each over a connection of its own: the k-th iteration of a
/// user is due k·`pacing` after its first, is begun when the one before it has ended, and takes the time dictated for it.
pub fn closed(seen: &[Seen], pacing: Duration, rules: &Rules) -> Responses {
    Responses::of(paced(seen, pacing, rules).into_iter().map(|one| (one.seen.fate, us(one.end, one.due))))
}

/// What the server saw of the same run.
pub fn seen_closed(seen: &[Seen], pacing: Duration, rules: &Rules) -> Responses {
    let written = |one: Paced| Some((one.seen.fate, us(one.seen.written?, one.due)));
    Responses::of(paced(seen, pacing, rules).into_iter().filter_map(written))
}

fn paced(seen: &[Seen], pacing: Duration, rules: &Rules) -> Vec<Paced> {
    let mut users: BTreeMap<usize, Vec<Seen>> = BTreeMap::new();
    for one in seen {
        users.entry(one.connection).or_default().push(*one);
    }
    let mut all = Vec::with_capacity(seen.len());
    for requests in users.values() {
        let due = |k: usize| pacing * u32::try_from(k).unwrap_or(u32::MAX);
        // As second 0 of an open run: no request came before it was due.
        let first = requests.iter().enumerate().filter_map(|(k, one)| one.arrival.checked_sub(due(k))).min();
        let mut free = Duration::ZERO;
        for (k, one) in requests.iter().enumerate() {
            let due = first.unwrap_or_default() + due(k);
            free = rules.done(due.max(free), one.fate.service);
            all.push(Paced { seen: *one, due, end: free });
        }
    }
    all
}

/// From `from` to `to`, microseconds; below 0 when `to` is earlier.
pub fn us(to: Duration, from: Duration) -> f64 {
    (to.as_nanos() as f64 - from.as_nanos() as f64) / 1e3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::doctor::dictate::{Freeze, Service};

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn seen_by(schedule: &[Duration], zero: Duration, rules: Rules, way: &[u64]) -> Vec<Seen> {
        let mut arrivals: Vec<_> =
            schedule.iter().zip(way).map(|(due, way)| zero + *due + Duration::from_micros(*way)).collect();
        arrivals.sort();
        let mut dictation = Dictation::new(rules, 5);
        let account = arrivals.into_iter().map(|arrival| {
            let fate = dictation.next(arrival);
            Seen { connection: 1, arrival, fate, written: Some(fate.end) }
        });
        account.collect()
    }

    #[test]
    fn quantiles_are_those_of_the_histogram() {
        let sorted: Vec<f64> = (1..=1000).map(f64::from).collect();
        let at = |q| quantile(&sorted, q).unwrap();
        assert_eq!([0.0, 0.5, 0.9, 0.99, 0.999, 1.0].map(at), [1.0, 500.0, 900.0, 990.0, 999.0, 1000.0]);
        let mut histogram = record::new_histogram();
        (1..=1000).for_each(|value| histogram.record(value).unwrap());
        for q in [0.5, 0.9, 0.99, 0.999] {
            assert_eq!(histogram.value_at_quantile(q) as f64, at(q));
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_freeze_of_200_ms_a_second_delays_a_fifth_of_an_even_load() {
        let freeze = Freeze { every: ms(1000), lasts: ms(200) };
        let rules = Rules { freeze: Some(freeze), ..Rules::of(Service::Fixed(Duration::ZERO)) };
        let schedule: Vec<_> = (0..10_000).map(ms).collect();
        let truth = open(&schedule, Duration::ZERO, Dictation::new(rules, 1));
        // A request x into a freeze waits 200 ms − x: evenly spread over 0..200 ms for a fifth of them, so that a share s
        // of all waits longer than 200·(1 − s/0.2) ms.
        for (q, expected) in [(0.5, 0.0), (0.9, 100.0), (0.99, 190.0), (0.999, 199.0)] {
            let at = quantile(&truth.answered, q).unwrap() / 1e3;
            assert!((at - expected).abs() <= 1.0, "p{q}: {at} ms for {expected}");
        }
    }

    #[test]
    fn a_paced_user_that_a_freeze_held_up_counts_from_when_it_should_have_begun() {
        // Every 100 ms, 10 ms each; frozen from 700 to 1,000 ms.
        let freeze = Freeze { every: ms(1000), lasts: ms(300) };
        let rules = Rules { freeze: Some(freeze), ..Rules::of(Service::Fixed(ms(10))) };
        let arrivals = [0, 100, 200, 300, 400, 500, 600, 700, 1010, 1020, 1030, 1100].map(ms);
        let seen = arrivals.map(|arrival| {
            let fate = Fate { end: rules.done(arrival, ms(10)), service: ms(10), reset: false };
            Seen { connection: 1, arrival, fate, written: Some(fate.end) }
        });
        let truth = closed(&seen, ms(100), &rules);
        let expected: Vec<f64> =
            [10, 10, 10, 10, 10, 10, 10, 10, 40, 130, 220, 310].map(|ms| f64::from(ms) * 1e3).into();
        assert_eq!(truth.answered, expected);
        assert_eq!(seen_closed(&seen, ms(100), &rules), truth);
    }

    proptest! {
        #[test]
        fn second_zero_is_found_to_within_the_quickest_way(
            gaps in prop::collection::vec(100u64..20_000, 2..200), way in prop::collection::vec(20u64..3_000, 200),
            zero in 0u64..5_000,
        ) {
            let mut at = Duration::ZERO;
            let schedule: Vec<_> = gaps.iter().map(|gap| { at += Duration::from_micros(*gap); at }).collect();
            let zero = ms(zero);
            let seen = seen_by(&schedule, zero, Rules::of(Service::Fixed(ms(1))), &way);
            let found = second_zero(&seen, &schedule).unwrap();
            let quickest = way[..schedule.len()].iter().min().unwrap();
            prop_assert!(found >= zero + Duration::from_micros(*quickest));
            let slowest = way[..schedule.len()].iter().max().unwrap();
            prop_assert!(found <= zero + Duration::from_micros(*slowest));
        }

        #[test]
        fn what_the_server_saw_is_never_below_the_truth(
            gaps in prop::collection::vec(0u64..20_000, 2..200), way in prop::collection::vec(0u64..3_000, 200),
            slots in prop::option::of(1usize..5), frozen: bool,
        ) {
            let freeze = frozen.then_some(Freeze { every: ms(100), lasts: ms(30) });
            // A fixed time: it does not matter then which of two that overtook each other gets whose.
            let rules = Rules { slots, freeze, ..Rules::of(Service::Fixed(ms(7))) };
            let mut at = Duration::ZERO;
            let schedule: Vec<_> = gaps.iter().map(|gap| { at += Duration::from_micros(*gap); at }).collect();
            let seen = seen_by(&schedule, Duration::ZERO, rules, &way);
            let zero = second_zero(&seen, &schedule).unwrap();
            let truth = open(&schedule, zero, Dictation::new(rules, 5));
            let saw = seen_open(&seen, &schedule, zero);
            prop_assert_eq!(truth.answered.len(), saw.answered.len());
            for (truth, saw) in truth.answered.iter().zip(&saw.answered) {
                prop_assert!(saw + 1e-6 >= *truth, "{} below {}", saw, truth);
            }
        }

        #[test]
        fn a_histogram_of_what_is_true_and_more_reports_no_quantile_below_the_truth(
            truth in prop::collection::vec((0u64..100_000_000, 0u64..50_000), 1..2_000),
        ) {
            let mut sorted: Vec<f64> = truth.iter().map(|(us, _)| *us as f64).collect();
            sorted.sort_by(f64::total_cmp);
            let mut reported = record::new_histogram();
            truth.iter().for_each(|(us, more)| reported.record((us + more).max(1)).unwrap());
            for q in [0.5, 0.9, 0.99, 0.999] {
                let (truth, reported) = (quantile(&sorted, q).unwrap(), reported.value_at_quantile(q) as f64);
                prop_assert!(reported >= truth, "p{}: {} below {}", q, reported, truth);
            }
        }
    }
}
