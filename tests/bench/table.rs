//! Figures as Markdown.

use std::fs;

use anyhow::{Context, Result};

/// Repeated measurements of one thing, in one unit.
#[derive(Debug, Clone, Default)]
pub struct Figures(pub Vec<f64>);

impl Figures {
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The middle one; of an even number the lower of the two.
    pub fn median(&self) -> Option<f64> {
        let sorted = self.sorted();
        sorted.get(sorted.len().checked_sub(1)? / 2).copied()
    }

    /// `least | median | most`, with as many digits as tell them apart.
    pub fn cells(&self) -> String {
        let sorted = self.sorted();
        match (sorted.first(), self.median(), sorted.last()) {
            (Some(least), Some(median), Some(most)) => {
                format!("{} | **{}** | {}", show(*least), show(median), show(*most))
            }
            _ => "– | – | –".to_owned(),
        }
    }
}

/// Three significant digits.
pub fn show(value: f64) -> String {
    let digits = 2 - value.abs().max(1e-9).log10().floor() as i32;
    format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
}

/// One line about the machine.
pub fn machine() -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().context("a load average")?;
    Ok(format!(
        "{}, {cores} cores, Linux {}, load average at the start {load}.\n",
        model.unwrap_or("unknown processor"),
        kernel.trim()
    ))
}
