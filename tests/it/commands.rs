use anyhow::Result;
use harness::{
    loadgen::Loadgen,
    process::{program, repository, run},
    servers::{Server, known},
};
use serde_json::Value;

const SCENARIO: &str = "
version: 1
name: two flows
target: { base_url: http://127.0.0.1:1 }
load: { arrivals: { process: constant, stages: [ { rate: 40/s, hold: 3s } ] } }
flows:
  - name: look
    weight: 3
    steps: [ { get: /json, name: look, save: { id: $.id } }, { post: /echo, name: tell, body: 'saw ${id}' } ]
  - name: fail
    weight: 1
    steps: [ { get: /status/503, name: fail } ]
budgets:
  - { request: look, p95: 200ms }
";

#[test]
fn check_shows_load_mix_and_budgets_and_sends_nothing() -> Result<()> {
    // Nothing listens where the scenario points; what sent a request would fail.
    let finished = Loadgen::new("check", SCENARIO)?.finish()?;
    finished.expect(0)?;
    let shown = format!("{}{}", finished.ended.stdout, finished.ended.stderr);
    for part in ["two flows", "look", "fail", "40", "120", "75", "p95 of look ≤ 200 ms"] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
    Ok(())
}

#[test]
fn once_goes_through_each_flow_once_and_shows_every_request_and_answer() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let finished = Loadgen::new("once", SCENARIO)?.args(&["--target", &server.url()]).finish()?;
    let shown = format!("{}{}", finished.ended.stdout, finished.ended.stderr);
    let url = server.url();
    for request in [format!("GET {url}/json"), format!("POST {url}/echo"), format!("GET {url}/status/503")] {
        assert_eq!(shown.matches(&request).count(), 1, "{request} once in\n{shown}");
    }
    for part in ["200 OK", "\"title\":\"a task\"", "saw 0190b7a0", "503 Service Unavailable"] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
    assert_ne!(finished.ended.code, Some(0), "a flow failed");
    Ok(())
}

#[test]
fn json_on_stdout_is_one_object_and_all_else_goes_to_stderr() -> Result<()> {
    let server = Server::start(known(&Default::default()))?;
    let finished = Loadgen::run(SCENARIO, &server.url())?.args(&["--json"]).finish()?;
    let summary: Value = serde_json::from_str(&finished.ended.stdout)?;
    assert!(summary.is_object());
    let (figures, _) = finished.record()?.conclude()?;
    assert_eq!(figures.offered, 120);
    assert!(finished.ended.stderr.contains("two flows") || !finished.ended.stderr.is_empty());
    Ok(())
}

#[test]
fn the_schema_that_is_printed_is_the_one_that_is_shipped() -> Result<()> {
    let ended = run(std::process::Command::new(program("loadgen")?).arg("schema"))?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let printed: Value = serde_json::from_str(&ended.stdout)?;
    let file = repository().join("scenarios/scenario.schema.json");
    let shipped: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    assert_eq!(printed, shipped, "write it anew: loadgen schema > scenarios/scenario.schema.json");
    Ok(())
}

#[test]
fn every_program_knows_its_help_and_refuses_what_it_does_not_know() -> Result<()> {
    for name in ["loadgen", "reports", "service", "stack"] {
        let help = run(std::process::Command::new(program(name)?).arg("--help"))?;
        assert_eq!(help.code, Some(0), "{name}");
        assert!(
            help.stdout.contains("Usage") && help.stdout.contains("completions"),
            "{name}: {}",
            help.stdout
        );
        let wrong = run(std::process::Command::new(program(name)?).arg("--no-such-option"))?;
        assert_eq!(wrong.code, Some(2), "{name}");
        assert!(wrong.stderr.contains("--no-such-option"), "{name}: {}", wrong.stderr);
    }
    Ok(())
}
