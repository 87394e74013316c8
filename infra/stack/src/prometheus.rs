//! Prometheus, which asks everything that has metrics once a second.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tempfile::TempDir;

use crate::daemon::{Daemon, Signals};
use crate::programs::PROMETHEUS;
use crate::{folder, http, ports};

const START: Duration = Duration::from_secs(30);

/// Somebody who has metrics under `/metrics`.
#[derive(Clone, Debug)]
pub struct Target {
    /// The kind, which becomes the label `job`.
    pub job: String,
    /// Which one of that kind, which becomes the label `name`.
    pub name: String,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    // Ends the server before the folder goes.
    daemon: Daemon,
    port: u16,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that asks `targets`, and itself.
    ///
    /// # Errors
    /// Prometheus is not installed or does not come up; the error shows the end of its log.
    pub fn start(targets: &[Target]) -> Result<Self> {
        let folder = folder::temporary("prometheus")?;
        let port = ports::free()?;
        let own = Target { job: "prometheus".to_owned(), name: "prometheus".to_owned(), port };
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration(targets.iter().chain([&own])))?;
        let signals = Signals { stop: libc::SIGTERM, last: libc::SIGKILL };
        let daemon = Daemon::new("Prometheus", folder.path().join("log"), signals, Some(folder.path()));
        let mut command = Command::new(PROMETHEUS.find()?);
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.args(["--storage.tsdb.retention.time=6h", "--log.level=warn"]);
        daemon.start(&mut command)?;
        let prometheus = Self { daemon, port, _folder: folder };
        let ready = || http::get(port, "/-/ready").is_some_and(|(status, _)| status == 200);
        prometheus.daemon.wait_ready(START, ready)?;
        Ok(prometheus)
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port that it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process and its log.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }
}

/// JSON, which is YAML.
fn configuration<'a>(targets: impl Iterator<Item = &'a Target>) -> String {
    let mut jobs: Vec<(&str, Vec<serde_json::Value>)> = Vec::new();
    for target in targets {
        let entry =
            json!({ "targets": [format!("127.0.0.1:{}", target.port)], "labels": { "name": target.name } });
        match jobs.iter_mut().find(|(job, _)| *job == target.job) {
            Some((_, entries)) => entries.push(entry),
            None => jobs.push((&target.job, vec![entry])),
        }
    }
    let jobs: Vec<_> = jobs
        .into_iter()
        .map(|(job, entries)| json!({ "job_name": job, "static_configs": entries }))
        .collect();
    json!({ "global": { "scrape_interval": "1s" }, "scrape_configs": jobs }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_one_kind_are_one_job_and_told_apart_by_name() {
        let target = |job: &str, name: &str, port| Target { job: job.into(), name: name.into(), port };
        let targets = [
            target("service", "api-1", 12001),
            target("rabbitmq", "rabbitmq", 12003),
            target("service", "api-2", 12002),
        ];
        let text: serde_json::Value = serde_json::from_str(&configuration(targets.iter())).unwrap();
        let jobs = text["scrape_configs"].as_array().unwrap();
        assert_eq!(jobs.len(), 2);
        assert_eq!(jobs[0]["static_configs"][1]["targets"][0], "127.0.0.1:12002");
        assert_eq!(jobs[0]["static_configs"][1]["labels"]["name"], "api-2");
    }
}
