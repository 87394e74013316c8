//! `reports`: run records in; a page, a table or a decision out.
//!
//! ```text
//! cli ─► read (record, checked) ─► report (one tree, with stats) ─► export: html ◄─ charts, json
//!                              └─► gate (judged, perhaps by other budgets) ─► export: table, json, junit, markdown, github
//! ```

mod budgets;
mod charts;
mod cli;
mod export;
mod failure;
mod gate;
mod read;
mod report;
mod stats;
mod words;

use std::{io::Write as _, path::Path, process::ExitCode};

use clap::{CommandFactory as _, Parser as _};
use record::Exit;

use crate::{
    cli::{Cli, Command, Gate, Html},
    failure::Failure,
    read::Evidence,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Html(args) => html(&args),
        Command::Gate(args) => gate(&args),
        Command::Completions { shell } => completions(shell),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("reports: {failure}");
        failure.exit
    })
    .into()
}

fn html(args: &Html) -> Result<Exit, Failure> {
    let evidence = Evidence::open(&args.record)?;
    let report = report::report(&evidence)?;
    if let Some(path) = &args.json {
        write(path, &export::json(&report)?)?;
    }
    write(&args.out, &export::html(&report))?;
    eprintln!("{}: {}", report.headline.word, report.headline.sentence);
    if args.out != Path::new(STDOUT) {
        eprintln!("page: {}", args.out.display());
    }
    Ok(Exit::Pass)
}

fn gate(args: &Gate) -> Result<Exit, Failure> {
    let mut evidence = Evidence::open(&args.record)?;
    if let Some(path) = &args.budgets {
        let budgets = budgets::read(path, &evidence)?;
        evidence = evidence.with_budgets(budgets);
    }
    let decision = gate::decide(&evidence);
    if let Some(path) = &args.junit {
        write(path, &export::junit(&decision)?)?;
    }
    if let Some(path) = &args.markdown {
        write(path, &export::markdown(&decision))?;
    }
    if args.json {
        write(Path::new(STDOUT), &export::json(&decision)?)?;
    }
    let mut documents = [&args.junit, &args.markdown].into_iter().flatten();
    let stdout_taken = args.json || documents.any(|path| path == Path::new(STDOUT));
    let mut talk = if stdout_taken { String::new() } else { export::table(&decision) };
    if args.github {
        talk += &export::github(&decision);
    }
    if stdout_taken {
        eprint!("{talk}");
        eprintln!("{}: {}", decision.word, decision.sentence);
    } else {
        write(Path::new(STDOUT), &talk)?;
    }
    Ok(decision.verdict.exit())
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "reports", &mut script);
    write(Path::new(STDOUT), &String::from_utf8_lossy(&script))?;
    Ok(Exit::Pass)
}

/// The path that means standard output.
const STDOUT: &str = "-";

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if path != Path::new(STDOUT) {
        return std::fs::write(path, text).map_err(|error| {
            Failure::usage(format!(
                "cannot write {}: {error}; name a file in a folder that exists",
                path.display()
            ))
        });
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever read it has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::usage(format!("cannot write to stdout: {error}"))),
        Ok(()) => Ok(()),
    }
}
