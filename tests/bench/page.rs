//! `reports html` on a run of one hour with fifty request names.

use std::{process::Command, time::Duration};

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
    run(Command::new(&maker).arg(&record), "hour_record").with_context(|| maker.display().to_string())?;
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
    Ok(format!(
        "\n## Page of a one-hour run with 50 request names\n\n\
         | figure | least | median | most | bound |\n|---|---|---|---|---|\n\
         | time, s | {} | ≤ 2 |\n| resident memory, MB | {} | ≤ 300 |\n",
        seconds.cells(),
        megabytes.cells()
    ))
}
