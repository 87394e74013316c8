use std::{collections::BTreeMap, process::Command};

use anyhow::{Context, Result, bail};
use harness::{
    loadgen::Loadgen,
    process::{build_folder, repository, run},
    servers::{Server, known},
};
use record::{Kind, files};

const SCENARIO: &str = "
version: 1
name: logs
load: { arrivals: { process: poisson, max_in_flight: 100, stages: [ { rate: 200/s, hold: 4s } ] } }
flows:
  - name: good
    weight: 3
    steps: [ { get: /json, name: 'good, with a comma / and a slash' } ]
  - name: slow
    weight: 2
    steps: [ { get: /slow/20, name: slow } ]
  - name: bad
    steps: [ { get: /status/500, name: bad } ]
";

#[test]
fn another_reader_of_hdr_histogram_logs_finds_the_same_counts_and_percentiles() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let record = Loadgen::run(SCENARIO, &server.url())?.finish()?;
    let opened = record.record()?;
    let (summary, _) = opened.conclude()?;
    let theirs = read_by_other(&record.record_folder().join(files::LATENCY))?;

    let mut all = record::new_histogram();
    let totals = opened.totals()?;
    assert!(totals.len() >= 9, "three names, several kinds: {:?}", totals.keys());
    for (tag, histogram) in &totals {
        if tag.kind == Kind::Response {
            all.add(histogram)?;
        }
        let ours = (histogram.len(), histogram.value_at_quantile(0.99));
        assert_eq!(theirs.get(&tag.to_string()), Some(&ours), "{tag}");
    }
    assert_eq!(theirs.get(""), Some(&(all.len(), all.value_at_quantile(0.99))), "all together, untagged");
    assert_eq!(theirs.len(), totals.len() + 1);
    assert_eq!((summary.response.n, summary.response.p99_us), (all.len(), Some(all.value_at_quantile(0.99))));
    assert_eq!(summary.completed + summary.failed, summary.started);
    Ok(())
}

/// Tag → count and p99, as the Python library of the HdrHistogram project sees them.
fn read_by_other(log: &std::path::Path) -> Result<BTreeMap<String, (u64, u64)>> {
    let target = build_folder()?;
    let target = target.parent().context("the build folder lies in the target folder")?;
    let python = target.join("python/bin/python");
    if !python.exists() {
        bail!(
            "{} is not there; `make test` makes it: python3 -m venv and pip install hdrhistogram",
            python.display()
        );
    }
    let ended = run(Command::new(python).arg(repository().join("tests/it/read_hlog.py")).arg(log))?;
    serde_json::from_str(&ended.stdout).with_context(|| ended.stderr)
}
