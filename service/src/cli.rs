//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;

use crate::config::{self, Config, ConfigError};

/// The reference service: a task manager with a product catalogue, on SQLite and an in-process cache, with nothing
/// to install, or on PostgreSQL with replicas.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  service serve                                     on http://127.0.0.1:8080, data in ./service.db
  service serve --listen 127.0.0.1:0                on a free port, printed as `listening http://…`
  service seed --users 1000 --accounts accounts.csv  data and live tokens for a load test
  service serve --set cache.policy=off              without the response cache
  SERVICE_DATABASE_URL=postgres://app:secret@127.0.0.1:5432/app service serve
                                                    on PostgreSQL; SERVICE_DATABASE_REPLICAS=URL,URL for reads
  service serve --roles tasks,worker                one part of the service; a gateway sends each its paths
  SERVICE_LIMITS_PROFILE=strict service serve       with the rate limits of a public service

Configuration, the later wins: defaults, --config FILE (TOML), SERVICE_SECTION_KEY variables, --set section.key=value.
`service config` prints all keys with the values in effect. A variable that ends in _FILE names a file that holds the
value, which is where secrets belong: SERVICE_AUTH_SECRET_FILE=/run/secrets/jwt.

Rate limits: the default profile is `generous`, wide enough for a load test from one address; use
limits.profile=strict for a public service, off for none.
Request log: by default only responses of 500 and above get a line; log.requests=on logs all, off none.

Exit codes: 0 done · 1 failed · 2 unusable command line or configuration"
)]
pub struct Cli {
    /// A TOML file with sections such as `[http]` and `[cache]`
    #[arg(long, global = true, value_name = "FILE", env = "SERVICE_CONFIG_FILE", hide_env_values = true)]
    config: Option<PathBuf>,
    /// The SQLite file, or :memory: for data that is gone at the end [default: service.db]
    #[arg(long, global = true, value_name = "PATH")]
    database: Option<String>,
    /// Any key of the configuration, such as cache.policy=off
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    overrides: Vec<(String, String)>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until SIGINT or SIGTERM
    Serve {
        /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
        #[arg(long, value_name = "ADDRESS:PORT", value_parser = config::address)]
        listen: Option<SocketAddr>,
        /// Which part of the service to be: all, or some of auth, users, tasks, catalog, notifications, worker, with
        /// commas between [default: all]
        #[arg(long, value_name = "ROLES")]
        roles: Option<config::Roles>,
    },
    /// Bring the database up to date
    Migrate,
    /// Fill the database with made-up data, the same for the same seed
    Seed(SeedOptions),
    /// Print how the database means to answer each question; exit code 1 when one that requests ask reads a whole table
    #[command(after_help = "\
Plans depend on the data: run it on a database that was filled by `service seed` or is in use. Nothing is changed.

Examples:
  service explain                        every question with its plan
  service explain --only-bad             only those that read a whole table and should not
  SERVICE_DATABASE_URL=postgres://… service explain")]
    Explain {
        /// Only the plans that should not be
        #[arg(long)]
        only_bad: bool,
    },
    /// Move users from one database to another while the service runs, or show where they are
    Reshard(ReshardOptions),
    /// Print the effective configuration as JSON, secrets masked
    Config,
    /// Print the API's OpenAPI description
    Openapi,
    /// Ask a running service whether it is ready; exit code 0 when it is, 1 when not
    Healthcheck {
        /// What to ask [default: /readyz where `serve` would listen]
        #[arg(long)]
        url: Option<String>,
    },
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// What `reshard` moves.
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("what").args(["bucket", "split", "even"]),
    after_help = "\
Users are in 1,024 buckets by a hash of their id; a bucket is on one of the databases of database.shards, which are
numbered from 0. Without options: what each of them holds. A bucket is copied while it is written to, compared row by
row, and switched while its writers wait for a fraction of a second. A move that was cut off in any way is finished or
undone by the same command, or by --cancel; nothing is lost either way.

To add a database: append it to database.shards of every process, `service migrate`, restart them one after another,
`service reshard --even`.

Examples:
  service reshard                       what is where
  service reshard --bucket 17 --to 2    one bucket
  service reshard --split 0 --to 3      every second bucket of shard 0
  service reshard --even --dry-run      what would move so that all have as many buckets

Exit codes: 0 done, or nothing to do · 1 a move failed; what did not move is where it was · 2 unusable command line or
configuration"
)]
pub struct ReshardOptions {
    /// A bucket to move, 0 to 1023; may be given several times
    #[arg(long, value_name = "N", requires = "to", value_parser = clap::value_parser!(u16).range(0..1024))]
    pub bucket: Vec<u16>,
    /// Move every second bucket of this shard
    #[arg(long, value_name = "SHARD", requires = "to")]
    pub split: Option<u16>,
    /// Where to, by position in database.shards
    #[arg(long, value_name = "SHARD", requires = "what", conflicts_with = "even")]
    pub to: Option<u16>,
    /// Move as few buckets as it takes until all shards have as many
    #[arg(long)]
    pub even: bool,
    /// Say what would move, and change nothing
    #[arg(long, requires = "what")]
    pub dry_run: bool,
    /// Finish or undo the moves that were cut off
    #[arg(long, conflicts_with_all = ["what", "dry_run"])]
    pub cancel: bool,
}

