mod html;
mod plan;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub use self::{
    html::Html,
    plan::{Check, Filter, Plan, Prices, PricesCommand},
};

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
  reports compare runs/before-* --with runs/after-*
  reports fit points.csv
  reports plan runs/capacity --out capacity.html
  reports claims runs/phase-1k runs/capacity
  reports simulate reports/examples/day.yaml --out day.html
  reports merge runs/whole part0 part1 part2

Exit codes: 0 pass · 1 internal error · 2 bad command line or record ·
10 budget missed · 11 regression · 12 run invalid · 13 no data · 130 interrupted run";

/// What to make of a record.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draw one run as a self-contained page: no script, no network.
    #[command(after_help = html::HELP)]
    Html(Html),
    /// Decide whether a run passes; the exit code is the answer.
    #[command(after_help = GATE_HELP)]
    Gate(Gate),
    /// Make one record of the records of a load's parts (`loadgen run --shard`), exactly.
    #[command(after_help = MERGE_HELP)]
    Merge(Merge),
    /// Keep runs as the baseline that later ones are held against by `reports gate --baseline`.
    #[command(after_help = ACCEPT_HELP)]
    Accept(Accept),
    /// Compare two sets of runs: what changed, by how much, and whether it is more than chance.
    #[command(after_help = COMPARE_HELP)]
    Compare(Compare),
    /// Fit the scalability law to measured points: contention, coherency, peak, knee.
    #[command(after_help = FIT_HELP)]
    Fit(Fit),
    /// Plan what it takes to serve more users: topology and cost by phase, from what was measured.
    #[command(after_help = plan::HELP)]
    Plan(Plan),
    /// Show and check the prices that a plan is made with.
    #[command(after_help = plan::PRICES_HELP)]
    Prices(Prices),
    /// Hold the figures that documents claim against what was measured.
    #[command(after_help = CLAIMS_HELP)]
    Claims(Claims),
    /// Simulate a planned topology over a day's load, with an instance, a zone or the cache lost.
    #[command(after_help = SIMULATE_HELP)]
    Simulate(Simulate),
    /// Print the completions of a shell to stdout.
    #[command(after_help = "Example: reports completions bash > /etc/bash_completion.d/reports")]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

const GATE_HELP: &str = "\
A budgets file is a list as in a scenario:
  - { p95: 200ms, p99: 1s }
  - { request: list tasks, p95: 100ms }
  - { error_rate: 0.1%, cache_hit_ratio: \">= 80%\" }

Examples:
  reports gate runs/phase-1k
  reports gate runs/phase-1k --budgets stricter.yaml --junit gate.xml
  reports gate runs/phase-1k --baseline baselines
  reports gate runs/today-* --baseline baselines
  reports gate runs/phase-1k --github --markdown - >> \"$GITHUB_STEP_SUMMARY\"

Exit codes: 0 pass · 2 bad record or budgets · 10 budget missed · 11 worse than the baseline ·
12 run invalid · 13 no data · 130 interrupted run";

/// What a run is held against, if anything.
#[derive(Debug, Args)]
pub struct Against {
    /// Hold the run against these records too, or against what `reports accept` keeps in this folder.
    #[arg(long, value_name = "FOLDER", num_args = 1..)]
    pub baseline: Vec<PathBuf>,
    /// The least relative change from the baseline that counts.
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share, requires = "baseline")]
    pub least_effect: f64,
}

