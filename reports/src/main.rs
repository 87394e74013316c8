//! `reports`: run records in; a page, a table or a decision out.
//!
//! ```text
//! cli ─► read (record, checked) ─► report (one tree, with stats) ─► export: html ◄─ charts, json
//!                              └─► gate (judged, perhaps by other budgets) ─► export: table, json, junit, markdown, github
//!     ├─► compare (two sets of runs) ─► export: comparison, json
//!     ├─► capacity (points, fitted) ─► export: fit, json
//!     ├─► plan (loads, phases) ─► cost (prices) ─► export: plan ◄─ charts, json
//!     ├─► claims (a document's figures, judged) ─► export: claims, json
//!     ├─► simulate (a plan's day, event by event) ─► export: simulation, html, json
//!     └─► merge (the parts of a load) ─► record
//! ```

mod baseline;
mod budgets;
mod capacity;
mod charts;
mod claims;
mod cli;
mod compare;
mod cost;
mod export;
mod failure;
#[cfg(test)]
mod fixture;
mod gate;
mod merge;
mod page;
mod plan;
mod planning;
mod read;
mod report;
mod simulate;
mod stats;
mod words;

use std::{io::Write as _, path::Path, process::ExitCode};

use clap::{CommandFactory as _, Parser as _};
use record::Exit;

use crate::{
    cli::{Accept, Against, Claims, Cli, Command, Compare, Fit, Gate, Simulate},
    cost::Catalogue,
    failure::Failure,
    gate::{Decision, Decisions},
    read::Evidence,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Html(args) => page::page(&args),
        Command::Gate(args) => gate(&args),
        Command::Accept(args) => accept(&args),
        Command::Compare(args) => compare(&args),
        Command::Fit(args) => fit(&args),
        Command::Claims(args) => judged_claims(&args),
        Command::Simulate(args) => simulate(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Plan(args) => planning::plan(&args),
        Command::Prices(args) => planning::prices(&args),
        Command::Completions { shell } => completions(shell),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("reports: {failure}");
        failure.exit
    })
    .into()
}

fn gate(args: &Gate) -> Result<Exit, Failure> {
    let json = args.json.then_some(Path::new(STDOUT));
    let stdout_taken = one_to_stdout(&[args.junit.as_deref(), args.markdown.as_deref(), json])?;
    let mut runs = Vec::new();
    for folder in &args.records {
        let evidence = Evidence::open(folder)?;
        runs.push(match &args.budgets {
            Some(path) => {
                let budgets = budgets::read(path, &evidence)?;
                evidence.with_budgets(budgets)
            }
            None => evidence,
        });
    }
    let Against { baseline, least_effect } = &args.against;
    let comparison = if baseline.is_empty() {
        None
    } else {
        Some(baseline::held_against(&runs, baseline, *least_effect)?)
    };
    let mut decided: Vec<Decision> = runs.iter().map(gate::decide).collect();
    let (documents, verdict, word, sentence) = if decided.len() == 1 {
        let mut decision = decided.remove(0);
        if let Some(comparison) = comparison {
            decision = decision.held_against(comparison);
        }
        (export::gate(&decision)?, decision.verdict, decision.word, decision.sentence)
    } else {
        let folders = args.records.iter().map(|folder| folder.display().to_string());
        let decisions = Decisions::of(folders.zip(decided).collect(), comparison);
        (export::gates(&decisions)?, decisions.verdict, decisions.word, decisions.sentence)
    };
    if let Some(path) = &args.junit {
        write(path, &documents.junit)?;
    }
    if let Some(path) = &args.markdown {
        write(path, &documents.markdown)?;
    }
    if args.json {
        write(Path::new(STDOUT), &documents.json)?;
    }
    let mut talk = if stdout_taken { String::new() } else { documents.table };
    if args.github {
        talk += &documents.github;
    }
    if stdout_taken {
        eprint!("{talk}");
        eprintln!("verdict: {word}\n{sentence}");
    } else {
        write(Path::new(STDOUT), &talk)?;
    }
    Ok(verdict.exit())
}

fn accept(args: &Accept) -> Result<Exit, Failure> {
    let accepted = baseline::accept(&args.records, &args.store)?;
    eprintln!("{}", accepted.sentence);
    write(Path::new(STDOUT), &format!("{}\n", accepted.folder.display()))?;
    Ok(Exit::Pass)
}

fn compare(args: &Compare) -> Result<Exit, Failure> {
    let json = args.json.then_some(Path::new(STDOUT));
    let stdout_taken = one_to_stdout(&[args.markdown.as_deref(), json])?;
    let after = if args.with.is_empty() { &args.after } else { &args.with };
    let found = compare::compare(&args.before, after, args.least_effect)?;
    if let Some(path) = &args.markdown {
        write(path, &export::comparison_markdown(&found))?;
    }
    if args.json {
        write(Path::new(STDOUT), &export::json(&found)?)?;
    }
    if stdout_taken {
        eprintln!("{}", found.sentence);
    } else {
        write(Path::new(STDOUT), &export::comparison(&found))?;
    }
    Ok(found.outcome.exit())
}

