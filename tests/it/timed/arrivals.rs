use anyhow::Result;
use harness::{
    loadgen::Loadgen,
    servers::{Server, known},
};
use record::{Summary, Verdict};

const SCENARIO: &str = "
version: 1
name: arrivals
load:
  arrivals:
    process: poisson
    max_in_flight: 200
    stages: [ { rate: 1000/s, hold: 8s } ]
flows:
  - name: ask
    steps: [ { get: /json } ]
";

fn run(server: &Server, seed: &str) -> Result<(Summary, Verdict)> {
    let finished = Loadgen::run(SCENARIO, &server.url())?.args(&["--seed", seed]).finish()?;
    let (summary, judgement) = finished.record()?.conclude()?;
    Ok((summary, judgement.verdict))
}

#[test]
fn a_poisson_schedule_is_delivered_whole_and_the_same_seed_gives_the_same_one() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let (first, verdict) = run(&server, "11")?;
    let (again, _) = run(&server, "11")?;
    let (other, _) = run(&server, "12")?;

    assert_eq!(first.offered, again.offered, "the same seed");
    assert_ne!(first.offered, other.offered, "another seed");
    // 8,000 expected; five standard deviations of a Poisson count are 447.
    assert!(first.offered.abs_diff(8000) < 447, "{} arrivals", first.offered);
    let delivered = first.started as f64 / first.offered as f64;
    assert!((0.999..=1.0).contains(&delivered), "delivered {delivered} of the schedule");
    assert_eq!(first.completed + first.failed, first.started);
    assert_eq!(verdict, Verdict::Pass);
    Ok(())
}
