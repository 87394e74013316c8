use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Subcommand};

pub const HELP: &str = "\
The folder of a capacity search is best, and a run of the closed model beside it, which says how
much a user asks for. Records of one scenario at different loads will do, with budgets.
Without --phases it plans 1,000, 10,000, 100,000 and a million users at once.

A file of phases is YAML, JSON or TOML:
  version: 1
  assume:                       # what you know better than the plan assumes or measured
    requests_per_user: 0.2      # a second, at the peak
    peak_over_mean: { low: 1.5, mid: 2, high: 3 }
  phases:
    - name: launch
      users: 5000               # at once, at the peak of the day
      zones: 2
      balancer: true
      api: { sku: c6i.large, minimum: 2, survive: instance, autoscale: { lag: 5m } }
      database: { sku: db.r6g.large single-az, replicas: 1 }
      cache: { sku: cache.m5.large }
      purchase: { reserved: 0.6, reserved_discount: 0.4 }

Examples:
  reports plan runs/capacity
  reports plan runs/capacity --out capacity.html --json capacity.json --svg figures
  reports plan runs/capacity runs/phase-1k
  reports plan runs/10-users runs/100-users runs/1000-users --phases mine.yaml
  reports plan runs/capacity --prices mine.csv --markdown - >> \"$GITHUB_STEP_SUMMARY\"

A figure says what it rests on: measured, extrapolated or, past twice what was measured, refused.

Exit codes: 0 planned · 2 bad record, phases or prices · 12 nothing measured supports a plan · 13 no data";

/// `reports plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The folder of a capacity search, or the folders of run records, or several of either.
    #[arg(value_name = "RECORD", required = true)]
    pub records: Vec<PathBuf>,
    /// Plan the phases of this file.
    #[arg(long, value_name = "FILE")]
    pub phases: Option<PathBuf>,
    /// Use the prices of this CSV file in place of those that the program brings.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// Write the page; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write everything as JSON; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a Markdown summary; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write each figure as an SVG file of its own into this folder.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
}

pub const PRICES_HELP: &str = "\
Examples:
  reports prices list
  reports prices list --service ec2 --json
  reports prices check --on 2026-11-21
  reports prices check --prices mine.csv";

/// `reports prices`.
#[derive(Debug, Args)]
pub struct Prices {
    /// What to do with them.
    #[command(subcommand)]
    pub command: PricesCommand,
}

/// What to do with prices.
#[derive(Debug, Subcommand)]
pub enum PricesCommand {
    /// List them.
    #[command(after_help = "Example: reports prices list --service rds-postgres --sku r6g")]
    List(Filter),
    /// Look for prices that are stale, given twice, cannot be read, or leave a gap between their tiers.
    #[command(
        after_help = "A price is stale after 180 days. Exits 2 when a bill made with the file would be wrong; stale and\nuntraceable prices are warnings."
    )]
    Check(Check),
}

/// `reports prices list`.
#[derive(Debug, Args)]
pub struct Filter {
    /// List this CSV file in place of the prices that the program brings.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// Those of services whose name holds this.
    #[arg(long, value_name = "TEXT")]
    pub service: Option<String>,
    /// Those of SKUs whose name holds this.
    #[arg(long, value_name = "TEXT")]
    pub sku: Option<String>,
    /// Those of regions whose name holds this.
    #[arg(long, value_name = "TEXT")]
    pub region: Option<String>,
    /// Print one JSON array in place of the table.
    #[arg(long)]
    pub json: bool,
}

/// `reports prices check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Check this CSV file in place of the prices that the program brings.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// The day on which they are to be used; the date of the newest price without it.
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub on: Option<NaiveDate>,
    /// Print one JSON array in place of the lines.
    #[arg(long)]
    pub json: bool,
}

fn date(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| "write a date such as 2026-11-21".to_owned())
}
