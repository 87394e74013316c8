use std::time::Duration;

use anyhow::Result;
use harness::{
    loadgen::Loadgen,
    servers::{Freeze, Freezing},
};

const RATE: f64 = 500.0;
/// The most that a reported figure may be over the server's own account.
const BOUND: f64 = 0.02;
/// Runs until one is within the bound: a busy machine makes answers late and never early, so that one run proves it, while
/// no run may report too little.
const TRIALS: u32 = 3;

const SCENARIO: &str = "
version: 1
name: freeze
load:
  arrivals:
    process: constant
    max_in_flight: 1000
    stages: [ { rate: 500/s, hold: 20s } ]
flows:
  - name: ask
    steps: [ { get: / } ]
budgets:
  - { p95: 400ms }
";

/// The latency, seconds, that `share` of `n` evenly due requests exceed when the server freezes for these times and
/// works off what piled up in no time: a request due `x` before the end of a freeze waits `x`, so that
/// `rate · Σ max(0, freeze − x)` of them wait longer.
fn dictated(freezes: &[Duration], n: u64, share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        let waiting: f64 = freezes.iter().map(|freeze| (freeze.as_secs_f64() - middle).max(0.0)).sum();
        if RATE * waiting > share * n as f64 { low = middle } else { high = middle }
    }
    low
}

/// The same with the time that the server really took to work off what piled up, by its own account: the k-th request
/// after a freeze began was due `(k + ½) / rate` after it, and was answered when the server says.
fn told(freezes: &[Freeze], n: u64, share: f64) -> f64 {
    let waits = freezes.iter().flat_map(|freeze| {
        let due = (0..).map(|k| (f64::from(k) + 0.5) / RATE);
        freeze.answered.iter().zip(due).map(|(answered, due)| answered.as_secs_f64() - due)
    });
    let mut waits: Vec<f64> = waits.collect();
    waits.sort_by(f64::total_cmp);
    waits[waits.len() - (share * n as f64) as usize]
}

#[test]
fn a_server_that_freezes_shows_in_response_time_and_not_in_service_time() -> Result<()> {
    for trial in 1.. {
        let over = most_over_the_account()?;
        if over < BOUND {
            break;
        }
        assert!(
            trial < TRIALS,
            "in {TRIALS} runs never within {BOUND}; the last is {over:.4} over the account"
        );
    }
    Ok(())
}

/// How much the worse of two percentiles is over the server's account, as a share of it; none may be below it.
fn most_over_the_account() -> Result<f64> {
    let server = Freezing::start(Duration::from_secs(3), Duration::from_secs(10), Duration::from_secs(1))?;
    let finished = Loadgen::run(SCENARIO, &server.server.url())?.finish()?;
    finished.expect(10)?;
    let (summary, _) = finished.record()?.conclude()?;
    let freezes = server.freezes();
    assert_eq!(freezes.len(), 2, "freezes during the run");
    assert_eq!(summary.failed + summary.dropped, 0);
    // Sent → answered sees the freeze only in what was on its way when it began, or waited in the server's backlog.
    assert_eq!(summary.service.n, summary.response.n);

    let response = &summary.response;
    let lasted: Vec<Duration> = freezes.iter().map(|freeze| freeze.lasted).collect();
    let mut most = f64::NEG_INFINITY;
    for (share, measured_us) in [(0.05, response.p95_us), (0.01, response.p99_us)] {
        let measured = measured_us.expect("10,000 samples bound it") as f64 / 1e6;
        let (least, expected) = (dictated(&lasted, response.n, share), told(&freezes, response.n, share));
        let over = measured / expected - 1.0;
        println!(
            "{share} wait over {measured} s; dictated {least} s, by the server's account {expected} s, over by {over:.4}"
        );
        assert!(over > -BOUND, "{share} wait over {measured} s, by the server's account {expected} s");
        assert!(
            measured > 0.98 * least,
            "{share} wait over {measured} s, less than the freezes {lasted:?} dictate"
        );
        most = most.max(over);
    }
    Ok(most)
}

#[test]
fn the_dictated_latency_of_an_even_schedule_is_that_of_the_textbook() {
    // One second in ten: of 500 delayed in 5,000, 250 wait over half a second and 50 over 0.9 s.
    let freeze = [Duration::from_secs(1)];
    assert!((dictated(&freeze, 5000, 0.05) - 0.5).abs() < 1e-9);
    assert!((dictated(&freeze, 5000, 0.01) - 0.9).abs() < 1e-9);
}
