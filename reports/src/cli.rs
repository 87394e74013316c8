use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// Turns run records into a page for people, a decision for CI and JSON for programs.
#[derive(Debug, Parser)]
#[command(name = "reports", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to make.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  reports html runs/phase-1k --out report.html
  reports gate runs/phase-1k --junit gate.xml --github
  reports gate runs/phase-1k --budgets stricter.yaml --json
  reports merge runs/whole part0 part1 part2

Exit codes: 0 pass · 1 internal error · 2 bad command line or record ·
10 budget missed · 12 run invalid · 13 no data · 130 interrupted run";

/// What to make of a record.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draw one run as a self-contained page: no script, no network.
    #[command(after_help = HTML_HELP)]
    Html(Html),
    /// Decide whether a run passes; the exit code is the answer.
    #[command(after_help = GATE_HELP)]
    Gate(Gate),
    /// Make one record of the records of a load's parts (`loadgen run --shard`), exactly.
    #[command(after_help = MERGE_HELP)]
    Merge(Merge),
    /// Print the completions of a shell to stdout.
    #[command(after_help = "Example: reports completions bash > /etc/bash_completion.d/reports")]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

const HTML_HELP: &str = "\
Examples:
  reports html runs/phase-1k --out report.html
  reports html runs/phase-1k --out report.html --json report.json
  reports html runs/phase-1k --out - | less

Exits 0 when the page was drawn, whatever the verdict;
13 when the record holds nothing to draw.";

/// `reports html`.
#[derive(Debug, Args)]
pub struct Html {
    /// The folder of the run record.
    pub record: PathBuf,
    /// The page to write; `-` is stdout.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub out: PathBuf,
    /// Write everything the page shows as JSON too; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

const GATE_HELP: &str = "\
A budgets file is a list as in a scenario:
  - { p95: 200ms, p99: 1s }
  - { request: list tasks, p95: 100ms }
  - { error_rate: 0.1%, cache_hit_ratio: \">= 80%\" }

Examples:
  reports gate runs/phase-1k
  reports gate runs/phase-1k --budgets stricter.yaml --junit gate.xml
  reports gate runs/phase-1k --github --markdown - >> \"$GITHUB_STEP_SUMMARY\"

Exit codes: 0 pass · 2 bad record or budgets · 10 budget missed ·
12 run invalid · 13 no data · 130 interrupted run";

/// `reports gate`.
#[derive(Debug, Args)]
pub struct Gate {
    /// The folder of the run record.
    pub record: PathBuf,
    /// Judge by the budgets of this YAML file in place of the record's own.
    #[arg(long, value_name = "FILE")]
    pub budgets: Option<PathBuf>,
    /// Write a JUnit XML file, one test case a budget; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print GitHub workflow annotations (to stderr where stdout carries a document).
    #[arg(long)]
    pub github: bool,
    /// Write a Markdown summary; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Print one JSON object to stdout in place of the table.
    #[arg(long)]
    pub json: bool,
}

const MERGE_HELP: &str = "\
Counts add, histograms add second by second, and percentiles are computed after. What is observed of the target is
taken from the first part; header counts add.

Examples:
  reports merge runs/whole part0 part1 part2
  reports merge runs/whole parts/* && reports gate runs/whole
  reports merge runs/rest part0 part2 --partial

Exits 0 when the records were merged, whatever the verdict; 2 when they are not all parts of one run;
13 when they hold nothing.";

/// `reports merge`.
#[derive(Debug, Args)]
pub struct Merge {
    /// The folder of the record to make.
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// The folders of the parts' records, in any order.
    #[arg(value_name = "RECORD", required = true)]
    pub records: Vec<PathBuf>,
    /// Merge what is there though parts are missing; the record says which, and gives no verdict.
    #[arg(long)]
    pub partial: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
