//! The service held against its own description by schemathesis: requests that the description suggests, good ones and
//! bad ones, one by one and in sequences.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use harness::{
    process::{Process, build_folder},
    service::{Service, Site},
};
use reqwest::Client;
use serde_json::{Value, json};

/// The same requests each time.
const SEED: &str = "7";
/// Requests made up for each operation, on top of those at the edges of what its schema allows.
const EXAMPLES: &str = "40";
/// What ends the session that asks; these have a run of their own.
const ENDINGS: [&str; 4] = ["logout", "logoutAll", "deleteMe", "endSession"];

async fn token(service: &Service, email: &str) -> Result<String> {
    let login = json!({ "email": email, "password": "headroom-demo-password" });
    let request = Client::new().post(format!("{}/api/v1/auth/login", service.url)).json(&login);
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    Ok(answer["accessToken"].as_str().context("a token")?.to_owned())
}

/// Runs schemathesis as the owner of `token`; how many requests it made.
fn hold(site: &Site, service: &Service, token: &str, arguments: &[String]) -> Result<u32> {
    let target = build_folder()?;
    let program =
        target.parent().context("the build folder lies in the target folder")?.join("python/bin/st");
    ensure!(
        program.exists(),
        "{} is not there; `make test` makes it: python3 -m venv and pip install schemathesis",
        program.display()
    );
    let mut command = Command::new(program);
    command
        .current_dir(site.folder())
        .args(["--no-color", "run", &format!("{}/openapi.json", service.url)])
        .args(["--header", &format!("Authorization: Bearer {token}"), "--seed", SEED, "--no-shrink"])
        .args(["--continue-on-failure", "--request-timeout", "30", "--warnings", "off", "--checks", "all"])
        // A cursor or a token may look right and still not be one that the service gave.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .args(arguments);
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    let ended = Process::start(&mut command)?.wait(Duration::from_secs(900))?;
    if ended.code != Some(0) {
        bail!("schemathesis ended with {:?}:\n{}\n{}", ended.code, ended.stdout, ended.stderr);
    }
    let summary = ended.stdout.lines().find_map(|line| line.trim().split_once(" generated"));
    let (cases, _) = summary.with_context(|| format!("no count of requests in {}", ended.stdout))?;
    cases.parse().with_context(|| format!("{cases} is no count"))
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_requests_as_user_and_as_admin_get_no_answer_that_the_description_does_not_allow()
-> Result<()> {
    let site = Site::new()?
        .with("SERVICE_LIMITS_PROFILE", "off")
        .with("SERVICE_AUTH_ACCESS_TTL_S", "7200")
        .with("SERVICE_HTTP_REQUEST_TIMEOUT_MS", "60000");
    site.seed(5, 3, 20)?;
    let service = site.start()?;
    let named =
        |option: &str| ENDINGS.iter().flat_map(|name| [option.to_owned(), (*name).to_owned()]).collect();
    let mut all: Vec<String> = named("--exclude-operation-id");
    all.extend(
        ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", EXAMPLES].map(str::to_owned),
    );
    let mut endings: Vec<String> = named("--include-operation-id");
    endings.extend(["--phases", "coverage,fuzzing", "--max-examples", "10"].map(str::to_owned));
    let mut cases = 0;
    for (email, arguments) in [
        ("user000001@seed.headroom.example", &all),
        ("admin@seed.headroom.example", &all),
        ("user000002@seed.headroom.example", &endings),
    ] {
        cases += hold(&site, &service, &token(&service, email).await?, arguments)?;
    }
    println!("{cases} requests");
    assert!(cases >= 5000, "{cases} requests are too few");
    Ok(())
}
