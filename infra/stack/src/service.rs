//! A process of the service.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::daemon::{Daemon, Signals};
use crate::http;

/// Migrations and a debug build on a busy machine included.
const START: Duration = Duration::from_secs(60);
/// Its own limits for draining come to less.
const STOP: Duration = Duration::from_secs(30);

/// How a process of the service is to be started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its working folder, which also gets its log.
    pub folder: PathBuf,
    /// What it is called: in messages, and its log's name.
    pub name: String,
    /// Where it is to listen, on 127.0.0.1.
    pub port: u16,
    /// Which of the service's roles it has, such as `all` or `auth,users`.
    pub roles: String,
    /// Its settings, `SERVICE_…`.
    pub environment: Vec<(String, String)>,
    /// Processors that it may use, as `taskset` takes them; all if not given.
    pub cpus: Option<String>,
}

/// A running process of the service.
#[derive(Debug)]
pub struct Service {
    daemon: Daemon,
    launch: Launch,
}

impl Service {
    /// Starts one and waits until it is ready.
    ///
    /// # Errors
    /// It does not come up; the error shows the end of its log.
    pub fn start(launch: Launch) -> Result<Self> {
        let signals = Signals { stop: libc::SIGTERM, last: libc::SIGKILL };
        let log = launch.folder.join(format!("{}.log", launch.name));
        let service = Self { daemon: Daemon::new(&launch.name, log, signals, None), launch };
        service.start_again()?;
        Ok(service)
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.launch.port)
    }

    /// The port that it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.launch.port
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// Which of the service's roles it has.
    pub fn roles(&self) -> &str {
        &self.launch.roles
    }

    /// Its process and its log.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Ends it as a crash does.
    pub fn kill(&self) {
        self.daemon.kill();
    }

    /// Asks it to stop and waits: readiness off, requests in progress answered.
    ///
    /// # Errors
    /// It does not end in time and had to be killed.
    pub fn stop(&self) -> Result<()> {
        self.daemon.stop(STOP)
    }

    /// Starts it again on the same port, and waits until it is ready.
    ///
    /// # Errors
    /// It runs, or does not come up.
    pub fn start_again(&self) -> Result<()> {
        let Launch { program, folder, port, roles, environment, cpus, .. } = &self.launch;
        let mut command = match cpus {
            Some(cpus) => {
                let mut pinned = Command::new("taskset");
                pinned.args(["-c", cpus]).arg(program);
                pinned
            }
            None => Command::new(program),
        };
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}")]).current_dir(folder);
        if roles != "all" {
            command.args(["--roles", roles]);
        }
        self.daemon.start(command.envs(environment.iter().map(|(name, value)| (name, value))))?;
        let ready = || http::get(*port, "/readyz").is_some_and(|(status, _)| status == 200);
        self.daemon.wait_ready(START, ready)
    }

    /// Stops it in order and starts it again.
    ///
    /// # Errors
    /// As [`Service::stop`] and [`Service::start_again`].
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        self.start_again()
    }
}
