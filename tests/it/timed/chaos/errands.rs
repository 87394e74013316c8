//! Work that is asked for and done in the background, by a client that remembers what was acknowledged.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// Between two exports; every fourth time somebody registers, too.
const EVERY: Duration = Duration::from_millis(250);
/// What was left over by a crash is taken up when its lease is over.
const DONE: Duration = Duration::from_secs(90);

/// What was acknowledged.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// The user, by number, and the job of each export.
    pub exports: Vec<(usize, String)>,
    /// The address of everybody who registered, and is to be sent one mail.
    pub emails: Vec<String>,
}

/// The client at work, on a thread of its own.
pub struct Errands {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Acknowledged>>,
}

impl Errands {
    pub fn start(url: &str, tokens: Vec<String>) -> Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let (url, until) = (url.to_owned(), Arc::clone(&stop));
        let client = client()?;
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(run(&client, &url, &tokens, &until)))
        });
        Ok(Self { stop, thread })
    }

    pub fn finish(self) -> Result<Acknowledged> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().map_err(|_| anyhow!("the errands panicked"))?
    }
}

fn client() -> Result<Client> {
    Ok(Client::builder().no_proxy().timeout(Duration::from_secs(15)).build()?)
}

async fn run(client: &Client, url: &str, tokens: &[String], stop: &AtomicBool) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    for number in 0.. {
        if stop.load(Ordering::Acquire) {
            break;
        }
        let user = number % tokens.len();
        let export = client.post(format!("{url}/api/v1/tasks/export")).bearer_auth(&tokens[user]);
        // What is not acknowledged may or may not be done: nothing is to be said of it.
        if let Ok(answer) = export.json(&json!({})).send().await
            && answer.status() == StatusCode::ACCEPTED
            && let Ok(job) = answer.json::<Value>().await
            && let Some(id) = job["id"].as_str()
        {
            acknowledged.exports.push((user, id.to_owned()));
        }
        if number % 4 == 0 {
            let email = format!("crash-{number}@chaos.headroom.example");
            let body = json!({ "email": email, "name": "Crash", "password": "a password for tests" });
            let registered = client.post(format!("{url}/api/v1/auth/register")).json(&body).send().await;
            if registered.is_ok_and(|answer| answer.status() == StatusCode::CREATED) {
                acknowledged.emails.push(email);
            }
        }
        tokio::time::sleep(EVERY).await;
    }
    acknowledged
}

impl Acknowledged {
    /// Every export is done, at the latest in a while.
    pub fn are_done(&self, url: &str, tokens: &[String]) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = client()?;
        let deadline = Instant::now() + DONE;
        let mut open: Vec<&(usize, String)> = self.exports.iter().collect();
        loop {
            let mut states = BTreeMap::<String, usize>::new();
            let mut left = Vec::new();
            for entry in open {
                let (user, id) = entry;
                let job = client.get(format!("{url}/api/v1/jobs/{id}")).bearer_auth(&tokens[*user]);
                let job: Value =
                    runtime.block_on(async { job.send().await?.error_for_status()?.json().await })?;
                let state = job["state"].as_str().context("a state")?;
                if state != "done" {
                    *states.entry(state.to_owned()).or_default() += 1;
                    left.push(entry);
                }
            }
            if left.is_empty() {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "of {} exports some are not done: {states:?}",
                self.exports.len()
            );
            open = left;
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Everybody who registered has been sent exactly one mail, at the latest in a while.
    pub fn mailed_once(&self, folder: &Path) -> Result<()> {
        let deadline = Instant::now() + DONE;
        loop {
            let mails = mails(folder)?;
            let to =
                |email: &String| mails.iter().filter(|mail| mail.contains(&format!("<{email}>"))).count();
            let counts: Vec<(&String, usize)> = self.emails.iter().map(|email| (email, to(email))).collect();
            let twice: Vec<_> = counts.iter().filter(|(_, count)| *count > 1).collect();
            ensure!(twice.is_empty(), "mailed more than once: {twice:?}");
            let never: Vec<_> = counts.iter().filter(|(_, count)| *count == 0).collect();
            if never.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "of {} never mailed: {never:?}", self.emails.len());
            thread::sleep(Duration::from_millis(500));
        }
    }
}

/// The line that says whom each mail is to.
fn mails(folder: &Path) -> Result<Vec<String>> {
    let entries = folder.read_dir().with_context(|| format!("reading {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let whole = paths.into_iter().filter(|path| path.extension().is_some_and(|it| it == "eml"));
    whole
        .map(|path| {
            let text = std::fs::read_to_string(&path)?;
            let to = text.lines().find(|line| line.to_lowercase().starts_with("to:")).unwrap_or_default();
            // An address without a name has no brackets of its own.
            Ok(if to.contains('<') { to.to_owned() } else { format!("<{}>", to[3..].trim()) })
        })
        .collect()
}
