use std::time::Duration;

use anyhow::Result;
use harness::{loadgen::Loadgen, servers::Queueing};
use record::{
    Capacity, Decision,
    capacity::{AnswerKind, Limit},
};

fn scenario(p99_ms: u64) -> String {
    format!(
        "
version: 1
name: capacity
load:
  arrivals:
    process: poisson
    max_in_flight: 300
    stages: [ {{ rate: 100/s, hold: 10s }} ]
flows:
  - name: ask
    steps: [ {{ get: / }} ]
budgets:
  - {{ p99: {p99_ms}ms }}
"
    )
}

fn search(server: &Queueing, p99_ms: u64, code: i32, arguments: &[&str]) -> Result<(Capacity, String)> {
    let usual = ["--seed", "7", "--trial", "5s", "--soak", "0s"];
    let search = Loadgen::capacity(&scenario(p99_ms), &server.server.url())?.args(&usual).args(arguments);
    let finished = search.finish()?;
    finished.expect(code)?;
    let found = Capacity::read(&finished.record_folder())?;
    println!("{}", found.sentence);
    for step in &found.steps {
        let record = record::Record::open(&finished.record_folder().join(&step.record))?;
        assert!(record.totals()?.iter().next().is_some(), "the record of {step:?} is empty");
    }
    assert!(
        finished.ended.stderr.contains(&found.sentence),
        "{:?} is not in\n{}",
        found.sentence,
        finished.ended.stderr
    );
    Ok((found, finished.ended.stderr))
}

/// Share of the arrivals at `slots` that each take a request for as long, which find `others` or more there: the stationary
/// distribution of M/D/c (N. T. J. Bailey's recursion over one time of service; Franx, *Operations Research Letters* 29,
/// 2001, §2), by Poisson arrivals that see time averages. `offered` is arrivals per time of service.
fn share_that_finds(others: usize, slots: usize, offered: f64) -> f64 {
    const STATES: usize = 160;
    let mut arrive = vec![(-offered).exp()];
    for n in 1..STATES {
        arrive.push(arrive[n - 1] * offered / n as f64);
    }
    // Who is there when a time of service begins decides how many of them are gone at its end: `slots`, or all.
    let mut there = vec![0.0; STATES];
    there[0] = 1.0;
    loop {
        let served: f64 = there[..=slots].iter().sum();
        let after = |n: usize| {
            let waited = (1..=n).map(|left| there.get(left + slots).unwrap_or(&0.0) * arrive[n - left]);
            served * arrive[n] + waited.sum::<f64>()
        };
        let next: Vec<f64> = (0..STATES).map(after).collect();
        let change: f64 = next.iter().zip(&there).map(|(a, b)| (a - b).abs()).sum();
        there = next;
        if change < 1e-9 {
            return 1.0 - there[..others].iter().sum::<f64>();
        }
    }
}

/// The rate at which a hundredth of the requests to `slots` of `takes` are answered later than `waits + 1` times of
/// service after they came: who finds every slot taken `waits + 1` times over waits so long.
fn capacity(slots: usize, takes: Duration, waits: usize) -> f64 {
    let (mut low, mut high) = (0.1 * slots as f64, slots as f64);
    while high - low > 1e-4 {
        let middle = f64::midpoint(low, high);
        let late = share_that_finds(slots * (waits + 1), slots, middle);
        if late > 0.01 { high = middle } else { low = middle }
    }
    low / takes.as_secs_f64()
}

#[test]
fn the_computed_capacity_is_that_of_the_textbook() {
    // M/D/1: nobody is there for 1 − ρ of the time, one for (1 − ρ)(e^ρ − 1).
    let idle = 0.3;
    let one = idle * (0.7_f64.exp() - 1.0);
    assert!((share_that_finds(1, 1, 0.7) - 0.7).abs() < 1e-6);
    assert!((share_that_finds(2, 1, 0.7) - (1.0 - idle - one)).abs() < 1e-6);
    // Four slots of 10 ms, a hundredth later than 50 ms; a simulation of 12 million arrivals at this rate has 1.00 % late.
    let rate = capacity(4, Duration::from_millis(10), 4);
    assert!((rate - 347.9).abs() < 0.1, "{rate}/s");
}

#[test]
fn the_capacity_of_four_slots_lies_in_the_interval_that_a_search_finds() -> Result<()> {
    let takes = Duration::from_millis(5);
    let server = Queueing::of_slots(4, takes)?;
    // Time enough to make again the trials that the host of a virtual machine disturbs.
    let (found, _) =
        search(&server, 25, 0, &["--start-rate", "200", "--precision", "10%", "--time-limit", "160s"])?;

    let truth = capacity(4, takes, 4);
    let answer = &found.answer;
    assert_eq!(answer.kind, AnswerKind::Found, "{}", found.sentence);
    let (low, high) = (answer.low_per_s.expect("found"), answer.high_per_s.expect("found"));
    println!("computed {truth}/s, found {low}–{high}/s");
    assert!(low <= truth && truth <= high, "{truth}/s is not between {low}/s and {high}/s");
    assert!(answer.half_width().is_some_and(|it| it <= 0.35), "{}", found.sentence);
    let binding = answer.binding.as_ref().expect("a budget broke");
    assert!(binding.budget.contains("p99"), "{binding:?}");
    // Slots, not a processor, are what there is too little of.
    assert_eq!(answer.saturated, None);
    Ok(())
}

#[test]
fn a_server_that_is_always_too_slow_holds_nothing_and_the_lowest_rate_tried_is_named() -> Result<()> {
    let server = Queueing::always(Duration::from_millis(80))?;
    let (found, said) = search(&server, 50, 10, &["--start-rate", "1280"])?;

    assert_eq!(found.answer.kind, AnswerKind::None, "{}", found.sentence);
    assert_eq!((found.answer.low_per_s, found.answer.requests_per_s), (None, None));
    let lowest = &found.rates[0];
    assert!(lowest.rate_per_s < 1280.0 / 32.0, "nothing below {}/s was tried", lowest.rate_per_s);
    assert_eq!(lowest.decision, Decision::Breaks);
    let named = format!("not even {}/s", record::unit::show_number(lowest.rate_per_s));
    assert!(said.contains(&named), "{named:?} is not in\n{said}");
    Ok(())
}

#[test]
fn a_server_that_is_always_quick_is_held_up_to_the_rate_that_was_allowed() -> Result<()> {
    let server = Queueing::always(Duration::ZERO)?;
    let (found, said) = search(&server, 50, 0, &["--start-rate", "100", "--max-rate", "400"])?;

    assert_eq!(found.answer.kind, AnswerKind::AtLeast, "{}", found.sentence);
    assert_eq!((found.answer.low_per_s, found.answer.high_per_s), (Some(400.0), None));
    assert_eq!(found.answer.limited_by, Some(Limit::MaxRate));
    assert!(found.rates.iter().all(|it| it.rate_per_s <= 400.0), "more than was allowed was offered");
    assert!(said.contains("at least 400/s"), "{said}");
    Ok(())
}
