use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use harness::{
    loadgen::Loadgen,
    process::{program, repository, run},
};
use jsonschema::Validator;
use serde_json::{Value, json};

fn validator() -> Result<Validator> {
    let schema = fs::read_to_string(repository().join("scenarios/scenario.schema.json"))?;
    let schema = serde_json::from_str(&schema)?;
    jsonschema::meta::validate(&schema).map_err(|error| anyhow::anyhow!("no valid schema: {error}"))?;
    jsonschema::validator_for(&schema).map_err(|error| anyhow::anyhow!("{error}"))
}

fn shipped() -> Result<Vec<(PathBuf, Value)>> {
    let mut scenarios = Vec::new();
    for entry in fs::read_dir(repository().join("scenarios"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "yaml") {
            let text = fs::read_to_string(&path)?;
            let value = serde_saphyr::from_str(&text).with_context(|| path.display().to_string())?;
            scenarios.push((path, value));
        }
    }
    assert!(scenarios.len() >= 4, "the shipped scenarios are found: {scenarios:?}");
    Ok(scenarios)
}

#[test]
fn every_shipped_scenario_keeps_the_published_schema() -> Result<()> {
    let validator = validator()?;
    for (path, scenario) in shipped()? {
        let errors: Vec<_> = validator
            .iter_errors(&scenario)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
    Ok(())
}

#[test]
fn every_shipped_scenario_passes_its_own_check_once_its_accounts_are_there() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let accounts = folder.path().join("accounts.csv");
    let rows =
        (0..100_000).map(|user| format!("user{user}@seed.example,secret,token{user},refresh{user},{user}\n"));
    fs::write(
        &accounts,
        format!("email,password,access_token,refresh_token,user_id\n{}", rows.collect::<String>()),
    )?;
    for (path, scenario) in shipped()? {
        let check = |arguments: &[&str]| {
            let mut command = Command::new(program("loadgen")?);
            command.arg("check").arg(&path).args(arguments).env_remove("LOADGEN_TARGET");
            run(&mut command)
        };
        let has_accounts = scenario.get("extends").is_some() || scenario.pointer("/vars/accounts").is_some();
        if !has_accounts {
            let ended = check(&[])?;
            assert_eq!(ended.code, Some(0), "{}: {}", path.display(), ended.stderr);
            continue;
        }
        let ended = check(&["--var", &format!("accounts={}", accounts.display())])?;
        assert_eq!(ended.code, Some(0), "{}: {}", path.display(), ended.stderr);
        let ended = check(&["--var", "accounts=/nowhere/accounts.csv"])?;
        assert_eq!(ended.code, Some(2), "{}", path.display());
        let hint = ["/nowhere/accounts.csv", "service seed"];
        assert!(hint.iter().all(|part| ended.stderr.contains(part)), "{}: {}", path.display(), ended.stderr);
    }
    Ok(())
}

/// One that uses most of the language, for mistakes to be made in.
fn rich() -> Value {
    json!({
        "version": 1,
        "name": "rich",
        "target": { "base_url": "http://127.0.0.1:1", "timeout": "10s", "ready": "/readyz" },
        "vars": { "page": 20 },
        "load": {
            "arrivals": {
                "process": "poisson",
                "max_in_flight": 10,
                "stages": [ { "rate": "5/s", "hold": "1s" }, { "to": "9/s", "over": "1s" } ]
            },
            "warm_up": "1s"
        },
        "abort": { "share": "50%", "requests": 100, "within": "5s" },
        "defaults": { "headers": { "accept": "application/json" } },
        "flows": [ {
            "name": "browse",
            "weight": 2,
            "steps": [
                {
                    "get": "/tasks?limit=${page}",
                    "name": "list",
                    "expect": { "status": [200, "2xx"], "json": { "$.items": "exists" }, "within": "2s" },
                    "save": { "id": "$.items[0].id" }
                },
                { "think": { "uniform": ["1s", "2s"] } },
                { "if": "id", "post": "/tasks/${id}", "name": "one", "json": { "done": true } }
            ]
        } ],
        "observe": [ {
            "name": "service",
            "prometheus": "/metrics",
            "cache_hit_ratio": { "hits": "cache_requests_total{result=\"hit\"}", "all": "cache_requests_total" }
        } ],
        "budgets": [ { "p95": "200ms" }, { "request": "list", "p99": "1s" }, { "cache_hit_ratio": ">= 80%" } ]
    })
}

/// A place in the rich scenario and what is wrong with the value that is put there.
fn mistakes() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("an unknown key", "/nmae", json!("x")),
        ("an unknown key of the target", "/target/base_ulr", json!("x")),
        ("an unknown key of a step", "/flows/0/steps/0/gte", json!("/")),
        ("another version", "/version", json!(2)),
        ("a weight of nothing", "/flows/0/weight", json!(0)),
        ("a weight that is a word", "/flows/0/weight", json!("two")),
        ("users and arrivals", "/load/users", json!({ "stages": [ { "users": 1, "hold": "1s" } ] })),
        ("a duration without unit", "/target/timeout", json!("10")),
        ("a rate without number", "/load/arrivals/stages/0/rate", json!("many/s")),
        ("a process nobody knows", "/load/arrivals/process", json!("bursty")),
        ("no stages", "/load/arrivals/stages", json!([])),
        ("two methods in one step", "/flows/0/steps/0/post", json!("/tasks")),
        ("two ways to think", "/flows/0/steps/1/think", json!({ "constant": "1s", "exponential": "1s" })),
        ("a share above all", "/abort/share", json!("half")),
        ("a budget that is a list", "/budgets/0", json!(["p95"])),
        ("flows that are a map", "/flows", json!({ "name": "browse" })),
    ]
}

#[test]
fn another_validator_refuses_what_loadgen_refuses() -> Result<()> {
    let validator = validator()?;
    let right = rich();
    let errors: Vec<_> = validator.iter_errors(&right).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    Loadgen::new("check", &right.to_string())?.finish()?.expect(0)?;

    for (what, place, value) in mistakes() {
        let mut wrong = right.clone();
        let (parent, key) = place.rsplit_once('/').context("a JSON pointer")?;
        match wrong.pointer_mut(parent).context("a place in the scenario")? {
            Value::Object(map) => drop(map.insert(key.to_owned(), value)),
            Value::Array(list) => list[key.parse::<usize>()?] = value,
            other => panic!("{parent} is {other}"),
        }
        assert!(!validator.is_valid(&wrong), "the schema lets through {what}");
        let finished = Loadgen::new("check", &wrong.to_string())?.finish()?;
        assert_eq!(finished.ended.code, Some(2), "loadgen lets through {what}: {}", finished.ended.stdout);
    }
    Ok(())
}
