//! One Redis server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::daemon::{Daemon, Signals};
use crate::http::connect;
use crate::programs::REDIS;
use crate::{folder, ports};

const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(10);
/// What it may hold before it lets go of what was used longest ago, among that which would expire anyway.
const MEMORY: &str = "256mb";

/// A server with a folder of its own.
#[derive(Debug)]
pub struct Node {
    // Ends the server before the folder goes.
    pub daemon: Daemon,
    pub port: u16,
    settings: Vec<String>,
    folder: TempDir,
}

impl Node {
    /// Starts a server called `name` in messages, with more `settings` as on Redis's command line.
    pub fn start_new(name: &str, settings: Vec<String>) -> Result<Self> {
        let folder = folder::temporary("redis")?;
        let signals = Signals { stop: libc::SIGTERM, last: libc::SIGKILL };
        let daemon = Daemon::new(name, folder.path().join("log"), signals, Some(folder.path()));
        let node = Self { daemon, port: ports::free()?, settings, folder };
        node.start()?;
        Ok(node)
    }

    /// Starts it on its port, empty, and waits until it answers.
    pub fn start(&self) -> Result<()> {
        let mut command = Command::new(REDIS.find()?);
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""]);
        command.args(["--appendonly", "no", "--maxmemory", MEMORY, "--maxmemory-policy", "volatile-lru"]);
        command.arg("--dir").arg(self.folder.path()).args(&self.settings);
        self.daemon.start(&mut command)?;
        self.daemon.wait_ready(START, || self.ask("PING").is_ok_and(|answer| answer == "PONG"))
    }

    /// Stops it; what it held is gone.
    pub fn stop(&self) -> Result<()> {
        self.daemon.stop(STOP)
    }

    /// What it answers to `command`, a line as one would type it into `redis-cli`: a status, a number or one text.
    pub fn ask(&self, command: &str) -> Result<String> {
        let stream = connect(self.port).with_context(|| format!("{} does not listen", self.daemon.name()))?;
        write!(&stream, "{command}\r\n")?;
        let mut answer = BufReader::new(&stream);
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("+" | ":", text)) => Ok(text.to_owned()),
            Some(("$", length)) => {
                let length = length.parse().context("the length of a text")?;
                let mut text = vec![0; length];
                answer.read_exact(&mut text)?;
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
            _ => bail!("{} answers {command} with `{line}`", self.daemon.name()),
        }
    }
}
