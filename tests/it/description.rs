//! The service held against its own description by schemathesis: requests that the description suggests, good ones and
//! bad ones, one by one and in sequences.

use std::{fs, path::Path, process::Command, time::Duration};

use ::stack::{
    Phase, Plan, Topology,
    topology::{Cache, Queue, Seed},
};
use anyhow::{Context, Result, bail, ensure};
use harness::{
    process::{Process, build_folder},
    service::Site,
};
use reqwest::Client;
use serde_json::{Value, json};

/// The same requests each time.
const SEED: &str = "7";
/// Requests made up for each operation, on top of those at the edges of what its schema allows.
const EXAMPLES: &str = "40";
/// What ends the session that asks; these have a run of their own.
const ENDINGS: [&str; 4] = ["logout", "logoutAll", "deleteMe", "endSession"];

async fn token(url: &str, email: &str) -> Result<String> {
    let login = json!({ "email": email, "password": "headroom-demo-password" });
    let request = Client::new().post(format!("{url}/api/v1/auth/login")).json(&login);
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    Ok(answer["accessToken"].as_str().context("a token")?.to_owned())
}

/// Runs schemathesis in `folder`, against the service at `url`, as the owner of `token`; how many requests it made.
fn hold(folder: &Path, url: &str, token: &str, arguments: &[String]) -> Result<u32> {
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
        .current_dir(folder)
        .args(["--no-color", "run", &format!("{url}/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {token}"), "--seed", SEED, "--no-shrink"])
        .args(["--continue-on-failure", "--request-timeout", "30", "--warnings", "off"])
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

fn named(option: &str) -> Vec<String> {
    ENDINGS.iter().flat_map(|name| [option.to_owned(), (*name).to_owned()]).collect()
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
    // Texts may hold the character U+0000 here, which is refused.
    let unaccepted = ["--checks", "all", "--exclude-checks", "positive_data_acceptance"].map(str::to_owned);
    let mut all: Vec<String> = named("--exclude-operation-id");
    all.extend(unaccepted.clone());
    all.extend(
        ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", EXAMPLES].map(str::to_owned),
    );
    let mut endings: Vec<String> = named("--include-operation-id");
    endings.extend(unaccepted);
    endings.extend(["--phases", "coverage,fuzzing", "--max-examples", "10"].map(str::to_owned));
    let mut cases = 0;
    for (email, arguments) in [
        ("user000001@seed.headroom.example", &all),
        ("admin@seed.headroom.example", &all),
        ("user000002@seed.headroom.example", &endings),
    ] {
        cases += hold(site.folder(), &service.url, &token(&service.url, email).await?, arguments)?;
    }
    println!("{cases} requests");
    assert!(cases >= 5000, "{cases} requests are too few");
    Ok(())
}

/// Operations that refuse some requests which their description allows, and why no schema can say it. All others have to
/// accept what it allows.
const PARTICULAR: [(&str, &str); 15] = [
    ("listTasks", "a cursor is one that the service gave"),
    ("listFavorites", "the same"),
    ("listNotifications", "the same"),
    ("listUsers", "the same"),
    ("listProducts", "the same, and no price range holds nothing"),
    ("listProductsByPage", "no price range holds nothing"),
    ("getProduct", "fields are names of fields with commas between them"),
    ("confirmPasswordReset", "a token is one that the service gave"),
    ("createEvents", "what an event needs depends on its kind"),
    ("createTask", "an idempotency key belongs to one request"),
    ("createTasks", "the same"),
    ("exportTasks", "the same"),
    ("createProduct", "the same"),
    ("updateProduct", "a whole number has no fraction, where a schema takes 1.0 for one"),
    ("putPreferences", "the same"),
];

/// What schemathesis is told beside its arguments.
fn settings() -> String {
    let mut text = "[generation]\nallow-x00 = false\n".to_owned();
    for (operation, why) in PARTICULAR {
        text += &format!(
            "# {why}\n[[operations]]\ninclude-operation-id = \"{operation}\"\n\
             checks.positive_data_acceptance.enabled = false\n"
        );
    }
    text
}

/// How long requests are made up over the real servers, in seconds.
const BUDGET_S: &str = "40";

#[tokio::test(flavor = "multi_thread")]
async fn over_postgresql_redis_and_rabbitmq_too_and_what_the_description_allows_is_accepted() -> Result<()> {
    let mut plan = Plan::of(Phase::Single)
        .with("limits.profile", "off")
        .with("auth.access_ttl_s", "7200")
        .with("http.request_timeout_ms", "60000");
    (plan.cache, plan.queue) = (Cache::Tiered, Queue::Rabbitmq);
    plan.seed = Some(Seed { users: 5, tasks_per_user: 3, products: 20, seed: 7 });
    let topology = tokio::task::spawn_blocking(move || Topology::start(&plan)).await??;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("schemathesis.toml"), settings())?;
    let mut arguments = named("--exclude-operation-id");
    arguments.extend(["--phases", "examples,coverage,fuzzing,stateful"].map(str::to_owned));
    arguments.extend(["--max-examples", "10", "--max-time", BUDGET_S].map(str::to_owned));
    let url = topology.url();
    let token = token(&url, "admin@seed.headroom.example").await?;
    let cases = hold(folder.path(), &url, &token, &arguments)?;
    println!("{cases} requests");
    assert!(cases >= 500, "{cases} requests are too few");
    Ok(())
}
