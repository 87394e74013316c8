use std::process::Command;

use anyhow::Result;
use harness::{
    loadgen::Loadgen,
    process::Process,
    servers::{Server, known},
};
use record::{Rule, Verdict};

const SCENARIO: &str = "
version: 1
name: starved
load:
  arrivals:
    process: poisson
    max_in_flight: 200
    stages: [ { rate: 500/s, hold: 6s } ]
flows:
  - name: ask
    steps: [ { get: /json } ]
budgets:
  - { p95: 50ms, error_rate: 1% }
";

#[test]
fn a_starved_generator_says_so_and_gives_no_verdict() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    // Four programs that want the one core that the generator may use, each preferred to it.
    let busy =
        |_| Process::start(Command::new("taskset").args(["-c", "0", "sh", "-c", "while :; do :; done"]));
    let _busy = (0..4).map(busy).collect::<Result<Vec<_>>>()?;
    let starved =
        Loadgen::run(SCENARIO, &server.url())?.started_by(&["nice", "-n", "5", "taskset", "-c", "0"]);
    let finished = starved.finish()?;
    finished.expect(12)?;

    let (_, judgement) = finished.record()?.conclude()?;
    assert_eq!(judgement.verdict, Verdict::Invalid);
    let named = |rule| matches!(rule, Rule::Starved | Rule::Late | Rule::Saturated | Rule::Undelivered);
    let reasons = &judgement.validity.reasons;
    assert!(reasons.iter().any(|reason| named(reason.rule)), "{reasons:?}");
    for reason in reasons {
        assert!(
            finished.ended.stderr.contains(&reason.detail),
            "unsaid: {}\n{}",
            reason.detail,
            finished.ended.stderr
        );
    }
    Ok(())
}