/// `reports gate`.
#[derive(Debug, Args)]
pub struct Gate {
    /// The folder of the run record; of several runs the worst verdict counts, and they are held against a baseline together.
    #[arg(value_name = "RECORD", required = true)]
    pub records: Vec<PathBuf>,
    /// Judge by the budgets of this YAML file in place of the record's own.
    #[arg(long, value_name = "FILE")]
    pub budgets: Option<PathBuf>,
    #[command(flatten)]
    pub against: Against,
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

const ACCEPT_HELP: &str = "\
A baseline belongs to one scenario, with its settings, and one kind of machine: processor, cores,
memory. Runs of another are never held against it. What was kept for the same key is replaced. Each
run is kept as a small record without its log of seconds, fit to be committed. Five runs or more
make a baseline that knows how much runs of one build differ.

Examples:
  reports accept runs/main-1 runs/main-2 runs/main-3 runs/main-4 runs/main-5
  reports accept runs/main-* --store ci/baselines
  reports gate runs/today --baseline baselines

Exit codes: 0 kept · 2 bad record, or runs that do not belong together · 12 a run is invalid";

/// `reports accept`.
#[derive(Debug, Args)]
pub struct Accept {
    /// The folders of the runs' records.
    #[arg(value_name = "RECORD", required = true)]
    pub records: Vec<PathBuf>,
    /// The folder that baselines are kept in.
    #[arg(long, value_name = "FOLDER", default_value = "baselines")]
    pub store: PathBuf,
}

const COMPARE_HELP: &str = "\
A change counts when its 95 % interval excludes 0 and it is at least the least effect. With five
runs a side or more the interval comes from a bootstrap over runs, so that the difference between
runs of one build is no regression; with fewer the change must be twice the least effect.

Examples:
  reports compare runs/before-* --with runs/after-*
  reports compare runs/before-* -- runs/after-*
  reports compare runs/main --with runs/branch --least-effect 10% --json
  reports compare runs/a? --with runs/b? --markdown - >> \"$GITHUB_STEP_SUMMARY\"

Exit codes: 0 nothing worse · 2 bad record · 11 worse (regression) ·
12 a run is invalid · 13 no data";

/// `reports compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// The folders of the first set's records: what it was before.
    #[arg(value_name = "BEFORE", required = true)]
    pub before: Vec<PathBuf>,
    /// The folders of the second set's records.
    #[arg(long, value_name = "AFTER", num_args = 1.., required_unless_present = "after")]
    pub with: Vec<PathBuf>,
    /// The same, after two dashes.
    #[arg(value_name = "AFTER", last = true, conflicts_with = "with")]
    pub after: Vec<PathBuf>,
    /// The least relative change of a percentile or of throughput that counts; of the share of errors it is 0.1 %.
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    pub least_effect: f64,
    /// Write a Markdown summary; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Print one JSON object to stdout in place of the table.
    #[arg(long)]
    pub json: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let percent = text.trim().strip_suffix('%').map(|number| (number.trim(), 100.0));
    let (number, whole) = percent.unwrap_or((text.trim(), 1.0));
    let share = number.parse::<f64>().ok().map(|number| number / whole);
    share
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| "write a share from 0 to 100 %, such as `5%` or `0.05`".to_owned())
}

const FIT_HELP: &str = "\
Points are a CSV file of anyone's figures,
  concurrency,throughput,latency
  1,64.9,15ms
  18,995.9,18ms
or the records of runs at different loads, or the folder of a capacity search, or what k6
(--summary-export), Goose (--report-file x.json) and wrk or wrk2 wrote, a file for each load. Four different loads are the
least, six or more are worth planning by. Repeats of a load are averaged.

Examples:
  reports fit points.csv
  reports fit points.csv --slo 200ms --at 64 --at 128 --json
  reports fit runs/10-users runs/20-users runs/40-users runs/80-users --have cpu_seconds=4
  reports fit runs/capacity --servers 4
  reports fit k6-10.json k6-20.json k6-40.json k6-80.json

A figure says what it rests on: measured, interpolated or extrapolated; past twice the highest
load measured it is refused, with the reason.

Exit codes: 0 fitted · 2 bad file or record · 12 the points support no fit";

