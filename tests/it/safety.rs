use anyhow::{Context, Result};
use harness::{
    loadgen::Loadgen,
    servers::{Server, known},
};

/// An address reserved for documentation (RFC 5737): nobody lives there.
const NOBODY: &str = "http://192.0.2.1";

const SCENARIO: &str = "
version: 1
name: stranger
target: { base_url: http://127.0.0.1:1, timeout: 1s }
load: { arrivals: { process: constant, stages: [ { rate: 5/s, hold: 1s } ] } }
flows:
  - name: ask
    steps: [ { get: / } ]
";

/// Runs loadgen where there is no network at all, and counts how often anything tried to use one: the kernel's count
/// of packets that had nowhere to go.
fn attempts(arguments: &[&str]) -> Result<(i32, u64, String)> {
    let script = r#""$@"; code=$?; awk '/^Ip:/ && n++ == 0 { split($0, names); next }
        /^Ip:/ { for (i in names) if (names[i] == "OutNoRoutes") print "attempts", $i }' /proc/net/snmp; exit $code"#;
    let starter = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script, "sh"];
    let finished = Loadgen::run(SCENARIO, NOBODY)?.args(arguments).started_by(&starter).finish()?;
    let ended = &finished.ended;
    let count = ended.stdout.lines().find_map(|line| line.strip_prefix("attempts ")?.parse().ok());
    let count = count.with_context(|| format!("no count; can this user unshare namespaces? {ended:?}"))?;
    Ok((ended.code.context("an exit code")?, count, ended.stderr.clone()))
}

#[test]
fn a_target_that_nobody_allowed_is_refused_before_the_first_packet() -> Result<()> {
    let (code, attempts_made, message) = attempts(&[])?;
    assert_eq!((code, attempts_made), (2, 0), "{message}");
    assert!(message.contains("192.0.2.1") && message.contains("--allow"), "{message}");

    // The same count sees the attempts of a run that was allowed.
    let (code, attempts_made, message) = attempts(&["--allow", "192.0.2.1"])?;
    assert_eq!(code, 13, "{message}");
    assert!(attempts_made > 0, "the count would have seen a packet: {message}");
    Ok(())
}

#[test]
fn a_redirect_to_a_target_that_nobody_allowed_is_not_followed() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let scenario = SCENARIO.replace("get: /", "get: /elsewhere");
    let finished = Loadgen::run(&scenario, &server.url())?.finish()?;
    let record = finished.record()?;
    let (summary, _) = record.conclude()?;
    assert_eq!((summary.completed, summary.failed), (0, 5));
    let details: Vec<_> = record.errors.iter().map(|sample| sample.detail.as_str()).collect();
    assert!(details.iter().any(|detail| detail.contains("192.0.2.1")), "{details:?}");
    // A connection attempt would have lasted until the time limit of a second.
    assert!(summary.error.max_us < 900_000, "{} µs", summary.error.max_us);
    Ok(())
}
