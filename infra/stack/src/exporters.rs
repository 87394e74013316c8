//! What translates the figures of PostgreSQL, Redis and nginx for Prometheus; the service and RabbitMQ speak to it themselves.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::daemon::{Daemon, Signals};
use crate::nginx::STATUS_PATH;
use crate::programs::{NGINX_EXPORTER, POSTGRES_EXPORTER, Program, REDIS_EXPORTER};
use crate::prometheus::Target;
use crate::{folder, http, ports};

const START: Duration = Duration::from_secs(20);

/// Running translators.
#[derive(Debug)]
pub struct Exporters {
    // End before the folder goes.
    running: Vec<(Daemon, Target)>,
    folder: TempDir,
}

impl Exporters {
    /// None yet.
    ///
    /// # Errors
    /// No temporary folder can be made.
    pub fn none() -> Result<Self> {
        Ok(Self { running: Vec::new(), folder: folder::temporary("exporters")? })
    }

    /// One for the PostgreSQL server called `name`, by the URL of a database on it. (One for several servers answers with
    /// an error, because what they share is then there twice.)
    ///
    /// # Errors
    /// It is not installed or does not come up.
    pub fn postgres(&mut self, name: &str, url: &str) -> Result<()> {
        self.start(POSTGRES_EXPORTER, name, |command, port| {
            command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--log.level=warn");
            command.env("DATA_SOURCE_NAME", format!("{url}?sslmode=disable"));
        })
    }

    /// One for the Redis server called `name`.
    ///
    /// # Errors
    /// It is not installed or does not come up.
    pub fn redis(&mut self, name: &str, url: &str) -> Result<()> {
        self.start(REDIS_EXPORTER, name, |command, port| {
            command.arg(format!("-web.listen-address=127.0.0.1:{port}"));
            command.arg(format!("-redis.addr={}", url.trim_end_matches('/')));
        })
    }

    /// One for the nginx at `url`.
    ///
    /// # Errors
    /// It is not installed or does not come up.
    pub fn nginx(&mut self, url: &str) -> Result<()> {
        self.start(NGINX_EXPORTER, "nginx", |command, port| {
            command.arg(format!("-web.listen-address=127.0.0.1:{port}"));
            command.arg(format!("-nginx.scrape-uri={url}{STATUS_PATH}"));
        })
    }

    /// Whom Prometheus is to ask.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        self.running.iter().map(|(_, target)| target.clone())
    }

    fn start(&mut self, program: Program, name: &str, options: impl FnOnce(&mut Command, u16)) -> Result<()> {
        let port = ports::free()?;
        let signals = Signals { stop: libc::SIGTERM, last: libc::SIGKILL };
        let log = self.folder.path().join(format!("{name}.log"));
        let daemon = Daemon::new(format!("{name}'s exporter"), log, signals, Some(self.folder.path()));
        let mut command = Command::new(program.find()?);
        options(&mut command, port);
        daemon.start(&mut command)?;
        daemon.wait_ready(START, || http::get(port, "/metrics").is_some_and(|(status, _)| status == 200))?;
        let job = name.split('-').next().unwrap_or(name).to_owned();
        self.running.push((daemon, Target { job, name: name.to_owned(), port }));
        Ok(())
    }
}
