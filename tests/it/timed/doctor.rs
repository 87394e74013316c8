use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use harness::{
    loadgen::Loadgen,
    process::{Ended, Process, program},
    servers::{Server, known},
};
use serde_json::Value;
use tempfile::TempDir;

fn doctor(state: &Path, arguments: &[&str]) -> Result<Ended> {
    let mut command = Command::new(program("loadgen")?);
    command.arg("doctor").args(arguments).env("XDG_STATE_HOME", state).env("NO_COLOR", "1");
    Process::start(&mut command)?.wait(Duration::from_secs(240))
}

fn certificate_in(file: &Path) -> Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(file).with_context(|| file.display().to_string())?)?)
}

fn figure(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or_else(|| panic!("{name} of {value}"))
}

#[test]
fn no_behaviour_of_the_server_makes_what_is_reported_smaller_than_the_truth() -> Result<()> {
    let folder = TempDir::new()?;
    let out = folder.path().join("certificate.json");
    let file = out.to_string_lossy().into_owned();
    let ended = doctor(folder.path(), &["--seconds", "2", "--json", "--out", &file])?;
    let certificate = certificate_in(&out)?;
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout)?, certificate, "printed and written alike");
    assert_eq!(certificate["schema"], "headroom.certificate/1");

    let behaviours = certificate["behaviours"].as_array().context("behaviours")?;
    let names: Vec<_> = behaviours.iter().filter_map(|it| it["name"].as_str()).collect();
    let all = ["fixed", "exponential", "bimodal", "queue", "freeze", "drip", "resets", "paced"];
    assert_eq!(names, all);
    for behaviour in behaviours {
        assert!(ended.stderr.contains(behaviour["about"].as_str().unwrap_or("?")), "{}", ended.stderr);
        let disturbed = behaviour["outcome"] == "disturbed";
        assert!(
            behaviour["outcome"] == "straight"
                || behaviour["why"].as_array().is_some_and(|why| !why.is_empty()),
            "{behaviour}"
        );
        let points = behaviour["points"].as_array().context("points")?;
        let failures = behaviour["failures"].as_array().context("failures")?;
        assert!(disturbed || points.len() >= 3, "p50, p90 and p99 have the answers they need: {behaviour}");
        for point in points.iter().chain(failures) {
            let (reported, computed) = (figure(point, "reported_us"), figure(point, "computed_us"));
            // A histogram of three digits, and microseconds cut off.
            assert!(disturbed || reported >= computed * 0.999 - 1.0, "{behaviour}");
            // However slow the build: the run and the server's own account tell of the same response times.
            let seen = figure(point, "seen_us");
            assert!(disturbed || (reported - seen).abs() < 0.1 * seen + 5_000.0, "{behaviour}");
        }
        let timing = &behaviour["timing"];
        if !timing.is_null() {
            assert_eq!(timing["planned"], timing["offered"], "{behaviour}");
            assert!(disturbed || figure(timing, "drift_ratio").abs() < 0.001, "{behaviour}");
            let answers = figure(behaviour, "n") + figure(behaviour, "failed");
            assert!(disturbed || answers == figure(timing, "planned"), "{behaviour}");
        }
    }
    let resets = behaviours.iter().find(|behaviour| behaviour["name"] == "resets").context("resets")?;
    assert!(
        figure(resets, "failed") > 50.0 && !resets["failures"].as_array().context("failures")?.is_empty()
    );

    let code = match certificate["outcome"].as_str() {
        Some("straight") => 0,
        Some("bent") => 10,
        _ => 12,
    };
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    assert!(figure(&certificate["rate"], "per_s") > 0.0);
    let users = &certificate["users"];
    assert!(figure(users, "bytes_per_user") > 1_000.0 && figure(users, "users") > 100.0, "{users}");
    assert!(figure(&certificate["overhead"]["loadgen"], "p50_us") > 0.0);
    // Two seconds are too few for the 99.9th percentile: nothing was proven, nothing is kept.
    assert_eq!((&certificate["complete"], &certificate["passed"]), (&false.into(), &false.into()));
    assert!(!folder.path().join("headroom").exists());
    Ok(())
}

const SCENARIO: &str = "
version: 1
name: quoted
load: { users: { stages: [ { users: 2, hold: 1s } ], think: 100ms } }
flows:
  - name: ask
    steps: [ { get: /json } ]
";

fn quoted(state: &Path) -> Result<Value> {
    let server = Server::start(known(&Default::default()))?;
    let finished = Loadgen::run(SCENARIO, &server.url())?.env("XDG_STATE_HOME", state).finish()?;
    // A machine that is busy makes it invalid, which is no reason not to quote.
    assert!(matches!(finished.ended.code, Some(0 | 12)), "{:?}", finished.ended);
    Ok(certificate_in(&finished.record_folder().join(record::files::RUN))?["certificate"].take())
}

#[test]
fn a_run_quotes_the_certificate_that_is_kept_and_says_when_it_is_of_another_machine() -> Result<()> {
    let folder = TempDir::new()?;
    assert!(quoted(folder.path())?.is_null(), "there is none yet");

    let kept = folder.path().join("headroom/certificate.json");
    let file = kept.to_string_lossy().into_owned();
    let ended = doctor(folder.path(), &["--only", "fixed", "--seconds", "1", "--quiet", "--out", &file])?;
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "quiet");
    let mut certificate = certificate_in(&kept)?;
    let quote = quoted(folder.path())?;
    assert_eq!((&quote["date"], &quote["passed"]), (&certificate["date"], &certificate["passed"]));
    assert_eq!((&quote["same_host"], &quote["worst"]["behaviour"]), (&true.into(), &"fixed".into()));
    assert!(quote["caveats"].is_null(), "{quote}");

    certificate["host"]["cpu"] = "another".into();
    certificate["date"] = "2020-01-01T00:00:00Z".into();
    fs::write(&kept, certificate.to_string())?;
    let quote = quoted(folder.path())?;
    assert_eq!(quote["same_host"], false);
    let caveats = quote["caveats"].to_string();
    assert!(caveats.contains("another machine") && caveats.contains("days old"), "{caveats}");

    fs::write(&kept, "{ not a certificate")?;
    assert!(quoted(folder.path())?.is_null(), "one that cannot be read is none");
    Ok(())
}

#[test]
fn a_doctor_that_is_stopped_says_so_and_leaves_nothing() -> Result<()> {
    let folder = TempDir::new()?;
    let mut command = Command::new(program("loadgen")?);
    command.args(["doctor", "--only", "freeze"]).env("XDG_STATE_HOME", folder.path());
    command.env("TMPDIR", folder.path());
    let mut process = Process::start(&mut command)?;
    std::thread::sleep(Duration::from_secs(2));
    process.signal(libc::SIGINT)?;
    let ended = process.wait(Duration::from_secs(10))?;
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("no certificate was written"), "{}", ended.stderr);
    assert_eq!(fs::read_dir(folder.path())?.count(), 0, "its folder is gone");
    Ok(())
}

#[test]
fn a_behaviour_that_does_not_exist_is_refused_with_those_that_do() -> Result<()> {
    let ended = doctor(Path::new("/nonexistent"), &["--only", "frozen"])?;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("freeze") && ended.stderr.contains("exponential"), "{}", ended.stderr);
    Ok(())
}
