//! What the service still does while three times as much is asked of it as it holds, and how soon all is well after.

use std::{fmt::Write as _, ops::Range, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use harness::process::{program, repository};
use record::{
    Capacity, Record, new_histogram, quantile_us,
    unit::{show_ratio, show_us},
};
use stack::{
    Phase, Plan, Topology,
    topology::{Cache, Seed},
};

use crate::{
    peers::put,
    usage::{pin, run_on},
};

const CLIENT: usize = 0;
const SERVICE: usize = 1;
/// How many requests loadgen keeps in flight at most: several times what the service takes at once.
const IN_FLIGHT: u32 = 4000;
/// What the service keeps in progress at most: what it answers in 50 ms or so.
const MAX_IN_FLIGHT: u32 = 128;
/// Connections to the database, which has a part of one core: with more it would only switch between them.
const CONNECTIONS: u32 = 4;
/// What is offered, as a multiple of the capacity found, and for how many seconds. The peak is looked for right before it
/// is held against: in the minutes since the search the machine may have become another.
const STAGES: [(&str, f64, u64); 5] = [
    ("half", 0.5, 10),
    ("capacity", 1.0, 30),
    ("peak: 1.5 × capacity", 1.5, 20),
    ("3 × capacity", 3.0, 60),
    ("half again", 0.5, 30),
];
/// Seconds at the start of a stage that tell of the one before it.
const SETTLE_S: u64 = 3;
/// Share of the machine's processor time that its host may give to others during a stage: beyond it the stages are not of
/// one machine, and all are run again.
const STOLEN: f64 = 0.05;
/// How often they are run at most.
const ATTEMPTS: usize = 3;
/// Normal seconds together that show that all is well again, as in a capacity search.
const CALM_S: usize = 3;

/// Measures once and gives back a section of the document.
///
/// Without a cache: an answer from memory costs hardly more than a refusal, so that refusing twice what is answered takes
/// a fifth of the processor whoever does it, and three times its rate is more than loadgen sends from one processor.
pub fn measure() -> Result<String> {
    // What is started from here on stays here, the database included; loadgen is sent to the other processor.
    pin(SERVICE, std::process::id())?;
    let (most, connections) = (MAX_IN_FLIGHT.to_string(), CONNECTIONS.to_string());
    let settings = [
        ("limits.profile", "off"),
        ("log.requests", "off"),
        ("auth.access_ttl_s", "86400"),
        ("http.max_in_flight", &most),
        ("database.min_connections", &connections),
        ("database.max_connections", &connections),
    ];
    let mut plan = settings.iter().fold(Plan::of(Phase::Single), |plan, (key, value)| plan.with(key, value));
    plan.cache = Cache::Off;
    plan.seed = Some(Seed { users: IN_FLIGHT, tasks_per_user: 20, products: 2_000, seed: 7 });
    let topology = Topology::start(&plan)?;
    let accounts = format!("accounts={}", topology.accounts().display());
    let loadgen = program("loadgen")?.display().to_string();
    let shipped = repository().join("scenarios/capacity.yaml").display().to_string();
    let ask = |command: &str, scenario: &str, out: &Path, more: &[&str]| {
        let out = out.display().to_string();
        let usual = ["--target", &topology.url(), "--var", &accounts, "--out", &out, "--no-tui"];
        let arguments = [&[command, scenario][..], &usual, more].concat();
        run_on(CLIENT, Duration::from_secs(900), &loadgen, &arguments)
    };

    let kept = tempfile::tempdir()?;
    let folder = kept.path().join("capacity");
    ask("capacity", &shipped, &folder, &["--trial", "6s", "--soak", "0s"])?;
    let found = Capacity::read(&folder)?;
    eprintln!("{}", found.sentence);
    let capacity = found.answer.low_per_s.with_context(|| found.sentence.clone())?;
    let scenario = put(kept.path(), "overload.yaml", &scenario(&shipped, capacity))?;
    let mut attempt = 1;
    let (record, stages) = loop {
        let pushed = kept.path().join(format!("overload-{attempt}"));
        ask("run", &scenario, &pushed, &[])?;
        let record = Record::open(&pushed)?;
        let stages = stages(&record)?;
        let stolen = stages.iter().map(|stage| stage.seen.stolen).fold(0.0, f64::max);
        if stolen < STOLEN || attempt == ATTEMPTS {
            break (record, stages);
        }
        eprintln!("the host took {} of the processors in a stage: all again", show_ratio(stolen));
        attempt += 1;
    };
    section(&found.sentence, &record, &stages)
}

fn scenario(shipped: &str, capacity: f64) -> String {
    let stages = STAGES.iter().fold(String::new(), |mut text, (_, times, seconds)| {
        let _ = write!(text, "{{ rate: {:.0}/s, hold: {seconds}s }}, ", times * capacity);
        text
    });
    format!(
        "extends: {shipped}\nversion: 1\nname: overload\nload:\n  arrivals:\n    process: poisson\n    \
         max_in_flight: {IN_FLIGHT}\n    stages: [{stages}]\n  warm_up: 5s\n"
    )
}

/// What a window of the run showed.
struct Window {
    offered_per_s: f64,
    good_per_s: f64,
    refused_per_s: f64,
    not_sent_per_s: f64,
    p99_us: Option<u64>,
    stolen: f64,
}

/// One of [`STAGES`].
struct Stage {
    name: &'static str,
    begin: u64,
    seen: Window,
}

fn stages(record: &Record) -> Result<Vec<Stage>> {
    let mut end = 0;
    let stage = |(name, _, seconds): (&'static str, f64, u64)| {
        let begin = end;
        end += seconds;
        Ok(Stage { name, begin, seen: window(record, begin + SETTLE_S..end)? })
    };
    STAGES.into_iter().map(stage).collect()
}

fn window(record: &Record, seconds: Range<u64>) -> Result<Window> {
    let rows = || record.series.iter().filter(|row| seconds.contains(&row.second));
    let length = rows().count() as f64;
    ensure!(length > 0.0, "no second of {seconds:?} is in the record");
    let mut response = new_histogram();
    record.each_response_second(|second, histogram| {
        if seconds.contains(&second) {
            response.add(histogram)?;
        }
        anyhow::Ok(())
    })?;
    let per_s = |sum: u64| sum as f64 / length;
    Ok(Window {
        offered_per_s: per_s(rows().map(|row| row.offered).sum()),
        good_per_s: per_s(rows().map(|row| row.completed).sum()),
        refused_per_s: per_s(rows().map(|row| row.failed).sum()),
        not_sent_per_s: per_s(rows().map(|row| row.dropped).sum()),
        p99_us: quantile_us(&response, 0.99),
        stolen: rows().filter_map(|row| row.cpu_stolen).sum::<f64>() / length,
    })
}

/// Seconds from `from` to the first of [`CALM_S`] normal ones together, if there are such, and how many later ones were not
/// normal. In a normal second all requests are answered, with a p99 no worse than `normal_us`.
fn back_to_normal(record: &Record, from: u64, normal_us: u64) -> Result<(Option<usize>, usize)> {
    let normal = |second| {
        let seen = window(record, second..second + 1)?;
        let answered = seen.refused_per_s == 0.0 && seen.not_sent_per_s == 0.0;
        Ok(answered && seen.p99_us.is_some_and(|p99_us| p99_us <= normal_us))
    };
    let seconds = (from..record.recorded_s().saturating_sub(1)).map(normal).collect::<Result<Vec<bool>>>()?;
    let first = seconds.windows(CALM_S).position(|together| together.iter().all(|normal| *normal));
    let later = seconds.iter().skip(first.unwrap_or(0)).filter(|normal| !**normal).count();
    Ok((first, later))
}

fn section(found: &str, record: &Record, stages: &[Stage]) -> Result<String> {
    let mut text = format!(
        "\n## Three times the capacity\n\nThe service without a cache and its PostgreSQL on one core, loadgen on the other, the mix of \
         scenarios/capacity.yaml, Poisson arrivals, {IN_FLIGHT} in flight at most; http.max_in_flight {MAX_IN_FLIGHT}, database.max_connections {CONNECTIONS}; one run, repeated up to {ATTEMPTS} times while the host takes {} or more of the processors in a stage. First the search: {found} The first {SETTLE_S} s of a stage are left out.\n\n\
         | offered | requests due/s | answered/s | refused or failed/s | not sent/s | p99 of the answered | taken by the host |\n|---|---|---|---|---|---|---|\n",
        show_ratio(STOLEN)
    );
    for Stage { name, seen, .. } in stages {
        let Window { offered_per_s, good_per_s, refused_per_s, not_sent_per_s, p99_us, stolen } = seen;
        let p99 = p99_us.map_or_else(|| "–".to_owned(), |it| show_us(it as f64));
        let _ = writeln!(
            text,
            "| {name} | {offered_per_s:.0} | {good_per_s:.0} | {refused_per_s:.0} | {not_sent_per_s:.0} | {p99} | {} |",
            show_ratio(*stolen)
        );
    }
    let [_, capacity, peak, pushed, after] = stages else { unreachable!("there are five stages") };
    let p99_us = |stage: &Stage| stage.seen.p99_us.with_context(|| format!("no p99 at {}", stage.name));
    let peak_per_s = f64::max(capacity.seen.good_per_s, peak.seen.good_per_s);
    let (normal_s, later) = back_to_normal(record, after.begin, p99_us(capacity)?)?;
    let normal_s = normal_s.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds} s"));
    let _ = write!(
        text,
        "\n- answered at three times the capacity ÷ the peak **{:.2}** (bound ≥ 0.9)\n- p99 there ÷ p99 at the capacity **{:.2}** (bound ≤ 3)\n\
         - until {CALM_S} seconds together have nothing failed and a p99 no worse than at the capacity: **{normal_s}** (bound ≤ 5 s); {later} of the later seconds were not so\n",
        pushed.seen.good_per_s / peak_per_s,
        p99_us(pushed)? as f64 / p99_us(capacity)? as f64,
    );
    Ok(text)
}
