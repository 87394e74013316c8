//! Limits belong to the client, not to the process that happens to answer.

use ::stack::{Phase, Plan, Topology};
use anyhow::{Result, ensure};
use reqwest::Client;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_have_one_limit_and_know_the_client_behind_the_gateway() -> Result<()> {
    let mut plan = Plan::of(Phase::Single).with("limits.profile", "strict");
    (plan.api, plan.cache) = (2, ::stack::topology::Cache::Tiered);
    let topology = tokio::task::spawn_blocking(move || Topology::start(&plan)).await??;
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
    let body = json!({ "email": "nobody@suite.headroom.example", "password": "a wrong password" });
    let mut statuses = Vec::new();
    for attempt in 0..8 {
        let login = client.post(format!("{}/api/v1/auth/login", topology.url())).json(&body);
        // An address made up by the client must not make it another client.
        let answer = login.header("x-forwarded-for", format!("203.0.113.{attempt}")).send().await?;
        statuses.push(answer.status().as_u16());
    }
    ensure!(statuses == [401, 401, 401, 401, 401, 429, 429, 429], "{statuses:?}");
    Ok(())
}
