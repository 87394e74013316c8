//! The servers that are compared, each as a process on the same processor, over the same PostgreSQL.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use harness::process::{Process, build_folder};

/// Servers run here, load and databases on the other one.
pub const CORE: usize = 1;

/// A running server.
pub struct Running {
    /// Scheme, host and port.
    pub url: String,
    /// Its process.
    pub process: Process,
}

/// Starts `command` on the servers' processor and waits for the line with its address.
pub fn start(program: &str, change: impl FnOnce(&mut Command)) -> Result<Running> {
    let mut command = Command::new("taskset");
    command.args(["-c", &CORE.to_string(), program]).stdout(Stdio::piped());
    change(&mut command);
    let mut process = Process::start_with_output(&mut command)?;
    let stdout = process.take_stdout().context("stdout is piped")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let Some((_, url)) = line.split_once("listening ") else {
        bail!("{program} said {line:?} {}", process.said_so_far());
    };
    Ok(Running { url: url.trim().trim_end_matches('/').to_owned(), process })
}

/// An example of this workspace.
pub fn example(name: &str) -> Result<String> {
    let path = build_folder()?.join("examples").join(name);
    if !path.is_file() {
        bail!("{} is not there; infra/bench.sh builds it", path.display());
    }
    Ok(path.display().to_string())
}

/// The Express server, where infra/bench.sh has installed it.
pub fn express() -> Result<PathBuf> {
    let built = build_folder()?;
    let target = built.parent().context("the build folder lies in the target folder")?;
    let server = target.join("peers/express/server.js");
    if !server.with_file_name("node_modules").is_dir() {
        bail!("Express could not be had here: run infra/bench.sh, which installs it by npm");
    }
    Ok(server)
}
