//! `stack`: a phase's whole deployment on this machine, by one command.

mod command;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::command::{Cli, Command, down, status, up};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(arguments) => up::up(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::Down(arguments) => down::down(&arguments),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "stack", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
