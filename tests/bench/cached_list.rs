//! A cached task list of the service, with its token verified, beside a bare axum handler that returns the same bytes.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use harness::{
    process::{Process, build_folder},
    service::Site,
};

use crate::{
    table::{Figures, show},
    usage::{cpu_so_far, run_on},
};

const PATH: &str = "/api/v1/tasks";

/// Measures and gives back a section of the document.
pub fn measure(rounds: u32, each: Duration) -> Result<String> {
    let site = Site::new()?.with("SERVICE_LIMITS_PROFILE", "off").with("SERVICE_AUTH_ACCESS_TTL_S", "86400");
    let accounts = site.seed(10, 20, 100)?;
    let token = first_token(&fs::read_to_string(accounts)?)?;
    let service = site.start_on(1)?;
    let body = site.folder().join("list.json");
    fetch(&format!("{}{PATH}", service.url), &token, &body)?;
    let bare = Bare::start(&body)?;

    let (mut of_service, mut of_bare) = (Figures::default(), Figures::default());
    for round in 1..=rounds {
        let one = cost_us(service.process.id(), &format!("{}{PATH}", service.url), &token, each)?;
        let other = cost_us(bare.process.id(), &format!("{}{PATH}", bare.url), &token, each)?;
        eprintln!("round {round} of {rounds}: service {} µs, bare axum {} µs", show(one), show(other));
        of_service.0.push(one);
        of_bare.0.push(other);
    }
    let ratio = of_service.median().zip(of_bare.median()).map(|(one, other)| one / other);
    Ok(format!(
        "\n## Cached task list\n\n{} bytes of JSON with a verified token, rate limits off, beside a bare axum handler that returns the same \
         bytes; processor time of the server per request, asked by wrk on the other core, {rounds} × {} s, \
         interleaved.\n\n| server | least µs | median µs | most µs |\n|---|---|---|---|\n\
         | service | {} |\n| bare axum | {} |\n\nService ÷ bare axum: **{}** (bound 2.5).\n",
        fs::metadata(&body)?.len(),
        each.as_secs(),
        of_service.cells(),
        of_bare.cells(),
        ratio.map_or_else(|| "–".to_owned(), |it| format!("{it:.2}")),
    ))
}

fn first_token(accounts: &str) -> Result<String> {
    let mut lines = accounts.lines();
    let (header, first) = (lines.next().context("a header")?, lines.next().context("an account")?);
    let column =
        header.split(',').position(|name| name == "access_token").context("a column access_token")?;
    first.split(',').nth(column).map(str::to_owned).context("a token")
}

fn fetch(url: &str, token: &str, into: &std::path::Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bytes = runtime.block_on(async {
        let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await?;
        answer.error_for_status()?.bytes().await
    })?;
    fs::write(into, bytes)?;
    Ok(())
}

/// Processor time that the server `pid` spends on a request, microseconds, kernel included.
fn cost_us(pid: u32, url: &str, token: &str, each: Duration) -> Result<f64> {
    let lasting = format!("{}s", each.as_secs());
    let header = format!("authorization: Bearer {token}");
    let before = cpu_so_far(pid)?;
    let limit = each + Duration::from_secs(20);
    let (_, said) = run_on(0, limit, "wrk", &["-t1", "-c32", "-d", &lasting, "-H", &header, url])?;
    let used = cpu_so_far(pid)? - before;
    if said.contains("Non-2xx") {
        bail!("{url} refuses: {said}");
    }
    let requests =
        said.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse::<f64>().ok());
    Ok(used.as_secs_f64() * 1e6 / requests.with_context(|| format!("a number of requests in {said}"))?)
}

/// The bare handler as a process.
struct Bare {
    url: String,
    process: Process,
}

impl Bare {
    fn start(body: &std::path::Path) -> Result<Self> {
        let example = build_folder()?.join("examples/bare_axum");
        let mut command = Command::new("taskset");
        command.args(["-c", "1"]).arg(example).arg(body).stdout(Stdio::piped());
        let mut process = Process::start_with_output(&mut command)?;
        let stdout = process.take_stdout().context("stdout is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let url = line.split_once("listening ").with_context(|| format!("bare_axum said {line:?}"))?.1;
        Ok(Self { url: url.trim().trim_end_matches('/').to_owned(), process })
    }
}