/// `reports fit`.
#[derive(Debug, Args)]
pub struct Fit {
    /// A CSV file of points, or run records, or the folder of a capacity search, or results of k6, Goose or wrk.
    #[arg(required = true)]
    pub points: Vec<PathBuf>,
    /// The latency to keep: the highest load measured that keeps it is the knee. Of records it is held against the upper
    /// end of the 95 % interval of p95; without it, a record's own budgets tell.
    #[arg(long, value_name = "DURATION", value_parser = record::unit::parse_duration)]
    pub slo: Option<Duration>,
    /// Predict throughput at this concurrency; may be given several times.
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub at: Vec<f64>,
    /// How many there are of an observed resource, such as `cpu_seconds=4` for four cores; may be given several times.
    #[arg(long, value_name = "NAME=COUNT", value_parser = named_count)]
    pub have: Vec<(String, f64)>,
    /// Hold Erlang's waiting times for this number of servers against the points.
    #[arg(long, value_name = "SERVERS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub servers: Option<u32>,
    /// The observed value that is the cache's hit ratio.
    #[arg(long, value_name = "NAME", default_value = "cache_hit_ratio")]
    pub cache_hits: String,
    /// The observed value that is the rate of database queries.
    #[arg(long, value_name = "NAME", default_value = "db_rate")]
    pub db_rate: String,
    /// Print one JSON object in place of the tables.
    #[arg(long)]
    pub json: bool,
}

const CLAIMS_HELP: &str = "\
A claim is supported or contradicted only by a figure that was measured, with its interval, and one of a
price only by the catalogue; where the document's own figures do not add up, the sum shows it. What no
record given here measures is inconclusive, with the record it would take. Runs of one scenario, build
and machine count together.

Examples:
  reports claims runs/phase-1k
  reports claims runs/phase-1k runs/phase-1k-without-cache runs/capacity --markdown claims.md
  reports claims runs/cold-warm-? --claims our-targets.json --json
  reports claims runs/phase-1k --prices mine.csv

A claims file of one's own is like those in reports/claims: where a figure stands, and the rule that
decides on it. Exit codes: 0 judged, whatever the verdicts · 2 bad record or claims file ·
13 a record holds nothing";

/// `reports claims`.
#[derive(Debug, Args)]
pub struct Claims {
    /// The folders of run records and of capacity searches; without any, only sums are checked.
    #[arg(value_name = "RECORD")]
    pub records: Vec<PathBuf>,
    /// Judge the claims of this JSON file in place of the 126 that come with the program; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub claims: Vec<PathBuf>,
    /// Hold claims of prices against this CSV file in place of the prices that the program brings.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// Write a page; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write a Markdown table; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Print one JSON object to stdout in place of the table.
    #[arg(long)]
    pub json: bool,
}

const SIMULATE_HELP: &str = "\
A plan is YAML: the load over the day, the tiers with their instances, workers and service times (named
distributions, or taken from run records), what an hour of them is priced by, and what is lost and when.
Events are simulated one by one and everything several times over, so that percentiles come with
intervals. The same plan gives the same bytes. reports/examples/day.yaml is one with every key explained.

Examples:
  reports simulate reports/examples/day.yaml
  reports simulate plan.yaml --out day.html
  reports simulate plan.yaml --prices mine.csv
  reports simulate plan.yaml --json | jq '.day[] | [.at, .p99.us]'

Exit codes: 0 simulated · 2 bad plan, or a bad record that it names · 13 such a record holds nothing";

/// `reports simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// The plan.
    #[arg(value_name = "PLAN.yaml")]
    pub plan: PathBuf,
    /// Price the tiers that name a `sku` by this CSV file in place of the prices that the program brings.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// Write a page; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print one JSON object to stdout in place of the tables.
    #[arg(long)]
    pub json: bool,
}

fn above_zero(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0);
    number.ok_or_else(|| "it must be a number above 0".to_owned())
}

fn named_count(text: &str) -> Result<(String, f64), String> {
    let (name, count) = text.split_once('=').ok_or("write a name and a count, such as `cpu_seconds=4`")?;
    Ok((name.to_owned(), above_zero(count)?))
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
