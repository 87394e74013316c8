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
    usage::{cpu_of_tree, resident_bytes},
};

const CLIENT: usize = 0;
const SERVER: usize = 1;
const USERS: u32 = 4000;
/// How long they pause, seconds, from and to: the first asks for up to 4,000 requests a second, which leaves a core idle
/// between them and makes each pay for its own waking; the second for up to 20,000, more than most can send from a core.
const PAUSES_S: [(f64, f64); 2] = [(0.5, 1.5), (0.1, 0.3)];
/// Requests per user after which all are at work, and so long again until what starting cost is behind a client.
const UNDER_WAY: u64 = 3;
const SETTLE: Duration = Duration::from_secs(3);
/// What a client may take until all are at work.
const START: Duration = Duration::from_secs(90);

/// Measures and gives back a section of the document.
pub fn measure(rounds: u32, each: Duration) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let server = Fast::start(SERVER)?;
    let mut text = String::new();
    for pauses_s in PAUSES_S {
        text += &with_pauses(pauses_s, &server, rounds, each, folder.path())?;
    }
    text.push_str("\nBounds: k6 at least 5 × as dear, Locust at least 15 ×.\n");
    Ok(text)
}

fn with_pauses(
    pauses_s: (f64, f64),
    server: &Fast,
    rounds: u32,
    each: Duration,
    folder: &Path,
) -> Result<String> {
    let clients = clients(&server.url(), pauses_s, each, folder)?;
    let mut seen = vec![Seen::default(); clients.len()];
    for round in 1..=rounds {
        for (client, seen) in clients.iter().zip(&mut seen) {
            let Ok(command) = &client.command else { continue };
            let _ = fs::remove_dir_all(folder.join("record"));
            let One { cost_us, rate, memory_bytes } = one(server, client.name, command, each)?;
            eprintln!(
                "round {round} of {rounds}: {} {} µs a request at {rate:.0}/s",
                client.name,
                show(cost_us)
            );
            seen.costs_us.0.push(cost_us);
            seen.rates.0.push(rate);
            seen.memory_mb.0.push(memory_bytes as f64 / 1e6);
        }
    }
    Ok(section(&clients, &seen, pauses_s, rounds, each))
}

/// The clients, each in the words of its own manual.
fn clients(url: &str, pauses_s: (f64, f64), each: Duration, folder: &Path) -> Result<[Peer; 5]> {
    // Longer than what is measured: each is killed once it has been.
    let (users, seconds) = (USERS.to_string(), (each + START + 2 * SETTLE).as_secs().to_string());
    let lasting = format!("{seconds}s");
    let (least, most) = (pauses_s.0.to_string(), pauses_s.1.to_string());
    let scenario = include_str!("flow/loadgen.yaml").replace("USERS", &users).replace("SECONDS", &seconds);
    let scenario = scenario.replace("LEAST", &least).replace("MOST", &most);
    let scenario = put(folder, "flow.yaml", &scenario)?;
    let script = put(folder, "flow.js", include_str!("flow/k6.js"))?;
    let locust_file = put(folder, "locustfile.py", include_str!("flow/locustfile.py"))?;
    let (record, base) = (folder.join("record").display().to_string(), format!("BASE={url}"));
    let address = url.trim_start_matches("http://");
    let bare = [address, &users, &least, &most];
    let (of_least, of_most) = (format!("LEAST={least}"), format!("MOST={most}"));
    let pauses = [of_least.as_str(), of_most.as_str()];
    let loadgen = ["run", &scenario, "--target", url, "--out", &record, "--no-tui"];
    let k6 = [&K6_RUN[..], &["--vus", &users, "--duration", &lasting, "-e", &base, &script]].concat();
    let run = locust_run(&users, &lasting, url);
    let locust = |class| [&["-f", &locust_file][..], &run, &["--only-summary", class]].concat();
    Ok([
        peer("loadgen", "loadgen", &[], &loadgen)?,
        peer("bare hyper", "bare_flow", &[], &bare)?,
        peer("k6", "k6", &pauses, &k6)?,
        peer("Locust, FastHttpUser", "locust", &pauses, &locust("Fast"))?,
        peer("Locust, HttpUser", "locust", &pauses, &locust("Usual"))?,
    ])
}

/// What one client showed, round by round.
#[derive(Debug, Clone, Default)]
struct Seen {
    costs_us: Figures,
    rates: Figures,
    memory_mb: Figures,
}

/// What one client showed in one round.
struct One {
    cost_us: f64,
    /// Requests a second.
    rate: f64,
    memory_bytes: u64,
}

/// Runs a client and looks at it while everybody is at work: what it takes to start, to log in its users and to end is
/// not counted.
fn one(server: &Fast, name: &str, command: &[String], each: Duration) -> Result<One> {
    let idle = server.answered()?;
    let mut client = Command::new("taskset");
    client.args(["-c", &CLIENT.to_string()]).args(command).env("NO_COLOR", "1");
    let mut client = Process::start(&mut client)?;
    let deadline = Instant::now() + START;
    while server.answered()?.all < idle.all + UNDER_WAY * u64::from(USERS) {
        if Instant::now() > deadline || !client.is_running()? {
            let ended = client.wait(Duration::ZERO);
            bail!("{name} did not get to work within {START:?}: {ended:?}");
        }
        thread::sleep(Duration::from_millis(200));
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
    Ok(One {
        cost_us: cpu.as_secs_f64() * 1e6 / requests,
        rate: requests / took.as_secs_f64(),
        memory_bytes: resident_bytes(client.id())?,
    })
}

fn section(
    clients: &[Peer],
    seen: &[Seen],
    (least, most): (f64, f64),
    rounds: u32,
    each: Duration,
) -> String {
    let mut text = format!(
        "\n## A realistic flow, pauses of {least}–{most} s\n\n{USERS} users: log in once, then a list, one of it by its id, what belongs to it, a \
         comment, the account, each with the token and such a pause after it. User and system time of the \
         client's processes on one core per request, once everybody is at work; bare hyper server on the other core; \
         {rounds} × {} s, interleaved. The files are in tests/bench/flow.\n\n\
         | client | least µs | median µs | most µs | requests/s | memory MB | × loadgen |\n|---|---|---|---|---|---|---|\n",
        each.as_secs()
    );
    let loadgen = seen.first().and_then(|it| it.costs_us.median());
    for (client, seen) in clients.iter().zip(seen) {
        let cell =
            |value: Option<f64>, digits| value.map_or_else(|| "–".to_owned(), |it| format!("{it:.digits$}"));
        let ratio = seen.costs_us.median().zip(loadgen).map(|(it, ours)| it / ours);
        let _ = match &client.command {
            Ok(_) => writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                client.name,
                seen.costs_us.cells(),
                cell(seen.rates.median(), 0),
                cell(seen.memory_mb.median(), 0),
                cell(ratio, 1),
            ),
            Err(why) => writeln!(text, "| {} | {why} | | | | | |", client.name),
        };
    }
    text
}
