use std::time::{Duration, Instant};

use anyhow::Result;
use harness::{
    loadgen::{Loadgen, reports_html},
    servers::{Server, closed_port, known},
};
use record::{Rule, State, Verdict};

const STEADY: &str = "
version: 1
name: steady
load:
  arrivals:
    process: constant
    max_in_flight: 50
    stages: [ { rate: 100/s, hold: 60s } ]
flows:
  - name: ask
    steps: [ { get: /json } ]
";

#[test]
fn a_closed_port_is_no_data() -> Result<()> {
    let target = closed_port()?;
    let waits = format!("{STEADY}target: {{ base_url: {target}, ready: /readyz }}\n");
    for scenario in [STEADY, &waits] {
        let scenario = scenario.replace("60s", "2s");
        let finished = Loadgen::run(&scenario, &target)?.finish()?;
        finished.expect(13)?;
        let host = target.trim_start_matches("http://");
        assert!(finished.ended.stderr.contains(host), "who was not reached: {}", finished.ended.stderr);
    }
    Ok(())
}

#[test]
fn a_killed_generator_leaves_a_record_up_to_its_last_second() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let mut run = Loadgen::run(STEADY, &server.url())?.start()?;
    run.until_recorded(3)?;
    run.process.signal(libc::SIGKILL)?;
    let finished = run.finish()?;
    assert_eq!(finished.ended.code, None, "killed by a signal");

    let record = finished.record()?;
    assert_eq!(record.run.state, State::Running);
    assert!(record.recorded_s() >= 3);
    let (summary, judgement) = record.conclude()?;
    assert!(summary.completed >= 250, "{} answers in {} s", summary.completed, record.recorded_s());
    assert!(judgement.validity.reasons.iter().any(|reason| reason.rule == Rule::Unfinished));

    let page = finished.record_folder().join("report.html");
    let drawn = reports_html(&finished.record_folder(), &page)?;
    assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
    let html = std::fs::read_to_string(&page)?;
    assert!(html.contains("killed"), "the page says that the run was cut off");
    Ok(())
}

#[test]
fn one_interrupt_ends_a_long_think_at_once_and_keeps_the_record() -> Result<()> {
    let scenario = "
version: 1
name: thinkers
load: { users: { stages: [ { users: 5, hold: 2m } ] } }
flows:
  - name: ask and think
    steps: [ { get: /json }, { think: 60s } ]
";
    let server = Server::start(known(&Default::default()))?;
    let mut run = Loadgen::run(scenario, &server.url())?.start()?;
    run.until_recorded(2)?;
    run.process.signal(libc::SIGINT)?;
    let asked = Instant::now();
    let finished = run.finish()?;
    finished.expect(130)?;
    // A second is meant; a minute is what a generator takes that waits for its thinkers.
    assert!(asked.elapsed() < Duration::from_secs(10), "took {:?}", asked.elapsed());

    let record = finished.record()?;
    assert_eq!(record.run.state, State::Interrupted);
    assert!(record.run.end.is_some() && record.run.totals.is_some(), "the record is complete");
    let (summary, judgement) = record.conclude()?;
    assert_eq!((summary.completed, summary.failed), (5, 0));
    assert_eq!(judgement.verdict, Verdict::Interrupted);
    Ok(())
}

#[test]
fn a_run_that_misses_a_budget_or_finds_errors_says_which() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let scenario = "
version: 1
name: half bad
load: { users: { stages: [ { users: 2, hold: 2s } ], pacing: 20ms } }
flows:
  - name: good
    steps: [ { get: /json, name: good } ]
  - name: bad
    steps: [ { get: /status/500, name: bad } ]
budgets:
  - { error_rate: 1% }
";
    let finished = Loadgen::run(scenario, &server.url())?.finish()?;
    let (summary, judgement) = finished.record()?.conclude()?;
    let [bad, good] = &summary.by_request[..] else { panic!("two requests: {:?}", summary.by_request) };
    assert_eq!((bad.completed, good.failed), (0, 0));
    assert!(bad.failed > 0 && good.completed > 0);
    assert_eq!(summary.errors, [("status_500".to_owned(), bad.failed)].into());
    assert_eq!(judgement.budgets[0].outcome, record::Outcome::Missed);
    Ok(())
}
