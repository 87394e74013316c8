//! A hundred thousand connected users of the reference service, ten seconds of thought between two requests, all from
//! and on one machine: several workers, each with addresses of its own, against several processes of the service that
//! share a port and a database.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use harness::{
    process::{Process, program},
    service::{Service, Site},
};
use record::{Record, Summary, unit::show_us};

/// Users of one worker, and connections of one process of the service: under the 20,000 files that a process may have,
/// with room for the uneven spread of connections.
const PER_WORKER: u32 = 16_700;
const PER_SERVICE: u32 = 14_500;
/// Users become connected over this time, then all are watched; at least one cycle of thought is not judged.
const RAMP_S: u32 = 45;
const WARM_UP_S: u32 = 60;
const HOLD_S: u32 = 75;
/// What loadgen may use in all.
const MEMORY: u64 = 3_000_000_000;

fn scenario(users: u32) -> String {
    format!(
        "
version: 1
name: {users} connected users
about: Everybody looks at the catalogue or at their own tasks, and thinks for ten seconds.
data:
  accounts: {{ csv: tokens.csv, pick: unique }}
load:
  users: {{ stages: [ {{ to: {users}, over: {RAMP_S}s }}, {{ hold: {HOLD_S}s }} ], think: 10s }}
  warm_up: {WARM_UP_S}s
defaults:
  headers: {{ authorization: \"Bearer ${{accounts.access_token}}\" }}
flows:
  - name: look at the catalogue
    weight: 3
    steps: [ {{ get: \"/api/v1/products?page=${{zipf(5, 1.2)}}&limit=5\", name: list products, expect: {{ status: 200 }} }} ]
  - name: look at my tasks
    weight: 1
    steps: [ {{ get: \"/api/v1/tasks?limit=5\", name: list tasks, expect: {{ status: 200 }} }} ]
observe:
  - {{ name: cache, header: x-cache }}
budgets:
  - {{ p95: 500ms, error_rate: 0.1%, throughput: \">= {}/s\" }}
",
        // 8,000 of the 10,000 that a hundred thousand users would like.
        u64::from(users) * 8 / 100
    )
}

/// Measures once with so many users and gives back a section of the document.
pub fn measure(users: u32) -> Result<String> {
    crate::serve::allow_many_files();
    let began = Instant::now();
    let processes = users.div_ceil(PER_SERVICE).max(2);
    let site = Site::new()?
        .with("SERVICE_LIMITS_PROFILE", "off")
        .with("SERVICE_HTTP_REUSE_PORT", "true")
        .with("SERVICE_HTTP_WORKERS", "1")
        .with("SERVICE_HTTP_MAX_IN_FLIGHT", "100000")
        .with("SERVICE_DATABASE_READERS", "1");
    let accounts = seed(&site, users)?;
    let seeded = began.elapsed();
    tokens(&accounts, &site.folder().join("tokens.csv"))?;
    let first = site.start()?;
    let address = first.url.trim_start_matches("http://").to_owned();
    let mut services = vec![first];
    let others = site.with("SERVICE_HTTP_LISTEN", &address);
    for _ in 1..processes {
        services.push(others.start()?);
    }
    eprintln!(
        "{users} users seeded in {:.0} s; {processes} processes of the service are up",
        seeded.as_secs_f64()
    );

    let workers = users.div_ceil(PER_WORKER).max(2);
    let (file, out) = (others.folder().join("users.yaml"), others.folder().join("record"));
    fs::write(&file, scenario(users))?;
    let mut command = Command::new(program("loadgen")?);
    command.arg("run").arg(&file).arg("--out").arg(&out).args(["--target", &services[0].url, "--no-tui"]);
    command.args(["--workers", &workers.to_string()]).env("NO_COLOR", "1");
    let ended = Process::start(&mut command)?.wait(Duration::from_secs(u64::from(RAMP_S + HOLD_S) + 60))?;
    ensure!(
        matches!(ended.code, Some(0 | 10 | 12)),
        "loadgen ended with {:?}\n{}\n{}",
        ended.code,
        ended.stdout,
        ended.stderr
    );
    let text = table(users, workers, &services, &Record::open(&out)?)?;
    for service in services {
        service.stop()?;
    }
    Ok(text)
}

/// Fills the database, with live tokens for everybody: logins would measure the password hash.
fn seed(site: &Site, users: u32) -> Result<std::path::PathBuf> {
    let accounts = site.folder().join("accounts.csv");
    let mut command =
        site.command(&["seed", "--tasks-per-user", "1", "--favorites-per-user", "0", "--products", "50"])?;
    command.args(["--users", &users.to_string(), "--accounts"]).arg(&accounts);
    let ended = Process::start(&mut command)?.wait(Duration::from_secs(180))?;
    if ended.code != Some(0) {
        bail!("service seed ended with {:?}: {}", ended.code, ended.stderr);
    }
    Ok(accounts)
}

/// The one column that the scenario needs: each worker reads the file whole.
fn tokens(accounts: &Path, to: &Path) -> Result<()> {
    let text = fs::read_to_string(accounts)?;
    let mut lines = text.lines();
    let header = lines.next().context("a header")?;
    let column = header.split(',').position(|name| name == "access_token").context("a column of tokens")?;
    let mut kept = String::from("access_token\n");
    for line in lines {
        // Neither an address nor a token has a comma or a quote in it.
        writeln!(kept, "{}", line.split(',').nth(column).context("a token")?)?;
    }
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    Ok(std::io::Write::write_all(&mut file, kept.as_bytes())?)
}

fn table(users: u32, workers: u32, services: &[Service], record: &Record) -> Result<String> {
    let (summary, judgement) = record.conclude()?;
    let Summary { generator, .. } = &summary;
    let connections = generator.open_files;
    let target = summary.observed.iter().find(|it| it.source == "process" && it.name == "cpu_seconds");
    let failed = match summary.errors.is_empty() {
        true => "0".to_owned(),
        false => summary.errors.iter().map(|(kind, n)| format!("{kind} {n}")).collect::<Vec<_>>().join(", "),
    };
    let p95 = summary.response.p95_us.map_or("–".to_owned(), |us| show_us(us as f64));
    let lag = summary.lag.p99_us.map_or("–".to_owned(), |us| show_us(us as f64));
    let mut text = format!(
        "\n## {users} connected users\n\n{workers} workers, each from addresses of its own, against {} processes of the \
         service on one port, 10 s of thought between two requests; all on this machine.\n\n\
         | figure | measured | bound |\n|---|---|---|\n\
         | users at once | {} | {users} |\n| open files of loadgen | {connections} | ≥ {users} |\n\
         | requests completed a second | {:.0} | ≥ {} |\n| failed | {failed} | 0 |\n\
         | resident memory of loadgen, all processes | {} MB | ≤ {} MB |\n| … per user | {:.1} KB | |\n\
         | response time p95 | {p95} | ≤ 500 ms |\n| start lag p99 | {lag} | |\n\
         | cores used by loadgen | {:.2} | |\n| cores used by the service | {} | |\n| verdict | {} | |\n",
        services.len(),
        summary.peak_users,
        summary.throughput_per_s,
        u64::from(users) * 8 / 100,
        generator.memory_bytes / 1_000_000,
        MEMORY / 1_000_000,
        generator.memory_bytes as f64 / 1000.0 / f64::from(users),
        generator.cpu_cores,
        target.and_then(|it| it.value).map_or("–".to_owned(), |cores| format!("{cores:.2}")),
        judgement.sentence,
    );
    for note in judgement.validity.reasons.iter().skip(1).map(|it| &it.detail).chain(&record.run.caveats) {
        writeln!(text, "\n- {note}")?;
    }
    Ok(text)
}
