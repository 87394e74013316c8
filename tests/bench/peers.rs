//! The load generators that are compared: where each is found, and how each is asked to do the same, namely users on
//! connections that stay open, each asking again as soon as it was answered.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use harness::process::build_folder;

/// Users at once.
pub const USERS: u32 = 64;

/// A load generator.
pub struct Peer {
    /// What it is called in the table.
    pub name: &'static str,
    /// Program and arguments, or why it is not there.
    pub command: Result<Vec<String>, String>,
}

/// What requests are sent over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// HTTP/1.1.
    Plain,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS, each user on a connection of its own, so that one stream at a time is on it.
    Http2,
}

const SCENARIO: &str = "
version: 1
name: closed loop
target: { http: HTTP }
load: { users: { stages: [ { users: USERS, hold: SECONDSs } ] } }
flows:
  - name: ask
    steps: [ { get: /json } ]
";

const K6_SCRIPT: &str = "import http from 'k6/http';\nexport default function () { http.get(__ENV.URL); }\n";

const LOCUST_FILE: &str = "from locust import HttpUser, task\n\n\nclass Asker(HttpUser):\n    @task\n    def ask(self):\n        self.client.get(\"/json\")\n";

/// All that are compared over `wire`, asking `url` for `each`; files they need are put into `folder`.
pub fn peers(wire: Wire, url: &str, each: Duration, folder: &Path) -> Result<Vec<Peer>> {
    let (users, seconds, ask) = (USERS.to_string(), each.as_secs().to_string(), format!("{url}/json"));
    let lasting = format!("{seconds}s");
    // Left alone, most choose HTTP/2 where TLS offers it.
    let (http, of_oha, of_h2load, of_go) = match wire {
        Wire::Plain | Wire::Tls => ("1", "1.1", "--h1", "GODEBUG=http2client=0"),
        Wire::Http2 => ("2", "2", "--max-concurrent-streams=1", "GODEBUG=http2client=1"),
    };
    let scenario = SCENARIO.replace("HTTP", http).replace("USERS", &users).replace("SECONDS", &seconds);
    let scenario = put(folder, "closed.yaml", &scenario)?;
    let (k6_script, locust_file) =
        (put(folder, "k6.js", K6_SCRIPT)?, put(folder, "locustfile.py", LOCUST_FILE)?);
    let (record, url_variable) = (folder.join("record").display().to_string(), format!("URL={ask}"));

    let loadgen = ["run", &scenario, "--target", url, "--out", &record, "--no-tui", "--insecure"];
    let wrk = ["-t1", "-c", &users, "-d", &lasting, &ask];
    let hey = ["-z", &lasting, "-c", &users, "-cpus", "1", &ask];
    let oha = ["-z", &lasting, "-c", &users, "--no-tui", "--insecure", "--http-version", of_oha, &ask];
    let h2load = ["-t1", "-c", &users, "-D", &seconds, of_h2load, &ask];
    let k6 =
        [&K6_RUN[..], &["--vus", &users, "--duration", &lasting, "-e", &url_variable, &k6_script]].concat();
    let goose = ["--host", url, "--users", &users, "--increase-rate", &users, "--run-time", &lasting];
    let locust = [&["-f", &locust_file][..], &locust_run(&users, &lasting, url)].concat();
    let mut peers = vec![peer("loadgen", "loadgen", &[], &loadgen)?];
    if wire != Wire::Http2 {
        peers.push(peer("wrk", "wrk", &[], &wrk)?);
    }
    if wire == Wire::Plain {
        peers.push(peer("hey", "hey", &[], &hey)?);
    }
    peers.push(peer("oha", "oha", &[], &oha)?);
    if wire != Wire::Plain {
        peers.push(peer("h2load", "h2load", &[], &h2load)?);
    }
    peers.push(peer("k6", "k6", &[of_go], &k6)?);
    if wire == Wire::Plain {
        peers.push(peer("stock Goose", "stock_goose", &[], &goose)?);
        peers.push(peer("Locust", "locust", &[], &locust)?);
    }
    Ok(peers)
}

/// What every run of k6 is told: not to draw, not to report its use to its makers, to accept the server's certificate.
pub const K6_RUN: [&str; 4] = ["run", "--quiet", "--no-usage-report", "--insecure-skip-tls-verify"];

/// What every run of Locust is told.
pub fn locust_run<'a>(users: &'a str, lasting: &'a str, url: &'a str) -> [&'a str; 9] {
    ["--headless", "-u", users, "-r", users, "-t", lasting, "-H", url]
}

/// Writes a file that a load generator reads, and says where it is.
pub fn put(folder: &Path, name: &str, text: &str) -> Result<String> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(path.display().to_string())
}

/// The load generator `name`, its `program` where it was built or else on the PATH, in an `environment` of `NAME=value`s.
pub fn peer(name: &'static str, program: &str, environment: &[&str], arguments: &[&str]) -> Result<Peer> {
    let built = build_folder()?;
    let target = built.parent().context("the build folder lies in the target folder")?;
    let places =
        [&built, &built.join("examples"), &target.join("peers/bin"), &target.join("peers/python/bin")];
    let place = places.iter().map(|place| place.join(program)).find(|path| path.is_file());
    let found =
        place.map(|path| path.display().to_string()).or_else(|| on_path(program).then(|| program.to_owned()));
    let command = found.ok_or_else(|| format!("{program} could not be had here")).map(|program| {
        let words = std::iter::once("env").chain(environment.iter().copied());
        words.chain([program.as_str()]).chain(arguments.iter().copied()).map(str::to_owned).collect()
    });
    Ok(Peer { name, command })
}

fn on_path(program: &str) -> bool {
    let mut asked = Command::new("sh");
    asked.args(["-c", "command -v \"$1\"", "sh", program]).stdout(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}
