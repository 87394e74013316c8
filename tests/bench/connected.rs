//! Ten thousand connected users, one request each every two seconds: what they cost in memory, and whether their
//! requests begin when they are due.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use harness::process::program;
use record::{Record, unit::show_us};

use crate::{serve::Fast, usage::run_on};

const SCENARIO: &str = "
version: 1
name: connected
load:
  users: { stages: [ { to: 10000, over: 10s }, { hold: 20s } ], pacing: 2s }
  warm_up: 14s
flows:
  - name: ask
    steps: [ { get: /json } ]
";

/// Measures once and gives back a section of the document.
pub fn measure() -> Result<String> {
    crate::serve::allow_many_files();
    let server = Fast::start(1)?;
    let folder = tempfile::tempdir()?;
    let (scenario, record) = (folder.path().join("connected.yaml"), folder.path().join("record"));
    fs::write(&scenario, SCENARIO)?;
    let loadgen = program("loadgen")?.display().to_string();
    let (file, out, url) = (scenario.display().to_string(), record.display().to_string(), server.url());
    let arguments = ["run", &file, "--target", &url, "--out", &out, "--no-tui"];
    let (used, _) = run_on(0, Duration::from_secs(120), &loadgen, &arguments)?;
    let (summary, judgement) = Record::open(&record)?.conclude()?;
    let lag = summary.lag.p99_us.context("a start lag")?;
    Ok(format!(
        "\n## Ten thousand connected users\n\nOne request each every 2 s, loadgen on one core and the server on the \
         other.\n\n| figure | measured | bound |\n|---|---|---|\n\
         | users at once | {} | 10,000 |\n| requests a second | {:.0} | 5,000 |\n| failed | {} | 0 |\n\
         | resident memory | {} MB | ≤ 300 MB |\n| start lag p99 | {} | ≤ 5 ms |\n| cores used | {:.2} | |\n| verdict | {} | |\n",
        summary.peak_users,
        summary.throughput_per_s,
        summary.failed,
        used.memory_bytes / 1_000_000,
        show_us(lag as f64),
        summary.generator.cpu_cores,
        judgement.sentence,
    ))
}
