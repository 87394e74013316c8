//! `stack status`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;

use super::state::State;
use super::{Status, table};

const NOTHING_RUNS: u8 = 3;

/// Shows a deployment; exit code 3 when there is none.
///
/// # Errors
/// What is known of it cannot be read.
pub fn status(arguments: &Status) -> Result<ExitCode> {
    let name = &arguments.name.name;
    let Some(state) = State::running(name)? else {
        eprintln!("nothing runs under the name `{name}`; `stack up` starts it");
        return Ok(ExitCode::from(NOTHING_RUNS));
    };
    let text = if arguments.json { serde_json::to_string_pretty(&state)? } else { table::show(&state) };
    // A reader that went away, as `head` does, is no failure.
    let _ = writeln!(std::io::stdout(), "{text}");
    if state.url.is_none() {
        eprintln!("it is still starting");
    }
    Ok(ExitCode::SUCCESS)
}
