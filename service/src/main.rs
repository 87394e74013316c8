//! The reference service: a task manager with a product catalogue that behaves like production.

mod app;
mod auth;
mod cache;
mod cli;
mod clock;
mod config;
mod cursor;
mod describe;
mod error;
mod explain;
mod files;
mod head_clock;
mod healthcheck;
mod input;
mod lifecycle;
mod listen;
mod mail;
mod middleware;
mod out;
mod queue;
mod redis;
mod reshard;
mod router;
mod routes;
mod seed;
mod store;
mod telemetry;
mod tls;

#[cfg(test)]
mod testing;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::cli::{Cli, Command};
use crate::config::Config;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code for a configuration or a command line that cannot be used.
const BAD_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), "service", &mut std::io::stdout());
        return ExitCode::SUCCESS;
    }
    let config = match cli.configuration() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    match run(cli.command, config) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if config.http.workers > 0 {
        runtime.worker_threads(config.http.workers);
    }
    let runtime = runtime.enable_all().build()?;
    let telemetry = match command {
        Command::Serve { .. } => telemetry::start(&config, runtime.handle())?,
        _ => {
            telemetry::log_to_stderr(&config.log);
            telemetry::Telemetry::default()
        }
    };
    let outcome = runtime.block_on(async {
        match command {
            Command::Serve { .. } => lifecycle::serve(config).await?,
            Command::Migrate => {
                let metrics = telemetry::metrics::Metrics::default();
                let store = store::Store::open(&config.database, &metrics).await?;
                store.migrate().await?;
                store.close().await;
                let shards = match config.database.shards.len() {
                    0 => "is".to_owned(),
                    1 => "and its shard are".to_owned(),
                    several => format!("and its {several} shards are"),
                };
                eprintln!("{} {shards} up to date", config.database.name());
            }
            Command::Explain { only_bad } => {
                let (text, good) = explain::run(&config, only_bad).await?;
                print(&text)?;
                if !good {
                    return Ok(ExitCode::FAILURE);
                }
            }
            Command::Reshard(options) => return reshard::run(config, &options).await,
            Command::Seed(options) => seed::run(config, &options).await?,
            Command::Config => print(&serde_json::to_string_pretty(&config)?)?,
            Command::Openapi => print(&description().await?)?,
            Command::Healthcheck { url } => {
                let own = url.is_none();
                let url = url.unwrap_or_else(|| healthcheck::default_url(&config));
                return healthcheck::run(&url, own).await;
            }
            Command::Completions { .. } => {}
        }
        Ok(ExitCode::SUCCESS)
    });
    telemetry.close();
    outcome
}

/// The API's description; it is made from the routes, so that they are built for it, over a database in memory.
async fn description() -> anyhow::Result<String> {
    let mut config = Config::default();
    config::IN_MEMORY.clone_into(&mut config.database.path);
    let app = app::App::build(config).await?;
    Ok(router::build(&app).1.to_pretty_json()?)
}

/// Writes to stdout. A reader that went away, as `head` does, is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
