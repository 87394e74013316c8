//! What one request costs its server, and how late the latest of a hundred is.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use harness::process::program;
use record::Record;

use crate::{
    peers::put,
    usage::{cpu_so_far, run_on},
};

/// The load and the databases are here.
pub const CORE: usize = 0;

/// What is asked.
pub struct Ask {
    /// Path and query.
    pub path: &'static str,
    /// The body of a POST; a GET has none.
    pub body: Option<String>,
    /// Requests per second at which latency is measured: far below what anyone can do.
    pub rate: u32,
}

/// Processor time that the server `pid` spends on a request, microseconds, kernel included: under wrk's closed loop.
pub fn cost_us(pid: u32, url: &str, ask: &Ask, token: &str, folder: &Path, each: Duration) -> Result<f64> {
    let mut script = format!("wrk.headers[\"authorization\"] = \"Bearer {token}\"\n");
    if let Some(body) = &ask.body {
        script += &format!(
            "wrk.method = \"POST\"\nwrk.headers[\"content-type\"] = \"application/json\"\nwrk.body = [[{body}]]\n"
        );
    }
    let script = put(folder, "ask.lua", &script)?;
    let (lasting, url) = (format!("{}s", each.as_secs()), format!("{url}{}", ask.path));
    let before = cpu_so_far(pid)?;
    let arguments = ["-t1", "-c16", "-d", &lasting, "-s", &script, &url];
    let (_, said) = run_on(CORE, each + Duration::from_secs(20), "wrk", &arguments)?;
    let used = cpu_so_far(pid)? - before;
    if said.contains("Non-2xx") {
        bail!("{url} refuses: {said}");
    }
    let requests =
        said.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse::<f64>().ok());
    Ok(used.as_secs_f64() * 1e6 / requests.with_context(|| format!("a number of requests in {said}"))?)
}

/// The 99th percentile of the response time, microseconds, at the steady rate of `ask`, from when each request was due.
pub fn p99_us(url: &str, ask: &Ask, token: &str, folder: &Path, each: Duration) -> Result<Option<f64>> {
    let method = match &ask.body {
        None => format!("get: {}", ask.path),
        Some(body) => format!("post: {}\n        json: {body}", ask.path),
    };
    let scenario = format!(
        "version: 1\nname: one route\nload:\n  arrivals:\n    process: constant\n    stages: [{{ rate: {}/s, hold: {}s }}]\n  \
         warm_up: 2s\nflows:\n  - name: ask\n    steps:\n      - {method}\n        \
         headers: {{ authorization: \"Bearer {token}\" }}\n",
        ask.rate,
        each.as_secs() + 2
    );
    let scenario = put(folder, "one.yaml", &scenario)?;
    let record = folder.join("record");
    // Each run wants a folder of its own for its record.
    let _ = fs::remove_dir_all(&record);
    let (loadgen, out) = (program("loadgen")?.display().to_string(), record.display().to_string());
    let arguments = ["run", &scenario, "--target", url, "--out", &out, "--no-tui"];
    run_on(CORE, each + Duration::from_secs(40), &loadgen, &arguments)?;
    let (summary, _) = Record::open(&record)?.conclude()?;
    if summary.failed > 0 {
        bail!("{url}{}: {} requests failed: {:?}", ask.path, summary.failed, summary.errors);
    }
    Ok(summary.response.p99_us.map(|it| it as f64))
}
