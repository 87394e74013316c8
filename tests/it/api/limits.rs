//! Limits belong to the client, not to the process that happens to answer.

use std::time::{Duration, Instant};

use ::stack::{Phase, Plan, Topology};
use anyhow::{Result, bail, ensure};
use reqwest::Client;
use serde_json::json;

/// One of the five attempts a minute comes back after this long.
const BACK: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_have_one_limit_and_know_the_client_behind_the_gateway() -> Result<()> {
    // Without an answer of Redis each process would count for itself, which is not what this asks about.
    let mut plan = Plan::of(Phase::Single).with("limits.profile", "strict").with("redis.timeout_ms", "5000");
    (plan.api, plan.cache) = (2, ::stack::topology::Cache::Tiered);
    let topology = tokio::task::spawn_blocking(move || Topology::start(&plan)).await??;
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
    let body = json!({ "email": "nobody@suite.headroom.example", "password": "a wrong password" });
    let began = Instant::now();
    let mut admitted = 0;
    loop {
        let login = client.post(format!("{}/api/v1/auth/login", topology.url())).json(&body);
        // An address made up by the client must not make it another client.
        let answer = login.header("x-forwarded-for", format!("203.0.113.{admitted}")).send().await?;
        match answer.status().as_u16() {
            401 => admitted += 1,
            429 => break,
            other => bail!("{other} after {admitted} attempts"),
        }
        let came_back = began.elapsed().as_secs() / BACK.as_secs();
        ensure!(admitted <= 5 + came_back, "{admitted} attempts in {:?}", began.elapsed());
    }
    ensure!(admitted >= 5, "refused after {admitted} attempts");
    Ok(())
}
