//! `loadgen`: a scenario in, a run record and a verdict out.
//!
//! ```text
//! cli ─► plan (file → checked plan) ─► run ─┬─► pacer (arrival: due instants) ─┐
//!                                           └─► drive (Goose: users) ─► flow ─► transport ─► measure ─► record
//! ```

mod adjust;
mod arrival;
mod capacity;
mod cli;
mod control;
mod crowd;
mod doctor;
mod drive;
mod engine;
mod export;
mod flow;
mod host;
mod import;
mod mask;
mod measure;
mod observe;
mod once;
mod outputs;
mod pacer;
mod plan;
mod run;
mod screen;
mod share;
mod stop;
mod target;
mod transport;
mod watch;
mod web;
mod witness;
mod workers;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use record::Exit;

use crate::{
    cli::{Cli, Command},
    stop::Stop,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Two libraries bring a crypto provider each; without this the first TLS handshake would have to guess.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let done = match Cli::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Capacity(arguments) => capacity::capacity(&arguments),
        Command::Check(scenario) => check(&scenario),
        Command::Once(arguments) => once::once(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Import(from) => import::import(&from),
        Command::Schema => outputs::print_json(&plan::schema()).map(|()| Exit::Pass),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "loadgen", &mut std::io::stdout());
            Ok(Exit::Pass)
        }
    };
    match done {
        Ok(exit) => exit.into(),
        Err(stop) => {
            eprintln!("{stop}");
            stop.exit().into()
        }
    }
}

fn check(scenario: &cli::Scenario) -> Result<Exit, Stop> {
    let plan = plan::load(&scenario.file, &scenario.overrides())?;
    outputs::print(&plan::show(&plan))?;
    Ok(Exit::Pass)
}