/// What `seed` makes.
#[derive(Debug, Args)]
#[command(after_help = "\
Users are user000001@seed.headroom.example and so on, and one admin: admin@seed.headroom.example. All have the same
password, stored as one shared argon2 hash, because a hash per user would take 20 ms each. All of it is stored or nothing:
a service that is running waits meanwhile, and shows the new data as its cached responses expire, within minutes.

Examples:
  service seed --users 1000 --tasks-per-user 20 --products 500 --accounts accounts.csv
  service seed --reset --users 100000 --seed 7
  service seed --tokens-only --accounts accounts.csv    new tokens for the users that are there")]
pub struct SeedOptions {
    /// Users to make
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub users: u32,
    /// Tasks per user
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub tasks_per_user: u32,
    /// Products in the catalogue
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub products: u32,
    /// Favourites per user, as far as there are products
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub favorites_per_user: u32,
    /// What the made-up data is drawn from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write email,password,access_token,refresh_token,user_id of every user here, with live tokens
    #[arg(long, value_name = "FILE.csv")]
    pub accounts: Option<PathBuf>,
    /// How long the access tokens live, such as 90m, 12h or 2d; at most 7d
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = duration_s)]
    pub token_ttl: u32,
    /// The password of every user
    #[arg(long, default_value = "headroom-demo-password", value_name = "TEXT", hide_default_value = false)]
    pub password: SecretString,
    /// Remove everything in the database first
    #[arg(long, conflicts_with = "tokens_only")]
    pub reset: bool,
    /// Make no data, only new tokens for the seeded users that are there
    #[arg(long, requires = "accounts")]
    pub tokens_only: bool,
}

impl Cli {
    /// The configuration that the options, the environment and the file add up to.
    ///
    /// # Errors
    /// When it is unusable.
    pub fn configuration(&self) -> Result<Config, ConfigError> {
        let mut overrides = self.overrides.clone();
        if let Some(path) = &self.database {
            overrides.push(("database.path".to_owned(), path.clone()));
            // Who names a file wants that file, whatever server the environment names.
            overrides.push(("database.url".to_owned(), String::new()));
        }
        if let Command::Serve { listen, roles } = &self.command {
            overrides.extend(listen.map(|address| ("http.listen".to_owned(), address.to_string())));
            overrides.extend(roles.iter().map(|roles| ("serve.roles".to_owned(), roles.to_string())));
        }
        // This one names the file and is no key.
        let environment = config::process_environment().filter(|(name, _)| name != "SERVICE_CONFIG_FILE");
        config::load(self.config.as_deref(), environment, &overrides)
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if key.contains('.') => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("expected SECTION.KEY=VALUE, such as cache.policy=off".to_owned()),
    }
}

const LONGEST_TOKEN_S: u64 = 7 * 24 * 3600;

fn duration_s(text: &str) -> Result<u32, String> {
    let wrong = || "expected a time such as 90m, 12h or 2d, at most 7d".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(wrong()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(wrong)?;
    match seconds {
        1..=LONGEST_TOKEN_S => u32::try_from(seconds).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(duration_s("90m"), Ok(5400));
        assert_eq!(duration_s("12h"), Ok(43_200));
        for text in ["", "12", "h", "0s", "8d", "1.5h", "99999999999999999999d", "1w"] {
            assert!(duration_s(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_password_does_not_show_in_debug_output() {
        let cli = Cli::try_parse_from(["service", "seed", "--password", "s3cret-word"]).unwrap();
        assert!(!format!("{cli:?}").contains("s3cret-word"));
    }
}
