//! What connected users cost in memory, one request each every two seconds, and whether their requests begin when they
//! are due.

use std::{
    fmt::Write as _,
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use harness::process::{Process, program};
use record::{Record, unit::show_us};

use crate::{
    serve::{Fast, allow_many_files},
    usage::resident_bytes,
};

const SCENARIO: &str = "
version: 1
name: connected
load:
  users: { stages: [ { to: USERS, over: 10s }, { hold: 20s } ], pacing: 2s }
  warm_up: 14s
flows:
  - name: ask
    steps: [ { get: /json } ]
";
const RUN: Duration = Duration::from_secs(30);
/// loadgen keeps so many files for itself.
const RESERVE: u64 = 100;

/// Measures each number of users once and gives back a section of the document.
pub fn measure() -> Result<String> {
    // A process may not have more open files than this, whoever asks.
    let most = allow_many_files().saturating_sub(RESERVE);
    let server = Fast::start(1)?;
    let alone = run(&server, 1)?.memory_bytes;
    let mut text = format!(
        "\n## Connected users\n\nOne request each every 2 s, loadgen on one core and the server on the other, after all \
         have come. Memory is what loadgen keeps resident; per user, what it keeps beyond the {:.1} MB it has for one \
         user. This machine allows a process {most} connections beside its own files.\n\n\
         | users | memory MB | KB per user | requests/s | failed | start lag p99 | cores | verdict |\n\
         |---|---|---|---|---|---|---|---|\n",
        alone as f64 / 1e6,
    );
    for users in [1_000, 10_000, 20_000.min(most)] {
        let seen = run(&server, users)?;
        eprintln!("{users} users: {} MB", seen.memory_bytes / 1_000_000);
        let per_user = seen.memory_bytes.saturating_sub(alone) as f64 / users as f64;
        let _ = writeln!(
            text,
            "| {users} | {:.0} | **{:.1}** | {} |",
            seen.memory_bytes as f64 / 1e6,
            per_user / 1e3,
            seen.cells
        );
    }
    text.push_str("\nBounds: ≤ 15 KB per user; at 10,000 users 5,000 requests/s, none failed, ≤ 300 MB, start lag p99 ≤ 5 ms.\n");
    Ok(text)
}

struct Seen {
    memory_bytes: u64,
    cells: String,
}

fn run(server: &Fast, users: u64) -> Result<Seen> {
    let folder = tempfile::tempdir()?;
    let (scenario, record) = (folder.path().join("connected.yaml"), folder.path().join("record"));
    fs::write(&scenario, SCENARIO.replace("USERS", &users.to_string()))?;
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program("loadgen")?).arg("run").arg(&scenario);
    command.args(["--target", &server.url(), "--no-tui", "--out"]).arg(&record);
    let mut process = Process::start(&mut command)?;
    let memory_bytes = most_resident(&mut process)?;
    let ended = process.wait(Duration::from_secs(60))?;
    let (summary, judgement) = Record::open(&record).with_context(|| ended.stderr)?.conclude()?;
    let cells = format!(
        "{:.0} | {} | {} | {:.2} | {}",
        summary.throughput_per_s,
        summary.failed,
        summary.lag.p99_us.map_or_else(|| "–".to_owned(), |it| show_us(it as f64)),
        summary.generator.cpu_cores,
        judgement.sentence
    );
    Ok(Seen { memory_bytes, cells })
}

/// The most that was resident during the run, seen four times a second: of the load, not of what is written after it.
fn most_resident(process: &mut Process) -> Result<u64> {
    let end = Instant::now() + RUN;
    let mut most = 0;
    while Instant::now() < end && process.is_running()? {
        most = most.max(resident_bytes(process.id())?);
        thread::sleep(Duration::from_millis(250));
    }
    Ok(most)
}
