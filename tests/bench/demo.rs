//! `make demo` in a fresh clone with nothing built.

use std::process::Command;

use anyhow::{Context, Result, bail};
use harness::process::repository;

use crate::usage::run;

/// Measures once and gives back a section of the document.
pub fn measure() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let clone = folder.path().join("clone");
    let cloned = Command::new("git").args(["clone", "--quiet"]).arg(repository()).arg(&clone).status()?;
    if !cloned.success() {
        bail!("git clone of {} failed", repository().display());
    }
    let target = folder.path().join("target");
    let mut demo = Command::new("make");
    demo.arg("demo").current_dir(&clone).env("CARGO_TARGET_DIR", &target);
    let (used, _) = run(&mut demo, "make demo")?;
    let report = clone.join("report.html").metadata().context("the report of the demonstration")?;
    Ok(format!(
        "\n## `make demo` from a fresh clone\n\n| figure | measured | bound |\n|---|---|---|\n\
         | build, seed, load and report, minutes | {:.1} | ≤ 8 |\n| report, kB | {} | |\n",
        used.wall.as_secs_f64() / 60.0,
        report.len() / 1000
    ))
}
