//! The real service as a process, on a free port, with a database of its own.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::{Ended, Process, program, run};

/// How long the service may take to listen: migrations and a debug build on a busy machine included.
const START: Duration = Duration::from_secs(30);

/// A folder with a database, on which a service can be started, killed and started again.
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Site {
    /// An empty one.
    ///
    /// # Errors
    /// No temporary folder can be made.
    pub fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, settings: Vec::new() })
    }

    /// The same with a setting of the service, such as `SERVICE_CACHE_POLICY` = `off`.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A `service` command that works in this site.
    ///
    /// # Errors
    /// The service has not been built.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program("service")?);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("SERVICE_HTTP_LISTEN", "127.0.0.1:0")
            .env("SERVICE_DATABASE_PATH", self.folder.path().join("service.db"))
            .envs(self.settings.iter().map(|(key, value)| (key, value)));
        Ok(command)
    }

    /// Fills the database; gives back the file of accounts with live tokens.
    ///
    /// # Errors
    /// The seeding fails.
    pub fn seed(&self, users: u32, tasks_per_user: u32, products: u32) -> Result<PathBuf> {
        let accounts = self.folder.path().join("accounts.csv");
        let (users, tasks, products) = (users.to_string(), tasks_per_user.to_string(), products.to_string());
        let mut command = self.command(&["seed", "--users", &users, "--tasks-per-user", &tasks])?;
        let ended = run(command.args(["--products", &products, "--seed", "7", "--accounts"]).arg(&accounts))?;
        if ended.code != Some(0) {
            bail!("service seed ended with {:?}: {}", ended.code, ended.stderr);
        }
        Ok(accounts)
    }

    /// Starts the service and waits until it listens.
    ///
    /// # Errors
    /// It does not come up; the error shows what it said.
    pub fn start(&self) -> Result<Service> {
        listening(self.command(&["serve"])?)
    }

    /// The same, on processor `core` alone.
    ///
    /// # Errors
    /// As [`Site::start`].
    pub fn start_on(&self, core: usize) -> Result<Service> {
        let serve = self.command(&["serve"])?;
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", &core.to_string()]).arg(serve.get_program()).args(serve.get_args());
        pinned.current_dir(self.folder.path());
        pinned.envs(serve.get_envs().filter_map(|(key, value)| Some((key, value?))));
        listening(pinned)
    }
}

fn listening(mut command: Command) -> Result<Service> {
    let mut process = Process::start_with_output(command.stdout(Stdio::piped()))?;
    let stdout = process.take_stdout().context("stdout is piped")?;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("listening ") {
                // Whoever waited may have given up; the rest of the output is read all the same, so that the
                // service never blocks on a full pipe.
                let _ = tell.send(url.trim().trim_end_matches('/').to_owned());
            }
        }
    });
    match told.recv_timeout(START) {
        Ok(url) => Ok(Service { url, process }),
        Err(_) => {
            let ended = process.wait(Duration::ZERO);
            bail!("the service did not come up: {ended:?}")
        }
    }
}

/// A running service; killed when dropped.
#[derive(Debug)]
pub struct Service {
    /// Scheme, host and port.
    pub url: String,
    /// Its process.
    pub process: Process,
}

impl Service {
    /// Ends it as a crash does.
    ///
    /// # Errors
    /// It had ended already.
    pub fn kill(mut self) -> Result<()> {
        self.process.signal(libc::SIGKILL)?;
        self.process.wait(Duration::from_secs(5)).map(drop)
    }

    /// Asks it to stop and waits for it.
    ///
    /// # Errors
    /// It had ended already or does not end.
    pub fn stop(mut self) -> Result<Ended> {
        self.process.signal(libc::SIGTERM)?;
        self.process.wait(Duration::from_secs(20))
    }
}
