use anyhow::Result;
use harness::{loadgen::Loadgen, service::Site};
use record::{Kind, Verdict};

const SCENARIO: &str = "
version: 1
name: midway
target: { base_url: http://127.0.0.1:1, ready: /readyz }
load:
  arrivals:
    process: constant
    max_in_flight: 200
    stages: [ { rate: 100/s, hold: 6s } ]
flows:
  - name: probe
    steps: [ { get: /livez, name: probe } ]
budgets:
  - { error_rate: 1% }
";

#[test]
fn a_service_that_dies_midway_is_counted_out_to_the_end_of_the_run() -> Result<()> {
    let service = Site::new()?;
    let service = service.start()?;
    let mut run = Loadgen::run(SCENARIO, &service.url)?.start()?;
    run.until_recorded(2)?;
    service.kill()?;
    let finished = run.finish()?;
    finished.expect(10)?;

    let record = finished.record()?;
    let (summary, judgement) = record.conclude()?;
    assert_eq!(judgement.verdict, Verdict::Missed);
    assert!(record.recorded_s() >= 6, "the run ended early, after {} s", record.recorded_s());
    assert_eq!(summary.offered, 600);
    assert_eq!(summary.completed + summary.failed + summary.dropped, 600);
    assert!(summary.completed >= 150, "answered before it died: {}", summary.completed);
    assert!(summary.failed >= 200, "failed after it died: {}", summary.failed);

    // Counted by kind, each kind with latencies of its own, apart from those of good answers.
    assert!(summary.errors.contains_key("refused"), "{:?}", summary.errors);
    assert_eq!(summary.errors.values().sum::<u64>(), summary.failed);
    let totals = record.totals()?;
    for (kind, count) in &summary.errors {
        let of_kind = totals.iter().filter(|(tag, _)| tag.kind == Kind::Error(kind.clone()));
        assert_eq!(of_kind.map(|(_, histogram)| histogram.len()).sum::<u64>(), *count, "latencies of {kind}");
    }
    assert_eq!(summary.response.n, summary.completed);
    let sample = record.errors.iter().find(|sample| sample.kind == "refused");
    assert_eq!(sample.expect("a sample of each kind is kept").request, "probe");
    Ok(())
}
