//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    export::ExportArgs,
    plan::Overrides,
    run::{Setting, StartAt},
    share::Share,
    web::WebArgs,
};

/// Most requests a second to a target beyond this machine, unless its owner agreed to more.
pub const AWAY_RATE: f64 = 5_000.0;

/// Load a web service and tell the truth about it.
#[derive(Debug, Parser)]
#[command(
    name = "loadgen",
    version,
    about,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 pass · 1 internal error · 2 bad command line or scenario · 10 budget missed · 12 run invalid ·
13 no data, target unreachable · 130 interrupted (the record holds what was measured up to then)

Environment: LOADGEN_TARGET (as --target), NO_COLOR, CI"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario: a run record and a verdict come out
    #[command(after_help = "\
Examples:
  loadgen run scenarios/smoke.yaml
  loadgen run scenarios/phase-1k.yaml --scale 0.1 --report report.html
  loadgen run mine.yaml --target https://staging.example.com --allow staging.example.com
  loadgen run mine.yaml --json --quiet | jq .sentence
  loadgen run mine.yaml --web --prometheus --log-requests requests.jsonl
  loadgen run scenarios/phase-100k.yaml --workers 6

On several machines, each offers its part of the same load at the same time (users I, I+N, …; arrivals I, I+N, …):
  loadgen run mine.yaml --seed 7 --shard 0/3 --start-at 2026-01-31T12:00:00Z --out part0     and 1/3, 2/3 elsewhere
  reports merge whole part0 part1 part2
A part is judged by what it can know alone: not by throughput, nor by the size of its sample. The verdict is the merge's.")]
    Run(Box<RunArgs>),
    /// Find the highest load that keeps the scenario's budgets
    #[command(after_help = "\
Examples:
  loadgen capacity scenarios/smoke.yaml
  loadgen capacity mine.yaml --start-rate 200 --precision 3% --out capacity-today
  loadgen capacity mine.yaml --max-rate 2000 --json --quiet | jq .sentence

Exit codes: 0 found, or a lower bound · 10 not even the lowest rate keeps the budgets · 12 no answer: the generator was
the limit, or the time was up · 13 target unreachable · 130 interrupted (what was known up to then is written)")]
    Capacity(CapacityArgs),
    /// Parse and check a scenario and show its plan; sends nothing
    #[command(after_help = "Example:\n  loadgen check scenarios/phase-1k.yaml --scale 2")]
    Check(Scenario),
    /// Do each flow once and show every request and response
    #[command(after_help = "Example:\n  loadgen once scenarios/smoke.yaml --target http://127.0.0.1:8080")]
    Once(OnceArgs),
    /// Prove that this machine measures true: real runs against a server whose every answer is dictated
    #[command(after_help = "\
Examples:
  loadgen doctor
  loadgen doctor --only queue --only freeze
  loadgen doctor --json --quiet | jq .passed

Each reported percentile is compared with the one computed from the schedule and from what the
server was told to do. Needs a quiet machine and about a minute and a half. The certificate is kept
in ~/.local/state/headroom (or under XDG_STATE_HOME); every `loadgen run` quotes it in its record.

Exit codes: 0 straight · 10 the ruler is bent · 12 the machine was too noisy to tell ·
2 bad command line · 130 stopped")]
    Doctor(DoctorArgs),
    /// Make a scenario of a recording, a description, a collection, command lines or a log
    #[command(subcommand)]
    Import(crate::import::options::From),
    /// Print the JSON Schema of scenario files
    Schema,
    /// Print a shell completion script
    #[command(
        after_help = "Example:\n  loadgen completions bash > ~/.local/share/bash-completion/completions/loadgen"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What every command that reads a scenario takes.
#[derive(Debug, Args)]
pub struct Scenario {
    /// The scenario file
    #[arg(value_name = "SCENARIO")]
    pub file: PathBuf,
    /// Load this service instead of the scenario's
    #[arg(long, value_name = "URL", env = "LOADGEN_TARGET")]
    pub target: Option<String>,
    /// Multiply the users or rates of every stage, and `max_in_flight` with the rates
    #[arg(long, value_name = "F", value_parser = positive)]
    pub scale: Option<f64>,
    /// Set a variable of the scenario (may be repeated)
    #[arg(long = "var", value_name = "K=V", value_parser = pair)]
    pub vars: Vec<(String, String)>,
    /// A host, beside this machine, that its owner agreed to have loaded (may be repeated)
    #[arg(long, value_name = "HOST")]
    pub allow: Vec<String>,
}

/// How to reach the target.
#[derive(Debug, Args)]
pub struct Reach {
    /// Accept any TLS certificate
    #[arg(long)]
    pub insecure: bool,
}

