use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{
    Router,
    extract::{ConnectInfo, Query},
    routing::get,
};
use harness::{
    loadgen::{Finished, Loadgen},
    process::{Ended, program, run},
    servers::{Server, known},
};
use record::{Record, Rule, State, Verdict};

const OPEN: &str = "
version: 1
name: shared
load:
  arrivals:
    process: poisson
    max_in_flight: 100
    stages: [ { rate: 200/s, hold: 3s }, { to: 400/s, over: 3s } ]
  warm_up: 1s
flows:
  - name: ask
    steps: [ { get: /json } ]
budgets:
  - { error_rate: 1%, throughput: '>= 100/s' }
";

const LONG: &str = "
version: 1
name: long
load:
  users: { stages: [ { users: 30, hold: 60s } ], think: 100ms }
flows:
  - name: ask
    steps: [ { get: /json } ]
";

/// Who asked: the user's number and row, and the address that it came from.
type Asked = Arc<Mutex<BTreeMap<(String, String), String>>>;

fn asking(asked: &Asked) -> Router {
    let asked = Arc::clone(asked);
    let note = move |Query(query): Query<BTreeMap<String, String>>,
                     ConnectInfo(from): ConnectInfo<std::net::SocketAddr>| {
        let of = |key: &str| query.get(key).cloned().unwrap_or_default();
        let mut asked = asked.lock().expect("no test panics here");
        asked.insert((of("user"), of("row")), from.ip().to_string());
        async { "noted" }
    };
    Router::new().route("/ask", get(note))
}

fn merge(out: &std::path::Path, parts: &[&Finished], more: &[&str]) -> Result<Ended> {
    let mut command = Command::new(program("reports")?);
    command.arg("merge").arg(out).args(parts.iter().map(|part| part.record_folder())).args(more);
    run(&mut command)
}

/// Starts the parts of `scenario` and waits for them. They begin together soon, and once more later where one was not ready
/// in time, as on a busy machine.
fn parts(scenario: &str, url: &str, of: u32) -> Result<Vec<Finished>> {
    let parts = parts_in(6, scenario, url, of)?;
    let late = |part: &Finished| part.ended.stderr.contains("give all parts a later instant");
    if parts.iter().any(late) { parts_in(40, scenario, url, of) } else { Ok(parts) }
}

fn parts_in(seconds: u32, scenario: &str, url: &str, of: u32) -> Result<Vec<Finished>> {
    let instant = format!("+{seconds} seconds");
    let soon =
        run(Command::new("date").args(["-d", &instant, "--iso-8601=ns", "-u"]))?.stdout.replace(',', ".");
    let start = |index: u32| {
        let shard = format!("{index}/{of}");
        let arguments = ["--seed", "11", "--shard", &shard, "--start-at", soon.trim()];
        Loadgen::run(scenario, url)?.args(&arguments).start()
    };
    let started = (0..of).map(start).collect::<Result<Vec<_>>>()?;
    started.into_iter().map(harness::loadgen::Started::finish).collect()
}

#[test]
fn the_parts_of_a_load_are_the_arrivals_of_the_whole() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let whole = Loadgen::run(OPEN, &server.url())?.args(&["--seed", "11"]).finish()?.record()?;
    let parts = parts(OPEN, &server.url(), 4)?;
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("merged");

    let some = merge(&out, &[&parts[3], &parts[0], &parts[1]], &[])?;
    assert_eq!(some.code, Some(2), "{}", some.stderr);
    assert!(
        some.stderr.contains("part 2 of 4 is missing") && some.stderr.contains("--partial"),
        "{}",
        some.stderr
    );
    let merged = merge(&out, &parts.iter().rev().collect::<Vec<_>>(), &[])?;
    assert_eq!(merged.code, Some(0), "{}", merged.stderr);

    let merged = Record::open(&out)?;
    let offered = |record: &Record| record.series.iter().map(|row| row.offered).collect::<Vec<_>>();
    let (one, four) = (offered(&whole), offered(&merged));
    assert_eq!(one.iter().sum::<u64>(), four.iter().sum::<u64>(), "{one:?} {four:?}");
    // An arrival due at the very end of a second may be begun in the next.
    for (second, (one, four)) in one.iter().zip(&four).enumerate() {
        assert!(one.abs_diff(*four) <= 12, "second {second}: {one} alone, {four} together");
    }
    assert_eq!(merged.run.stages, whole.run.stages);
    assert_eq!(merged.run.max_users, 100);
    let completed: u64 = parts
        .iter()
        .map(|part| Ok(part.record()?.totals()?.values().map(|it| it.len()).sum::<u64>()))
        .sum::<Result<u64>>()?;
    assert_eq!(merged.totals()?.values().map(|it| it.len()).sum::<u64>(), completed);
    Ok(())
}

