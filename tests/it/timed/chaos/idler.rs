//! A user who writes once and then only looks: nothing keeps their reads from a replica.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use reqwest::Client;
use serde_json::{Value, json};

const EVERY: Duration = Duration::from_millis(20);

/// What the user saw.
#[derive(Debug, Default)]
pub struct Looked {
    /// How often they looked.
    pub times: usize,
    /// What was wrong, whenever something was.
    pub wrong: Vec<String>,
}

/// The user at work, on a thread of its own.
pub struct Idler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Looked>>,
}

impl Idler {
    /// Registers at the service at `url`, makes a task, and looks at the list of it again and again.
    pub fn start(url: &str) -> Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let (url, until) = (url.to_owned(), Arc::clone(&stop));
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(15)).build()?;
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(look(&client, &url, &until))
        });
        Ok(Self { stop, thread })
    }

    /// Ends it.
    pub fn finish(self) -> Result<Looked> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().map_err(|_| anyhow!("the idler panicked"))?
    }
}

async fn look(client: &Client, url: &str, stop: &AtomicBool) -> Result<Looked> {
    let account =
        json!({ "email": "idler@chaos.headroom.example", "name": "x", "password": "a password for tests" });
    let tokens = client.post(format!("{url}/api/v1/auth/register")).json(&account).send().await?;
    let tokens: Value = tokens.error_for_status()?.json().await?;
    let token = tokens["accessToken"].as_str().context("a token")?;
    let task = client.post(format!("{url}/api/v1/tasks")).bearer_auth(token).json(&json!({ "title": "x" }));
    let task: Value = task.send().await?.error_for_status()?.json().await?;
    let mut looked = Looked::default();
    while !stop.load(Ordering::Acquire) {
        let list = client.get(format!("{url}/api/v1/tasks?limit=1")).bearer_auth(token).send().await;
        let list = match list.and_then(reqwest::Response::error_for_status) {
            Ok(list) => list.json::<Value>().await,
            Err(error) => Err(error),
        };
        match list {
            Ok(list) if list["tasks"][0]["id"] == task["id"] => {}
            Ok(list) => looked.wrong.push(list.to_string()),
            Err(error) => looked.wrong.push(error.to_string()),
        }
        looked.times += 1;
        tokio::time::sleep(EVERY).await;
    }
    Ok(looked)
}
