//! Processor time per request of each load generator, closed loop, its whole process from start to end.

use std::{fmt::Write as _, fs, time::Duration};

use anyhow::Result;

use crate::{
    peers::{Peer, USERS, peers},
    serve::Fast,
    table::{Figures, show},
    usage::run_on,
};

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// Measures and gives back a section of the document.
pub fn measure(rounds: u32, each: Duration) -> Result<String> {
    let server = Fast::start(SERVER)?;
    let folder = tempfile::tempdir()?;
    let peers = peers(&server.url(), each, folder.path())?;
    let mut costs = vec![Figures::default(); peers.len()];
    let mut rates = vec![Figures::default(); peers.len()];
    for round in 1..=rounds {
        for (index, peer) in peers.iter().enumerate() {
            let Ok(command) = &peer.command else { continue };
            // Each run of loadgen wants a folder for its record.
            let _ = fs::remove_dir_all(folder.path().join("record"));
            let before = server.count()?;
            let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
            let (used, _) = run_on(CLIENT, each * 3 + Duration::from_secs(20), &command[0], &arguments)?;
            let requests = (server.count()? - before).max(1) as f64;
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
    Ok(section(&peers, &costs, &rates, rounds, each))
}

fn section(peers: &[Peer], costs: &[Figures], rates: &[Figures], rounds: u32, each: Duration) -> String {
    let median = |name: &str| costs[peers.iter().position(|peer| peer.name == name)?].median();
    let (loadgen, wrk) = (median("loadgen"), median("wrk"));
    let mut text = format!(
        "\n## Processor time per request\n\n{USERS} users, closed loop, keep-alive GET of about 100 bytes of JSON from a \
         bare hyper server on the other core; user and system time of the whole client process, loadgen recording in \
         full; {rounds} × {} s, interleaved.\n\n\
         | client | least µs | median µs | most µs | requests/s | × wrk | loadgen ÷ it |\n|---|---|---|---|---|---|---|\n",
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
                ratio(cost.median(), wrk),
                ratio(loadgen, cost.median()),
            ),
            Err(why) => writeln!(text, "| {} | {why} | | | | | |", peer.name),
        };
    }
    text
}
