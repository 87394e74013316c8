//! Prometheus beside a deployment: whom it asks, and what it hears.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ::stack::{Phase, Plan, Topology};
use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use serde_json::Value;

/// Everybody has been asked several times by then.
const PATIENCE: Duration = Duration::from_secs(60);

async fn ask(url: &str, path: &str, query: &[(&str, &str)]) -> Result<Value> {
    let mut url = reqwest::Url::parse(&format!("{url}/api/v1/{path}"))?;
    url.query_pairs_mut().extend_pairs(query);
    let answer: Value = Client::new().get(url).send().await?.error_for_status()?.json().await?;
    ensure!(answer["status"] == "success", "{answer}");
    Ok(answer["data"].clone())
}

/// How every target is, by its name: `up`, or what is wrong.
async fn targets(url: &str) -> Result<BTreeMap<String, String>> {
    let data = ask(url, "targets", &[("state", "active")]).await?;
    let all = data["activeTargets"].as_array().context("targets")?;
    let how = |target: &Value| {
        let health = target["health"].as_str().unwrap_or_default();
        let wrong = target["lastError"].as_str().filter(|it| !it.is_empty()).unwrap_or(health);
        (target["labels"]["name"].as_str().unwrap_or_default().to_owned(), wrong.to_owned())
    };
    Ok(all.iter().map(how).collect())
}

/// The present values of a metric, by the target's name.
async fn values(url: &str, metric: &str) -> Result<BTreeMap<String, String>> {
    let data = ask(url, "query", &[("query", metric)]).await?;
    let all = data["result"].as_array().context("a vector")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(all.iter().map(|it| (text(&it["metric"]["name"]), text(&it["value"][1]))).collect())
}

/// Waits until `expected` is what is found.
async fn until<T: PartialEq + std::fmt::Debug>(
    expected: &T,
    find: impl AsyncFn() -> Result<T>,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = find().await?;
        if found == *expected {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{expected:#?} expected, found {found:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn all<const N: usize>(names: [&str; N], value: &str) -> BTreeMap<String, String> {
    names.into_iter().map(|name| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_of_a_deployment_is_reached_and_each_postgresql_by_an_exporter_of_its_own() -> Result<()> {
    let mut plan = Plan::of(Phase::Scaled);
    (plan.api, plan.replicas, plan.prometheus) = (2, 1, true);
    let topology = tokio::task::spawn_blocking(move || Topology::start(&plan)).await??;
    let url = topology.prometheus().context("Prometheus")?.url();
    let parts =
        ["api-1", "api-2", "worker", "postgres-1", "postgres-2", "redis", "rabbitmq", "nginx", "prometheus"];
    until(&all(parts, "up"), || targets(&url)).await?;

    // An exporter answers also for a server that does not.
    until(&all(["postgres-1", "postgres-2"], "1"), || values(&url, "pg_up")).await?;
    until(&all(["redis"], "1"), || values(&url, "redis_up")).await?;
    until(&all(["nginx"], "1"), || values(&url, "nginx_up")).await?;
    let main = topology.parts().main.as_ref().context("a database")?;
    let replica = main.replicas.first().context("a replica")?;
    let ports = [("postgres-1", main.primary.port()), ("postgres-2", replica.port())];
    let ports = ports.map(|(name, port)| (name.to_owned(), port.to_string())).into();
    until(&ports, || values(&url, "pg_settings_port")).await?;

    replica.stop()?;
    until(&all(["postgres-1"], "1"), || values(&url, "pg_up == 1")).await
}
