//! What a realistic flow costs: log in once, then five requests with the token, an id of the first answer in the
//! addresses of the next three, a pause after each; users in a closed loop.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use harness::process::Process;

use crate::{
    peers::{K6_RUN, Peer, locust_run, peer, put},
    serve::Fast,
    table::{Figures, show},
    usage::cpu_of_tree,
};

const CLIENT: usize = 0;
const SERVER: usize = 1;
/// With pauses of 0.1 s on average they ask for up to 4,000 requests a second.
const USERS: u32 = 400;
/// From the first request until all users are at work.
const SETTLE: Duration = Duration::from_secs(4);
/// What a client may take until its first request.
const START: Duration = Duration::from_secs(20);

/// Measures and gives back a section of the document.
pub fn measure(rounds: u32, each: Duration) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let server = Fast::start(SERVER)?;
    let clients = clients(&server.url(), each, folder.path())?;
    let mut seen: Vec<(Figures, Figures)> = vec![Default::default(); clients.len()];
    for round in 1..=rounds {
        for (client, (costs, rates)) in clients.iter().zip(&mut seen) {
            let Ok(command) = &client.command else { continue };
            let _ = fs::remove_dir_all(folder.path().join("record"));
            let (cost_us, rate) = one(&server, client.name, command, each)?;
            eprintln!(
                "round {round} of {rounds}: {} {} µs a request at {rate:.0}/s",
                client.name,
                show(cost_us)
            );
            costs.0.push(cost_us);
            rates.0.push(rate);
        }
    }
    Ok(section(&clients, &seen, rounds, each))
}

/// The clients, each in the words of its own manual.
fn clients(url: &str, each: Duration, folder: &Path) -> Result<[Peer; 4]> {
    // Longer than what is measured: each is ended once it has been.
    let (users, seconds) = (USERS.to_string(), (each + 3 * SETTLE).as_secs().to_string());
    let lasting = format!("{seconds}s");
    let scenario = include_str!("flow/loadgen.yaml").replace("USERS", &users).replace("SECONDS", &seconds);
    let scenario = put(folder, "flow.yaml", &scenario)?;
    let script = put(folder, "flow.js", include_str!("flow/k6.js"))?;
    let locust_file = put(folder, "locustfile.py", include_str!("flow/locustfile.py"))?;
    let (record, base) = (folder.join("record").display().to_string(), format!("BASE={url}"));
    let loadgen = ["run", &scenario, "--target", url, "--out", &record, "--no-tui"];
    let k6 = [&K6_RUN[..], &["--vus", &users, "--duration", &lasting, "-e", &base, &script]].concat();
    let run = locust_run(&users, &lasting, url);
    let locust = |class| [&["-f", &locust_file][..], &run, &["--only-summary", class]].concat();
    Ok([
        peer("loadgen", "loadgen", &[], &loadgen)?,
        peer("k6", "k6", &[], &k6)?,
        peer("Locust, FastHttpUser", "locust", &[], &locust("Fast"))?,
        peer("Locust, HttpUser", "locust", &[], &locust("Usual"))?,
    ])
}

/// Processor time per request, microseconds, and requests a second, while everybody is at work: what a client takes to
/// start, to log in its users and to end is not counted.
fn one(server: &Fast, name: &str, command: &[String], each: Duration) -> Result<(f64, f64)> {
    let idle = server.answered()?;
    let mut client = Command::new("taskset");
    client.args(["-c", &CLIENT.to_string()]).args(command).env("NO_COLOR", "1");
    let mut client = Process::start(&mut client)?;
    let deadline = Instant::now() + START;
    while server.answered()?.all < idle.all + u64::from(USERS) {
        if Instant::now() > deadline || !client.is_running()? {
            let ended = client.wait(Duration::ZERO);
            bail!("{name} did not get to work within {START:?}: {ended:?}");
        }
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(SETTLE);
    let (before, cpu_before, begin) = (server.answered()?, cpu_of_tree(client.id())?, Instant::now());
    thread::sleep(each);
    let (after, cpu_after, took) = (server.answered()?, cpu_of_tree(client.id())?, begin.elapsed());
    if !client.is_running()? || after.refused > idle.refused {
        bail!("{name} got {} requests wrong, or ended early", after.refused - idle.refused);
    }
    let requests = (after.all - before.all).max(1) as f64;
    let cpu = cpu_after.checked_sub(cpu_before).context("a process of the client ended meanwhile")?;
    Ok((cpu.as_secs_f64() * 1e6 / requests, requests / took.as_secs_f64()))
}

fn section(clients: &[Peer], seen: &[(Figures, Figures)], rounds: u32, each: Duration) -> String {
    let mut text = format!(
        "\n## A realistic flow\n\n{USERS} users: log in once, then a list, one of it by its id, what belongs to it, a \
         comment, the account, each with the token and a pause of 50–150 ms after it. User and system time of the \
         client's processes on one core per request, once everybody is logged in; bare hyper server on the other core; \
         {rounds} × {} s, interleaved. The files are in tests/bench/flow.\n\n\
         | client | least µs | median µs | most µs | requests/s | × loadgen |\n|---|---|---|---|---|---|\n",
        each.as_secs()
    );
    let loadgen = seen.first().and_then(|(costs, _)| costs.median());
    for (client, (costs, rates)) in clients.iter().zip(seen) {
        let _ = match &client.command {
            Ok(_) => writeln!(
                text,
                "| {} | {} | {} | {} |",
                client.name,
                costs.cells(),
                rates.median().map_or_else(|| "–".to_owned(), |it| format!("{it:.0}")),
                costs
                    .median()
                    .zip(loadgen)
                    .map_or_else(|| "–".to_owned(), |(it, ours)| format!("{:.1}", it / ours)),
            ),
            Err(why) => writeln!(text, "| {} | {why} | | | | |", client.name),
        };
    }
    text.push_str("\nBounds: k6 at least 5 × as dear, Locust at least 15 ×.\n");
    text
}
