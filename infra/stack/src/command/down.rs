//! `stack down`.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use stack::process::is_alive;

use super::Name;
use super::state::State;

/// How long a deployment may take to end.
const END: Duration = Duration::from_secs(60);

/// Stops a deployment and waits until nothing of it is left.
///
/// # Errors
/// It does not end.
pub fn down(arguments: &Name) -> Result<ExitCode> {
    let name = &arguments.name;
    let Some(state) = State::running(name)? else {
        eprintln!("nothing runs under the name `{name}`");
        return Ok(ExitCode::SUCCESS);
    };
    let keeper = libc::pid_t::try_from(state.pid)?;
    // SAFETY: kill takes two integers; the process was there a moment ago, and a wrong one would have started later.
    if unsafe { libc::kill(keeper, libc::SIGTERM) } != 0 {
        bail!("stopping process {keeper}: {}", std::io::Error::last_os_error());
    }
    let deadline = Instant::now() + END;
    while state.is_there() || state.entries.iter().any(|entry| is_alive(entry.pid)) {
        if Instant::now() > deadline {
            bail!("process {keeper} and its servers did not end within {} s", END.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    }
    eprintln!("stopped; the data is gone");
    Ok(ExitCode::SUCCESS)
}
