//! The load generators that are compared, and how each is asked to do the same: 64 users on connections that stay
//! open, each asking again as soon as it was answered.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use harness::process::{build_folder, program};

/// Users at once.
pub const USERS: u32 = 64;

/// A load generator.
pub struct Peer {
    /// What it is called in the table.
    pub name: &'static str,
    /// Program and arguments, or why it is not there.
    pub command: Result<Vec<String>, String>,
}

const SCENARIO: &str = "
version: 1
name: closed loop
load: { users: { stages: [ { users: USERS, hold: SECONDSs } ] } }
flows:
  - name: ask
    steps: [ { get: /json } ]
";

const K6_SCRIPT: &str = "import http from 'k6/http';\nexport default function () { http.get(__ENV.URL); }\n";

const LOCUST_FILE: &str = "from locust import HttpUser, task\n\n\nclass Asker(HttpUser):\n    @task\n    def ask(self):\n        self.client.get(\"/json\")\n";

/// All of them, asking `url` for `each`; files they need are put into `folder`.
pub fn peers(url: &str, each: Duration, folder: &Path) -> Result<Vec<Peer>> {
    let seconds = each.as_secs().to_string();
    let (users, lasting, ask) = (USERS.to_string(), format!("{seconds}s"), format!("{url}/json"));
    let scenario = folder.join("closed.yaml");
    fs::write(&scenario, SCENARIO.replace("USERS", &users).replace("SECONDS", &seconds))?;
    let k6_script = folder.join("k6.js");
    fs::write(&k6_script, K6_SCRIPT)?;
    let locust_file = folder.join("locustfile.py");
    fs::write(&locust_file, LOCUST_FILE)?;

    let here = build_folder()?;
    let target = here.parent().context("the build folder lies in the target folder")?;
    let in_peers = |name: &str| target.join("peers/bin").join(name).display().to_string();
    let loadgen = program("loadgen")?.display().to_string();
    let goose = here.join("examples/stock_goose").display().to_string();
    let locust = target.join("peers/python/bin/locust").display().to_string();
    let (scenario, k6_script, locust_file) =
        (scenario.display().to_string(), k6_script.display().to_string(), locust_file.display().to_string());
    let record = folder.join("record").display().to_string();
    let (url_variable, k6) = (format!("URL={ask}"), in_peers("k6"));
    let oha = in_peers("oha");
    let candidates: [(&'static str, &[&str]); 7] = [
        ("loadgen", &[&loadgen, "run", &scenario, "--target", url, "--out", &record, "--no-tui"]),
        ("wrk", &["wrk", "-t1", "-c", &users, "-d", &lasting, &ask]),
        ("hey", &["hey", "-z", &lasting, "-c", &users, "-cpus", "1", &ask]),
        ("oha", &[&oha, "-z", &lasting, "-c", &users, "--no-tui", &ask]),
        (
            "k6",
            &[
                &k6,
                "run",
                "--quiet",
                "--vus",
                &users,
                "--duration",
                &lasting,
                "-e",
                &url_variable,
                &k6_script,
            ],
        ),
        (
            "stock Goose",
            &[&goose, "--host", url, "--users", &users, "--increase-rate", &users, "--run-time", &lasting],
        ),
        (
            "Locust",
            &[
                &locust,
                "-f",
                &locust_file,
                "--headless",
                "-u",
                &users,
                "-r",
                &users,
                "-t",
                &lasting,
                "-H",
                url,
            ],
        ),
    ];
    Ok(candidates.into_iter().map(|(name, command)| Peer { name, command: available(command) }).collect())
}

fn available(command: &[&str]) -> Result<Vec<String>, String> {
    let found = Command::new("sh").args(["-c", "command -v \"$1\"", "sh", command[0]]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Ok(command.iter().map(|it| (*it).to_owned()).collect());
    }
    let name = Path::new(command[0]).file_name().unwrap_or_default().to_string_lossy().into_owned();
    // One that is installed elsewhere serves as well.
    let on_path = Command::new("sh").args(["-c", "command -v \"$1\"", "sh", &name]).output();
    match on_path {
        Ok(output) if output.status.success() => {
            Ok(std::iter::once(name).chain(command[1..].iter().map(|it| (*it).to_owned())).collect())
        }
        _ => Err(format!("{name} could not be had here")),
    }
}
