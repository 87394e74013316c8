//! Limits belong to the client, not to the process that happens to answer.

use std::time::{Duration, Instant};

use ::stack::{Phase, Plan, Topology, topology::Cache};
use anyhow::{Result, bail, ensure};
use reqwest::Client;
use serde_json::json;
use tokio::time::{sleep, timeout};

/// One of the five attempts a minute comes back after this long.
const BACK: Duration = Duration::from_secs(12);
/// A process that Redis does not answer for a moment counts for itself, as it should: that is not what this asks about, and
/// a crowded machine has such moments.
const DEPLOYMENTS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_have_one_limit_and_know_the_client_behind_the_gateway() -> Result<()> {
    let mut plan = Plan::of(Phase::Single).with("limits.profile", "strict").with("redis.timeout_ms", "5000");
    (plan.api, plan.cache) = (2, Cache::Tiered);
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
    for _ in 0..DEPLOYMENTS {
        let plan = plan.clone();
        let topology = tokio::task::spawn_blocking(move || Topology::start(&plan)).await??;
        timeout(Duration::from_secs(20), asking_redis(&client, &topology)).await??;
        let held = one_limit(&client, &topology.url()).await;
        if !somebody_counted_alone(&client, &topology).await? {
            return held;
        }
    }
    bail!("in each of {DEPLOYMENTS} deployments somebody counted alone")
}

/// Logs in, in vain, until it is refused.
async fn one_limit(client: &Client, url: &str) -> Result<()> {
    let body = json!({ "email": "nobody@suite.headroom.example", "password": "a wrong password" });
    let began = Instant::now();
    let mut admitted = 0;
    loop {
        let login = client.post(format!("{url}/api/v1/auth/login")).json(&body);
        // An address made up by the client must not make it another client.
        let answer = login.header("x-forwarded-for", format!("203.0.113.{admitted}")).send().await?;
        match answer.status().as_u16() {
            401 => admitted += 1,
            429 => break,
            other => bail!("{other} after {admitted} attempts: {}", answer.text().await?),
        }
        let came_back = began.elapsed().as_secs() / BACK.as_secs();
        ensure!(admitted <= 5 + came_back, "{admitted} attempts in {:?}", began.elapsed());
    }
    ensure!(admitted >= 5, "refused after {admitted} attempts");
    Ok(())
}

/// Waits until every process asks Redis.
async fn asking_redis(client: &Client, topology: &Topology) -> Result<()> {
    for service in topology.services() {
        while !metrics(client, &service.url()).await?.contains("redis_breaker_open 0") {
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

async fn somebody_counted_alone(client: &Client, topology: &Topology) -> Result<bool> {
    for service in topology.services() {
        if !metrics(client, &service.url()).await?.contains("rate_limits_counted_alone_total 0") {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn metrics(client: &Client, url: &str) -> Result<String> {
    Ok(client.get(format!("{url}/metrics")).send().await?.error_for_status()?.text().await?)
}
