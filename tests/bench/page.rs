//! `reports html` on a run of one hour with a hundred request names, and what reads sixty runs at once.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use harness::process::{build_folder, program};

use crate::{
    table::Figures,
    usage::{run, run_on},
};

/// Measures and gives back a section of the document.
pub fn measure(rounds: u32) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let record = folder.path().join("hour");
    let maker = build_folder()?.join("examples/hour_record");
    run(Command::new(&maker).arg(&record).args(["--names", "100"]), "hour_record")
        .with_context(|| maker.display().to_string())?;
    let (program, input, page) =
        (program("reports")?, record.display().to_string(), folder.path().join("report.html"));
    let (program, page) = (program.display().to_string(), page.display().to_string());
    let (mut seconds, mut megabytes) = (Figures::default(), Figures::default());
    for _ in 0..rounds {
        let limit = Duration::from_secs(120);
        let (used, _) = run_on(0, limit, &program, &["html", &input, "--out", &page])?;
        seconds.0.push(used.wall.as_secs_f64());
        megabytes.0.push(used.memory_bytes as f64 / 1e6);
    }
    let (compared, claimed) = sixty(folder.path(), &maker, &program, rounds)?;
    Ok(format!(
        "\n## Page of a one-hour run with 100 request names, and 60 runs at once\n\n\
         | figure | least | median | most | bound |\n|---|---|---|---|---|\n\
         | page: time, s | {} | ≤ 2 |\n| page: resident memory, MB | {} | ≤ 300 |\n\
         | `compare` of 30 runs with 30: time, s | {} | ≤ 10 |\n| `claims` of 60 runs: time, s | {} | ≤ 10 |\n",
        seconds.cells(),
        megabytes.cells(),
        compared.cells(),
        claimed.cells()
    ))
}

/// Seconds that `reports compare` and `reports claims` take over sixty runs of five minutes.
fn sixty(folder: &Path, maker: &Path, program: &str, rounds: u32) -> Result<(Figures, Figures)> {
    let mut records = Vec::new();
    for seed in 1..=60_u32 {
        let record = folder.join(format!("run-{seed}"));
        let mut command = Command::new(maker);
        command.arg(&record).args([
            "--seconds",
            "300",
            "--rate",
            "200",
            "--names",
            "20",
            "--seed",
            &seed.to_string(),
        ]);
        run(&mut command, "hour_record")?;
        records.push(record.display().to_string());
    }
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let compare = [&["compare"], &records[..30], &["--with"], &records[30..]].concat();
    let claims = [&["claims"], records.as_slice()].concat();
    let (mut compared, mut claimed) = (Figures::default(), Figures::default());
    for _ in 0..rounds {
        let limit = Duration::from_secs(120);
        compared.0.push(run_on(0, limit, program, &compare)?.0.wall.as_secs_f64());
        claimed.0.push(run_on(0, limit, program, &claims)?.0.wall.as_secs_f64());
    }
    Ok((compared, claimed))
}
