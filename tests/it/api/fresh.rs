//! A user sees what they wrote, whichever process and whichever database the next request meets.

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};

use super::accounts::PASSWORD;

/// Writes of each user, each read back at once in three ways.
const ROUNDS: usize = 25;
const USERS: usize = 4;

/// Several users at once write and read back.
pub async fn own_writes(url: &str) -> Result<()> {
    let users = (0..USERS).map(|number| tokio::spawn(one(url.to_owned(), number)));
    for user in users.collect::<Vec<_>>() {
        user.await??;
    }
    Ok(())
}

async fn one(url: String, number: usize) -> Result<()> {
    // A connection for each request, so that a gateway chooses anew each time.
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
    let email = format!("fresh-{number}@suite.headroom.example");
    let body = json!({ "email": email, "name": "x", "password": PASSWORD });
    let tokens: Value = client
        .post(format!("{url}/api/v1/auth/register"))
        .json(&body)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let token = tokens["accessToken"].as_str().context("a token")?.to_owned();
    let get = async |path: &str| -> Result<Value> {
        let answer = client.get(format!("{url}{path}")).bearer_auth(&token).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    };
    for round in 1..=ROUNDS {
        let title = format!("round {round}");
        let made = client.post(format!("{url}/api/v1/tasks")).bearer_auth(&token);
        let made: Value =
            made.json(&json!({ "title": title })).send().await?.error_for_status()?.json().await?;
        let id = made["id"].as_str().context("an id")?;
        let list = get("/api/v1/tasks?limit=1").await?;
        ensure!(list["tasks"][0]["title"] == title, "user {number}: {title} is not in {list}");
        let stats = get("/api/v1/tasks/stats").await?;
        ensure!(stats["total"] == round, "user {number}: {round} tasks, but {stats}");

        let path = format!("/api/v1/tasks/{id}");
        let changed = client.patch(format!("{url}{path}")).bearer_auth(&token);
        changed.json(&json!({ "status": "done" })).send().await?.error_for_status()?;
        let read = get(&path).await?;
        ensure!(read["status"] == "done", "user {number}: changed, but {read}");
    }
    Ok(())
}
