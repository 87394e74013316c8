use std::process::Command;

use anyhow::{Context, Result, bail};
use harness::{
    loadgen::Loadgen,
    process::run,
    servers::{Server, known},
};
use serde_json::Value;

use crate::web::{SHORT, announced};

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_the_request_log_agree_with_the_record() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let longer = SHORT.replace("hold: 3s", "hold: 6s");
    // Nobody listens at the collector's address: that must cost one warning, and nothing else.
    let dead = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let collector = format!("http://{dead}");
    let arguments = ["--prometheus=0", "--otlp", &collector, "--log-requests", "requests.jsonl"];
    let mut run = Loadgen::run(&longer, &server.url())?.args(&arguments).start()?;
    let url = announced(&mut run, "metrics: ")?;
    run.until_recorded(3)?;
    let text = reqwest::get(&url).await?.text().await?;
    let checked = check_metrics(&text)?;
    assert_eq!(checked, "", "{text}");
    let count = |name: &str| -> f64 {
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    };
    assert!(count("loadgen_requests_total{") >= 100.0, "{text}");
    assert!(text.contains(r#"request="ba\"d",outcome="status_503""#), "{text}");
    // The last arrivals of a second may be begun in the next.
    let waiting = count("loadgen_iterations_offered_total") - count("loadgen_iterations_started_total");
    assert!((0.0..=5.0).contains(&waiting), "{text}");

    let finished = run.finish()?;
    let record = finished.record()?;
    let lines = std::fs::read_to_string(finished.record_folder().with_file_name("requests.jsonl"))?;
    let lines: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let (completed, failed) =
        record.series.iter().fold((0, 0), |(done, failed), row| (done + row.completed, failed + row.failed));
    assert_eq!(lines.len() as u64, completed + failed);
    let of = |status: u64| lines.iter().filter(|line| line["status"] == status).count() as u64;
    assert_eq!((of(200), of(503)), (completed, failed));
    for line in &lines {
        let at = |name: &str| line[name].as_i64().with_context(|| format!("{name} in {line}"));
        let instants = [at("due_us")?, at("sent_us")?, at("first_byte_us")?, at("end_us")?];
        assert!(instants.is_sorted() && instants[0] >= 0, "{line}");
    }
    let warnings = finished.ended.stderr.matches("metrics do not reach").count();
    assert_eq!(warnings, 1, "{}", finished.ended.stderr);
    Ok(())
}

/// What Prometheus's own `promtool check metrics` has to say against `text`.
fn check_metrics(text: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("metrics.txt");
    std::fs::write(&file, text)?;
    let line = format!("promtool check metrics < '{}'", file.display());
    let ended = run(Command::new("sh").args(["-c", &line]))?;
    if ended.code == Some(127) {
        bail!("promtool (Debian: prometheus) is not there; `make test` installs it");
    }
    Ok(format!("{}{}", ended.stdout, ended.stderr))
}

#[test]
fn a_request_log_that_is_full_stops_and_says_so() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let arguments = ["--log-requests", "requests.jsonl", "--log-requests-limit", "40"];
    let finished = Loadgen::run(SHORT, &server.url())?.args(&arguments).finish()?;
    let lines = std::fs::read_to_string(finished.record_folder().with_file_name("requests.jsonl"))?;
    assert_eq!(lines.lines().count(), 40);
    let said = &finished.ended.stderr;
    assert!(said.contains("requests.jsonl stops: its limit of 40 lines is reached"), "{said}");
    Ok(())
}