fn fit(args: &Fit) -> Result<Exit, Failure> {
    let asked = capacity::Asked {
        slo_s: args.slo.map(|slo| slo.as_secs_f64()),
        at: args.at.clone(),
        have: args.have.clone(),
        servers: args.servers,
        curve: 0,
        cache: (args.cache_hits.clone(), args.db_rate.clone()),
    };
    let found = capacity::fitting(&args.points, &asked)?;
    write(Path::new(STDOUT), &if args.json { export::json(&found)? } else { export::fit(&found) })?;
    Ok(Exit::Pass)
}

fn judged_claims(args: &Claims) -> Result<Exit, Failure> {
    let json = args.json.then_some(Path::new(STDOUT));
    let stdout_taken = one_to_stdout(&[args.markdown.as_deref(), args.out.as_deref(), json])?;
    let found = claims::claims(&args.records, &args.claims, &Catalogue::read(args.prices.as_deref())?)?;
    if let Some(path) = &args.out {
        write(path, &export::claims_html(&found))?;
    }
    if let Some(path) = &args.markdown {
        write(path, &export::claims_markdown(&found))?;
    }
    if args.json {
        write(Path::new(STDOUT), &export::json(&found)?)?;
    }
    if stdout_taken {
        eprintln!("{}", found.sentence);
    } else {
        write(Path::new(STDOUT), &export::claims(&found))?;
    }
    Ok(Exit::Pass)
}

fn simulate(args: &Simulate) -> Result<Exit, Failure> {
    let json = args.json.then_some(Path::new(STDOUT));
    let stdout_taken = one_to_stdout(&[args.out.as_deref(), json])?;
    let found = simulate::simulate(&args.plan, args.prices.as_deref())?;
    if let Some(path) = &args.out {
        write(path, &export::simulation_html(&found))?;
    }
    if args.json {
        write(Path::new(STDOUT), &export::json(&found)?)?;
    }
    if stdout_taken {
        eprintln!("{}", found.sentence);
    } else {
        write(Path::new(STDOUT), &export::simulation(&found))?;
    }
    Ok(Exit::Pass)
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "reports", &mut script);
    write(Path::new(STDOUT), &String::from_utf8_lossy(&script))?;
    Ok(Exit::Pass)
}

/// The path that means standard output.
const STDOUT: &str = "-";

/// Whether a document goes to stdout.
fn one_to_stdout(documents: &[Option<&Path>]) -> Result<bool, Failure> {
    match documents.iter().flatten().filter(|path| **path == Path::new(STDOUT)).count() {
        0 | 1 => Ok(documents.contains(&Some(Path::new(STDOUT)))),
        _ => Err(Failure::usage("two documents cannot both go to stdout; name a file for one of them")),
    }
}

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

#[cfg(test)]
mod tests {
    use std::fs;

    use record::State;

    use super::*;
    use crate::fixture::Fixture;

    fn gated(fixture: &Fixture, budgets: Option<&str>) -> Result<Exit, Failure> {
        let folder = tempfile::tempdir().unwrap();
        fixture.write(folder.path());
        let path = budgets.map(|text| {
            let path = folder.path().join("budgets.yaml");
            fs::write(&path, text).unwrap();
            path
        });
        gate(&Gate {
            records: vec![folder.path().to_path_buf()],
            budgets: path,
            against: Against { baseline: Vec::new(), least_effect: 0.05 },
            junit: Some(folder.path().join("gate.xml")),
            github: false,
            markdown: None,
            json: false,
        })
    }

    #[test]
    fn the_gate_answers_with_the_exit_code_of_the_verdict() {
        let met = vec![(None, "p95", "1s")];
        let pass = Fixture { budgets: met, ..Fixture::default() };
        let exit = |fixture: &Fixture| gated(fixture, None).unwrap();
        assert_eq!(exit(&pass), Exit::Pass);
        assert_eq!(exit(&Fixture::default()), Exit::BudgetMissed);
        assert_eq!(exit(&Fixture { state: State::Running, ..pass.clone() }), Exit::Invalid);
        assert_eq!(exit(&Fixture { state: State::Interrupted, ..pass.clone() }), Exit::Interrupted);
        assert_eq!(exit(&Fixture { per_s: 0, failed_per_s: 0, ..pass.clone() }), Exit::NoData);
        assert_eq!(
            exit(&Fixture { seconds: 5, budgets: vec![(None, "p99.9", "1s")], ..pass }),
            Exit::Invalid
        );
    }

    #[test]
    fn other_budgets_judge_the_same_record_anew() {
        let judged = |budgets| gated(&Fixture::default(), Some(budgets));
        assert_eq!(judged("- { p95: 1s }\n").unwrap(), Exit::Pass);
        assert_eq!(judged("- { p50: 1ms }\n").unwrap(), Exit::BudgetMissed);
        assert_eq!(judged("- { request: list tasks, p99.9: 1s }\n").unwrap(), Exit::Invalid);
        let failure = judged("- { request: lst tasks, p95: 1s }\n").unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("budgets.yaml:1:14: "), "{failure}");
    }
}