#[test]
fn users_of_all_parts_keep_their_numbers_and_their_rows() -> Result<()> {
    let asked = Asked::default();
    let server = Server::start(asking(&asked))?;
    let folder = tempfile::tempdir()?;
    let rows: String = (0..10).map(|row| format!("r{row}\n")).collect();
    let file = folder.path().join("rows.csv");
    fs::write(&file, format!("name\n{rows}"))?;
    let scenario = format!(
        "
version: 1
name: numbers
data: {{ rows: {{ csv: {}, pick: unique }} }}
load: {{ users: {{ stages: [ {{ users: 10, hold: 3s }} ], think: 200ms }} }}
flows:
  - name: ask
    steps: [ {{ get: \"/ask?user=${{user.index}}&row=${{rows.name}}\" }} ]
",
        file.display()
    );
    let expected: Vec<(String, String)> =
        (0..10).map(|user| (user.to_string(), format!("r{user}"))).collect();
    let seen =
        || std::mem::take(&mut *asked.lock().expect("no test panics here")).into_keys().collect::<Vec<_>>();
    for part in parts(&scenario, &server.url(), 3)? {
        assert_eq!(part.record()?.run.state, State::Finished);
    }
    assert_eq!(seen(), expected, "of three parts");
    let workers = Loadgen::run(&scenario, &server.url())?.args(&["--workers", "4"]).finish()?;
    let record = workers.record()?;
    assert_eq!(record.conclude()?.0.peak_users, 10);
    assert_eq!(seen(), expected, "of four workers");

    // What was merged as it went is what is merged afterwards.
    let again = folder.path().join("again");
    let of_worker = |part: u32| workers.record_folder().join("workers").join(part.to_string());
    let merged = run(Command::new(program("reports")?).arg("merge").arg(&again).args((0..4).map(of_worker)))?;
    assert_eq!(merged.code, Some(0), "{}", merged.stderr);
    assert_eq!(Record::open(&again)?.totals()?, record.totals()?);
    Ok(())
}

#[test]
fn workers_share_the_addresses_that_connections_come_from() -> Result<()> {
    let asked = Asked::default();
    let server = Server::start(asking(&asked))?;
    let scenario = "
version: 1
name: addresses
target: { base_url: http://127.0.0.1:1, source_addresses: [127.0.0.11, 127.0.0.12, 127.0.0.13] }
load: { users: { stages: [ { users: 6, hold: 2s } ], think: 200ms } }
flows: [ { name: ask, steps: [ { get: \"/ask?user=${user.index}\" } ] } ]
";
    Loadgen::run(scenario, &server.url())?.args(&["--workers", "2"]).finish()?;
    let asked = asked.lock().expect("no test panics here");
    for ((user, _), address) in asked.iter() {
        let second = user.parse::<u32>()? % 2 == 1;
        assert_eq!(address == "127.0.0.12", second, "user {user} from {address}");
    }
    assert_eq!(asked.len(), 6);
    Ok(())
}

#[test]
fn one_signal_stops_all_workers_and_the_record_is_whole() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let mut started = Loadgen::run(LONG, &server.url())?.args(&["--workers", "3"]).start()?;
    started.until_recorded(2)?;
    let workers = children(started.process.id())?;
    assert_eq!(workers.len(), 3);
    started.process.signal(libc::SIGINT)?;
    let finished = started.finish()?;
    finished.expect(130)?;
    let record = finished.record()?;
    assert_eq!(record.run.state, State::Interrupted);
    let merged = record.run.merged.as_ref().context("what it was merged from")?;
    assert!(merged.parts.iter().all(|part| part.state == State::Interrupted), "{merged:?}");
    for worker in workers {
        assert!(!fs::exists(format!("/proc/{worker}"))?, "worker {worker} is still there");
    }
    Ok(())
}

#[test]
fn a_worker_that_dies_is_told_and_leaves_no_verdict() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let scenario = LONG.replace("60s", "6s");
    let mut started = Loadgen::run(&scenario, &server.url())?.args(&["--workers", "3"]).start()?;
    started.until_recorded(2)?;
    let worker = children(started.process.id())?[1];
    // SAFETY: kill takes two integers; the worker's parent is alive and has not waited for it, so that the id is its own.
    assert_eq!(unsafe { libc::kill(worker, libc::SIGKILL) }, 0);
    let finished = started.finish()?;
    finished.expect(12)?;
    assert!(finished.ended.stderr.contains("worker 1/3 ended with signal: 9"), "{}", finished.ended.stderr);
    let (summary, judgement) = finished.record()?.conclude()?;
    assert_eq!(judgement.verdict, Verdict::Invalid);
    assert_eq!(judgement.validity.reasons[0].rule, Rule::Incomplete);
    assert!(judgement.sentence.contains("part 1 of 3 was killed"), "{}", judgement.sentence);
    assert_eq!(summary.recorded_s.clamp(6, 7), summary.recorded_s, "the others went on to the end");
    Ok(())
}

#[test]
fn workers_whose_parent_is_killed_do_not_go_on_without_it() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let mut started = Loadgen::run(LONG, &server.url())?.args(&["--workers", "2"]).start()?;
    started.until_recorded(2)?;
    let workers = children(started.process.id())?;
    started.process.signal(libc::SIGKILL)?;
    let gone = || workers.iter().all(|worker| !fs::exists(format!("/proc/{worker}")).unwrap_or(true));
    for _ in 0..100 {
        if gone() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("workers {workers:?} outlived their parent by 10 s")
}

#[test]
fn a_storm_of_errors_over_all_workers_ends_the_run() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let storm = LONG
        .replace("/json", "/status/500")
        .replace("load:", "abort: { share: 50%, requests: 200, within: 5s }\nload:");
    let finished = Loadgen::run(&storm, &server.url())?.args(&["--workers", "3", "--json"]).finish()?;
    finished.expect(10)?;
    let record = finished.record()?;
    assert_eq!(record.run.state, State::Aborted);
    assert!(record.recorded_s() < 10, "{} s", record.recorded_s());
    let summary: serde_json::Value = serde_json::from_str(&finished.ended.stdout)?;
    assert_eq!(summary["verdict"], "missed");
    assert_eq!(summary["totals"]["completed"], 0);
    Ok(())
}

#[test]
fn more_users_than_files_are_told_how_many_workers_would_do() -> Result<()> {
    let scenario = LONG.replace("30", "1000");
    let few_files = ["sh", "-c", "ulimit -n 300; exec \"$@\"", "sh"];
    let refused = |arguments: &[&str]| -> Result<String> {
        let run = Loadgen::run(&scenario, "http://127.0.0.1:9")?.args(arguments).started_by(&few_files);
        let finished = run.finish()?;
        finished.expect(2)?;
        Ok(finished.ended.stderr)
    };
    let message = refused(&[])?;
    assert!(message.contains("1000 users") && message.contains("`--workers 5`"), "{message}");
    let message = refused(&["--workers", "3"])?;
    assert!(message.contains("334 users") && message.contains("`--workers 5`"), "{message}");
    let message = refused(&["--workers", "2000"])?;
    assert!(message.contains("256"), "{message}");
    Ok(())
}

#[test]
fn a_part_without_its_instant_or_with_one_that_has_passed_is_refused() -> Result<()> {
    let refused = |arguments: &[&str], says: &str| -> Result<()> {
        let finished = Loadgen::run(LONG, "http://127.0.0.1:9")?.args(arguments).finish()?;
        finished.expect(2)?;
        assert!(finished.ended.stderr.contains(says), "{}", finished.ended.stderr);
        Ok(())
    };
    refused(&["--shard", "0/2"], "--seed")?;
    refused(&["--shard", "0/2", "--seed", "1"], "--start-at")?;
    refused(&["--shard", "2/2", "--seed", "1", "--start-at", "1"], "0/2")?;
    refused(&["--shard", "0/2", "--seed", "1", "--start-at", "soon"], "2026-01-31T12:00:00Z")?;
    refused(&["--shard", "0/2", "--seed", "1", "--workers", "2", "--start-at", "1"], "cannot be used with")?;
    refused(&["--shard", "0/2", "--seed", "1", "--start-at", "2020-01-01T00:00:00Z"], "later instant")
}

/// The children of a process, oldest first.
fn children(parent: u32) -> Result<Vec<i32>> {
    let listed = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    let threads = fs::read_dir(format!("/proc/{parent}/task"))?.flatten();
    let others = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let mut children: Vec<i32> = std::iter::once(listed)
        .chain(others)
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    children.sort_unstable();
    children.dedup();
    Ok(children)
}