#[derive(Debug, Args)]
pub struct OnceArgs {
    #[command(flatten)]
    pub scenario: Scenario,
    #[command(flatten)]
    pub reach: Reach,
    /// Seed of choices and generated data
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Write the certificate to this file as well
    #[arg(long, value_name = "FILE.json")]
    pub out: Option<PathBuf>,
    /// Seconds of load for each behaviour [default: as many as its 99.9th percentile needs]
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub seconds: Option<f64>,
    /// Try this behaviour or ceiling only (may be repeated); what is tried in part is not kept as a certificate
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(crate::doctor::NAMES))]
    pub only: Vec<String>,
    /// Print the certificate to standard output
    #[arg(long)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub scenario: Scenario,
    #[command(flatten)]
    pub reach: Reach,
    /// Folder for the run record [default: runs/NAME-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seed of arrivals, choices and generated data: the same seed repeats the run [default: random, and recorded]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Most requests per second to a target beyond this machine
    #[arg(long, value_name = "RATE", default_value_t = AWAY_RATE, value_parser = positive)]
    pub max_rate: f64,
    /// Share the load among N processes of this machine, each with its own limit of open files
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
        value_parser = clap::value_parser!(u64).range(1..=256))]
    pub workers: u64,
    /// Offer only part I (from 0) of N of the load; `reports merge` makes one record of all parts'
    #[arg(long, value_name = "I/N", conflicts_with = "workers", requires = "seed")]
    pub shard: Option<Share>,
    /// When second 0 of all parts is: RFC 3339, or seconds since 1970
    #[arg(long, value_name = "T", requires = "shard")]
    pub start_at: Option<StartAt>,
    /// One of another process's workers
    #[arg(long, hide = true, requires = "shard", conflicts_with = "start_at")]
    pub worker: bool,
    /// Write the report of this run as an HTML page
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Write the budgets as JUnit XML
    #[arg(long, value_name = "FILE.xml")]
    pub junit: Option<PathBuf>,
    /// Print GitHub annotations for budgets that were missed
    #[arg(long)]
    pub github: bool,
    /// Print one JSON summary to standard output
    #[arg(long)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(long)]
    pub quiet: bool,
    /// Print lines instead of the live screen
    #[arg(long)]
    pub no_tui: bool,
    #[command(flatten)]
    pub web: WebArgs,
    #[command(flatten)]
    pub export: ExportArgs,
}

#[derive(Debug, Args)]
pub struct CapacityArgs {
    #[command(flatten)]
    pub scenario: Scenario,
    #[command(flatten)]
    pub reach: Reach,
    /// Folder for the answer and the records of all trials [default: runs/NAME-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seed of arrivals, choices and generated data [default: random, and recorded]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// First rate, iterations a second [default: an eighth of the scenario's load]
    #[arg(long, value_name = "RATE", value_parser = positive)]
    pub start_rate: Option<f64>,
    /// Highest rate, iterations a second [default: none on this machine, 5000 beyond it]
    #[arg(long, value_name = "RATE", value_parser = positive)]
    pub max_rate: Option<f64>,
    /// How narrow the answer is to be: half the width of its interval over its middle
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = precision)]
    pub precision: f64,
    /// Length of a trial, beside its time to settle
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = record::unit::parse_duration)]
    pub trial: Duration,
    /// How long the answer is held at the end; 0s leaves out holding and overshooting it
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = record::unit::parse_duration)]
    pub soak: Duration,
    /// End with what is known after this time
    #[arg(long, value_name = "TIME", value_parser = record::unit::parse_duration)]
    pub time_limit: Option<Duration>,
    /// Iterations that can be under way at once [default: the scenario's, or 1000]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_in_flight: Option<usize>,
    /// Print the answer as JSON to standard output
    #[arg(long)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(long)]
    pub quiet: bool,
    /// Print lines instead of the live screen
    #[arg(long)]
    pub no_tui: bool,
}

impl CapacityArgs {
    /// What they say of the load beside its scenario.
    pub fn setting(&self) -> Setting<'_> {
        Setting {
            insecure: self.reach.insecure,
            out: self.out.as_deref(),
            seed: self.seed,
            max_rate: self.max_rate.unwrap_or(AWAY_RATE),
            workers: 1,
            share: Share::WHOLE,
            is_worker: false,
        }
    }
}

impl RunArgs {
    /// What they say of the load beside its scenario.
    pub fn setting(&self) -> Setting<'_> {
        Setting {
            insecure: self.reach.insecure,
            out: self.out.as_deref(),
            seed: self.seed,
            max_rate: self.max_rate,
            workers: self.workers,
            share: self.shard.unwrap_or(Share::WHOLE),
            is_worker: self.worker,
        }
    }
}

impl Scenario {
    /// What the command line changes of the scenario.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            target: self.target.clone(),
            scale: self.scale,
            vars: self.vars.clone(),
            allow: self.allow.clone(),
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("a number above 0 is needed".to_owned()),
    }
}

fn precision(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>();
    match percent {
        Ok(percent) if (1.0..=50.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("a percentage from 1 to 50 is needed, such as `5%`".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| "a whole number above 0 is needed".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    positive(text)
        .ok()
        .filter(|seconds| (1.0..=3600.0).contains(seconds))
        .ok_or_else(|| "from 1 to 3600 seconds; fewer hold too few requests for any percentile".to_owned())
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
