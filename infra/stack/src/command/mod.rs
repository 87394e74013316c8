//! The command line.

pub mod down;
pub mod state;
pub mod status;
mod table;
pub mod up;

use clap::{Args, Parser, Subcommand};
use stack::topology::{Cache, Phase, Queue, Roles};

/// Runs the reference service on its real parts, natively on this machine: PostgreSQL with replicas or shards, Redis,
/// RabbitMQ, nginx, several processes of the service. Everything listens on 127.0.0.1, on free ports, and lives in a
/// temporary folder.
#[derive(Debug, Parser)]
#[command(
    name = "stack",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  stack up single                                  PostgreSQL and one process, until Ctrl-C
  stack up scaled --users 1000                     two replicas, Redis, RabbitMQ, three processes behind nginx, with data
  stack up scaled --replicas 0 --cache off         the same without what one wants to know the worth of
  stack up single --set limits.profile=off         with a setting of the service
  stack up sharded --shards 3 --detach             in the background
  stack status                                     what runs where
  stack down                                       stops it all

Missing servers: the message names them and the line that installs Debian's packages, infra/setup.sh NAME….

Exit codes: 0 done · 1 failed · 2 unusable command line · 3 nothing runs (status) · 130 interrupted while starting"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a deployment and keep it until Ctrl-C
    Up(Box<Up>),
    /// Show what runs where
    Status(Status),
    /// Stop a deployment and remove its data
    Down(Name),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Which deployment.
#[derive(Debug, Args)]
pub struct Name {
    /// Tells deployments that run side by side apart
    #[arg(long, default_value = "default", value_parser = name)]
    pub name: String,
}

/// What `status` shows.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub name: Name,
    /// As JSON on stdout
    #[arg(long)]
    pub json: bool,
}

/// What to start.
#[derive(Debug, Args)]
#[command(after_help = "\
Without options: single has one process with a cache of its own; scaled has 3 processes, 2 replicas, a tiered cache and
RabbitMQ; sharded has 3 shards with a replica each, a catalogue with one, a Redis cluster and 3 processes.
Several processes share Redis for rate limits and ended sessions, and for the cache unless --cache says otherwise.

Examples:
  stack up scaled --api 5 --replicas 1
  stack up scaled --roles split                    a process for accounts, tasks, catalogue, notifications; nginx by path
  stack up single --users 1000 --port 8080         with data; tokens for a load test in the file that is named
  stack up single --set cache.policy=off --cpus 0  with a setting of the service, on the first processor alone")]
pub struct Up {
    /// How far the deployment has grown
    pub phase: Phase,
    /// Processes that answer requests; with --roles split, of each kind
    #[arg(long, value_name = "N")]
    pub api: Option<usize>,
    /// Replicas of each PostgreSQL primary
    #[arg(long, value_name = "R")]
    pub replicas: Option<usize>,
    /// Databases that users are shared out over (sharded only)
    #[arg(long, value_name = "K")]
    pub shards: Option<usize>,
    /// Where responses are cached
    #[arg(long, value_name = "WHERE")]
    pub cache: Option<Cache>,
    /// What hands background work to the workers
    #[arg(long, value_name = "WHAT")]
    pub queue: Option<Queue>,
    /// Whether every process answers everything
    #[arg(long, default_value = "all", value_name = "HOW")]
    pub roles: Roles,
    /// Have PostgreSQL outlive a loss of power, as in production; writes then wait for the disk
    #[arg(long)]
    pub durable: bool,
    /// Leave Prometheus out
    #[arg(long)]
    pub no_prometheus: bool,
    /// The port to be reached on [default: a free one]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Any setting of the service, such as cache.policy=off
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// Processors for the service's processes, as taskset takes them: 0 or 0-3
    #[arg(long, value_name = "LIST")]
    pub cpus: Option<String>,
    /// Fill it with this many users
    #[arg(long, value_name = "N")]
    pub users: Option<u32>,
    /// Tasks per user
    #[arg(long, value_name = "N", default_value_t = 20, requires = "users")]
    pub tasks_per_user: u32,
    /// Products in the catalogue
    #[arg(long, value_name = "N", default_value_t = 500, requires = "users")]
    pub products: u32,
    /// What the data is drawn from
    #[arg(long, value_name = "N", default_value_t = 1, requires = "users")]
    pub seed: u64,
    /// Go to the background once everything answers
    #[arg(long)]
    pub detach: bool,
    #[command(flatten)]
    pub name: Name,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if key.contains('.') => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("expected SECTION.KEY=VALUE, such as cache.policy=off".to_owned()),
    }
}

fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 40 || !text.chars().all(plain) {
        return Err("expected up to 40 letters, digits, - and _".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_name_cannot_leave_the_folder_it_is_kept_in() {
        assert!(name("phase-3_b").is_ok());
        for wrong in ["", "..", "a/b", "a b", &"x".repeat(41)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
