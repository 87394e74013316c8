//! Processor time per request of each load generator, closed loop, its whole process from start to end: over HTTP/1.1,
//! over TLS, over HTTP/2.

use std::{fmt::Write as _, fs, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{
    peers::{Peer, USERS, Wire, peers},
    serve::{Answered, Fast},
    table::{Figures, show},
    usage::run_on,
};

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// Measures and gives back a section of the document.
pub fn measure(wire: Wire, rounds: u32, each: Duration) -> Result<String> {
    let server = Fast::start(SERVER)?;
    let url = if wire == Wire::Plain { server.url() } else { server.secure_url() };
    let folder = tempfile::tempdir()?;
    let peers = peers(wire, &url, each, folder.path())?;
    let mut costs = vec![Figures::default(); peers.len()];
    let mut rates = vec![Figures::default(); peers.len()];
    for round in 1..=rounds {
        for (index, peer) in peers.iter().enumerate() {
            let Ok(command) = &peer.command else { continue };
            // Each run of loadgen wants a folder for its record.
            let _ = fs::remove_dir_all(folder.path().join("record"));
            let before = server.answered()?;
            let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
            let (used, _) = run_on(CLIENT, each * 3 + Duration::from_secs(20), &command[0], &arguments)
                .context(peer.name)?;
            let requests = as_asked(wire, peer.name, before, server.answered()?)?;
            let cost_us = used.cpu.as_secs_f64() * 1e6 / requests;
            eprintln!(
                "round {round} of {rounds}: {} {} µs a request, {requests} requests",
                peer.name,
                show(cost_us)
            );
            costs[index].0.push(cost_us);
            rates[index].0.push(requests / each.as_secs_f64());
        }
    }
    Ok(section(wire, &peers, &costs, &rates, rounds, each))
}

/// The requests that a client made, if they are what it was asked for.
fn as_asked(wire: Wire, name: &str, before: Answered, after: Answered) -> Result<f64> {
    let all = after.all - before.all;
    let over_http2 = after.over_http2 - before.over_http2;
    let wanted = if wire == Wire::Http2 { all } else { 0 };
    if all < 100 || over_http2 != wanted || after.refused != before.refused {
        bail!("{name} made {all} requests, {over_http2} of them over HTTP/2, where {wire:?} was asked for");
    }
    Ok(all as f64)
}

fn section(
    wire: Wire,
    peers: &[Peer],
    costs: &[Figures],
    rates: &[Figures],
    rounds: u32,
    each: Duration,
) -> String {
    let (title, how) = match wire {
        Wire::Plain => ("Processor time per request", "HTTP/1.1"),
        Wire::Tls => (
            "Processor time per request over TLS",
            "HTTP/1.1 over TLS 1.3 with AES-128-GCM, which the server alone offers",
        ),
        Wire::Http2 => (
            "Processor time per request over HTTP/2",
            "HTTP/2 over TLS 1.3 with AES-128-GCM, one stream at a time on the connection of each user",
        ),
    };
    let median = |name: &str| costs[peers.iter().position(|peer| peer.name == name)?].median();
    let rule = if wire == Wire::Http2 { "h2load" } else { "wrk" };
    let (loadgen, leanest) = (median("loadgen"), median(rule));
    let mut text = format!(
        "\n## {title}\n\n{USERS} users, closed loop, keep-alive GET of about 100 bytes of JSON from a \
         bare hyper server on the other core, {how}; user and system time of the whole client process, loadgen \
         recording in full; {rounds} × {} s, interleaved.\n\n\
         | client | least µs | median µs | most µs | requests/s | × {rule} | loadgen ÷ it |\n|---|---|---|---|---|---|---|\n",
        each.as_secs()
    );
    for ((peer, cost), rate) in peers.iter().zip(costs).zip(rates) {
        let ratio = |over: Option<f64>, under: Option<f64>| match (over, under) {
            (Some(over), Some(under)) => format!("{:.2}", over / under),
            _ => "–".to_owned(),
        };
        let _ = match &peer.command {
            Ok(_) => writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                peer.name,
                cost.cells(),
                rate.median().map_or_else(|| "–".to_owned(), |it| format!("{it:.0}")),
                ratio(cost.median(), leanest),
                ratio(loadgen, cost.median()),
            ),
            Err(why) => writeln!(text, "| {} | {why} | | | | | |", peer.name),
        };
    }
    text
}
