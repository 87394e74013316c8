//! What a run gives beside its record: the JSON summary, and the page and tables that `reports` makes of the record.

use std::{
    env,
    ffi::OsString,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use record::{BudgetResult, Run, Summary, Validity, Verdict};
use serde::Serialize;

use crate::{cli::RunArgs, stop::Stop};

/// Prints text to standard output. A reader that has seen enough and gone is no error.
pub fn print(text: &str) -> Result<(), Stop> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints `value` as indented JSON to standard output.
pub fn print_json(value: &impl Serialize) -> Result<(), Stop> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Stop::Internal(error.to_string()))?;
    print(&(text + "\n"))
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct JsonSummary<'a> {
    schema: &'static str,
    record: &'a Path,
    scenario: &'a str,
    seed: u64,
    verdict: Verdict,
    exit: u8,
    sentence: &'a str,
    validity: &'a Validity,
    budgets: &'a [BudgetResult],
    totals: &'a Summary,
}

/// Prints the JSON summary of a finished run.
pub fn print_summary(run: &Run, folder: &Path) -> Result<(), Stop> {
    let (Some(totals), Some(judgement)) = (&run.totals, &run.judgement) else { return Ok(()) };
    print_json(&JsonSummary {
        schema: "headroom.summary/1",
        record: folder,
        scenario: &run.scenario.name,
        seed: run.seed,
        verdict: judgement.verdict,
        exit: judgement.exit,
        sentence: &judgement.sentence,
        validity: &judgement.validity,
        budgets: &judgement.budgets,
        totals,
    })
}

/// The `reports` program, if the arguments need it: beside this one, or on the path. Looked for before the run, so that
/// a long run does not end in a missing program.
pub fn find_reports(arguments: &RunArgs) -> Result<Option<PathBuf>, Stop> {
    if arguments.report.is_none() && arguments.junit.is_none() && !arguments.github {
        return Ok(None);
    }
    let name = format!("reports{}", env::consts::EXE_SUFFIX);
    let beside = env::current_exe().ok().map(|program| program.with_file_name(&name));
    let on_path = env::var_os("PATH")
        .map(|path| env::split_paths(&path).map(|folder| folder.join(&name)).collect::<Vec<_>>());
    let candidates = beside.into_iter().chain(on_path.unwrap_or_default());
    candidates.into_iter().find(|candidate| candidate.is_file()).map(Some).ok_or_else(|| {
        Stop::Usage(
            "--report, --junit and --github need the program `reports` beside loadgen or on the path; \
             `cargo build -p reports` builds it"
                .to_owned(),
        )
    })
}

/// Has `reports` write what the arguments ask for.
pub fn write_reports(reports: &Path, arguments: &RunArgs, folder: &Path) -> Result<(), Stop> {
    let call = |line: &[OsString]| call(reports, line, arguments);
    if let Some(file) = &arguments.report {
        let line = ["html".into(), folder.into(), "--out".into(), file.into()];
        call(&line)?;
    }
    if arguments.junit.is_some() || arguments.github {
        let mut line: Vec<OsString> = vec!["gate".into(), folder.into()];
        if let Some(file) = &arguments.junit {
            line.extend(["--junit".into(), file.into()]);
        }
        if arguments.github {
            line.push("--github".into());
        }
        call(&line)?;
    }
    Ok(())
}

/// Runs `reports`. Its verdicts (10 and above) are those this run has drawn itself; only 1 and 2 are failures. Standard
/// output is the summary's if one is asked for, and `--quiet` is quiet about all but annotations and errors.
fn call(reports: &Path, line: &[OsString], arguments: &RunArgs) -> Result<(), Stop> {
    let mut command = Command::new(reports);
    command.args(line);
    if arguments.json {
        command.stdout(std::io::stderr());
    }
    if arguments.quiet {
        command.stderr(Stdio::piped());
        if !arguments.github {
            command.stdout(Stdio::null());
        }
    }
    let failed = |why: String| Stop::Internal(format!("{}: {why}", reports.display()));
    let output =
        command.spawn().and_then(Child::wait_with_output).map_err(|error| failed(error.to_string()))?;
    match output.status.code() {
        Some(0 | 10..) => Ok(()),
        _ => Err(failed(format!("{} {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))),
    }
}
