//! A load of small visits by a client that remembers what it was told: a user writes a task, reads it back, and looks at
//! the list. Visits begin when they are due, whatever became of the ones before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// A request without an answer within this has failed.
const PATIENCE: Duration = Duration::from_secs(15);

/// The access tokens in a file of accounts that the service's seed wrote, the admin's left out.
///
/// # Errors
/// The file cannot be read or has no such column.
pub fn tokens(accounts: &Path) -> Result<Vec<String>> {
    let text =
        std::fs::read_to_string(accounts).with_context(|| format!("reading {}", accounts.display()))?;
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().context("a header line")?;
    let column = header.iter().position(|it| *it == "access_token").context("a column access_token")?;
    let tokens = lines
        .filter(|cells| !cells[0].starts_with("admin"))
        .map(|cells| Some((*cells.get(column)?).to_owned()));
    tokens.collect::<Option<_>>().context("every line has every column")
}

/// What a request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A task was to be made.
    Write,
    /// It was read back.
    Read,
    /// It was looked for in the list.
    List,
}

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it was sent.
    pub at: Instant,
    /// When its answer was there, or given up.
    pub ended: Instant,
    /// What it was.
    pub kind: Kind,
    /// `Ok` for a right answer, else what was wrong with it.
    pub outcome: Result<(), String>,
    /// Whether the answer was served from a cache.
    pub cached: bool,
    /// Whether it answered with what had been true before the user's own last write.
    pub stale: bool,
}

/// What a load has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Every request, in the order in which they ended.
    pub asked: Vec<Asked>,
    /// The tasks that were acknowledged, by user.
    pub acknowledged: BTreeMap<usize, BTreeSet<String>>,
    /// Visits that were due while every user was still busy.
    pub late: u64,
}

impl Seen {
    /// The requests that failed.
    pub fn failed(&self) -> Vec<&Asked> {
        self.asked.iter().filter(|it| it.outcome.is_err()).collect()
    }

    /// The requests that failed and were sent between two instants.
    pub fn failed_between(&self, from: Instant, to: Instant) -> Vec<&Asked> {
        self.failed().into_iter().filter(|it| (from..to).contains(&it.at)).collect()
    }

    /// How many tasks were acknowledged.
    pub fn written(&self) -> usize {
        self.acknowledged.values().map(BTreeSet::len).sum()
    }

    /// In a line: how many requests of each kind, and of each failure how many.
    pub fn summary(&self) -> String {
        let mut failures: BTreeMap<(Kind, &str), usize> = BTreeMap::new();
        for asked in &self.asked {
            if let Err(why) = &asked.outcome {
                *failures.entry((asked.kind, why)).or_default() += 1;
            }
        }
        format!(
            "{} requests, {} tasks acknowledged, {} visits late; failed: {failures:?}",
            self.asked.len(),
            self.written(),
            self.late
        )
    }
}

/// A load at work, on a thread of its own; it ends when dropped.
#[derive(Debug)]
pub struct Visits {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Visits {
    /// Begins `per_s` visits a second to the service at `url`, by the users of `tokens`, each at one thing at a time.
    ///
    /// # Errors
    /// No client can be made.
    pub fn start(url: &str, tokens: Vec<String>, per_s: f64) -> Result<Self> {
        let seen = Arc::<Mutex<Seen>>::default();
        let stop = Arc::<AtomicBool>::default();
        let (url, into, until) = (url.to_owned(), Arc::clone(&seen), Arc::clone(&stop));
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let thread = thread::Builder::new().name("visits".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(visit_all(
                client,
                url,
                tokens,
                Duration::from_secs_f64(1.0 / per_s),
                into,
                until,
            ))
        })?;
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    /// Looks at what was seen so far.
    pub fn look<T>(&self, at: impl FnOnce(&Seen) -> T) -> T {
        at(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends it once the visits under way are over.
    ///
    /// # Errors
    /// The client failed.
    pub fn finish(mut self) -> Result<Seen> {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| anyhow!("the visits panicked"))??;
        }
        Ok(std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Drop for Visits {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

async fn visit_all(
    client: Client,
    url: String,
    tokens: Vec<String>,
    every: Duration,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
) -> Result<()> {
    let (free, mut users) = mpsc::unbounded_channel();
    for user in 0..tokens.len() {
        free.send(user)?;
    }
    let busy = Arc::new(AtomicU64::new(0));
    let (url, tokens): (Arc<str>, Arc<[String]>) = (url.into(), tokens.into());
    let begun = tokio::time::Instant::now();
    for number in 0_u32.. {
        tokio::time::sleep_until(begun + every * number).await;
        if stop.load(Ordering::Acquire) {
            break;
        }
        let Ok(user) = users.try_recv() else {
            seen.lock().unwrap_or_else(PoisonError::into_inner).late += 1;
            continue;
        };
        let visitor = Visitor {
            client: client.clone(),
            url: Arc::clone(&url),
            tokens: Arc::clone(&tokens),
            user,
            seen: Arc::clone(&seen),
        };
        let (free, busy) = (free.clone(), Arc::clone(&busy));
        busy.fetch_add(1, Ordering::AcqRel);
        tokio::spawn(async move {
            visitor.visit(&format!("visit {number}")).await;
            // The load may have ended meanwhile.
            let _ = free.send(user);
            busy.fetch_sub(1, Ordering::AcqRel);
        });
    }
    while busy.load(Ordering::Acquire) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

struct Visitor {
    client: Client,
    url: Arc<str>,
    tokens: Arc<[String]>,
    user: usize,
    seen: Arc<Mutex<Seen>>,
}

impl Visitor {
    async fn visit(&self, title: &str) {
        let write = self.client.post(format!("{}/api/v1/tasks", self.url)).json(&json!({ "title": title }));
        let made = |status, body: &Value| match (status, body["id"].as_str()) {
            (StatusCode::CREATED, Some(_)) => Ok(()),
            _ => Err(false),
        };
        let Some(task) = self.ask(Kind::Write, write, made).await else { return };
        let Some(id) = task["id"].as_str() else { return };
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.acknowledged.entry(self.user).or_default().insert(id.to_owned());
        }
        let read = self.client.get(format!("{}/api/v1/tasks/{id}", self.url));
        let found = |status, body: &Value| match status {
            StatusCode::OK if body["id"] == id => Ok(()),
            // The user made it a moment ago: not to know it is to answer from before.
            status => Err(status == StatusCode::NOT_FOUND || status == StatusCode::OK),
        };
        self.ask(Kind::Read, read, found).await;
        let list = self.client.get(format!("{}/api/v1/tasks?limit=1", self.url));
        let newest = |status, body: &Value| match status {
            StatusCode::OK if body["tasks"][0]["id"] == id => Ok(()),
            status => Err(status == StatusCode::OK),
        };
        self.ask(Kind::List, list, newest).await;
    }

    /// Sends a request and judges its answer: `Err(true)` of `judge` is an answer from before the user's last write.
    async fn ask(
        &self,
        kind: Kind,
        request: RequestBuilder,
        judge: impl Fn(StatusCode, &Value) -> Result<(), bool>,
    ) -> Option<Value> {
        let at = Instant::now();
        let answer = request.bearer_auth(&self.tokens[self.user]).send().await;
        let (mut cached, mut stale, mut body) = (false, false, None);
        let outcome = match answer {
            Err(error) => Err(broken(&error)),
            Ok(answer) => {
                let status = answer.status();
                cached = answer.headers().get("x-cache").is_some_and(|it| it == "HIT");
                match answer.json::<Value>().await {
                    Err(error) => Err(broken(&error)),
                    Ok(told) => {
                        let judged = judge(status, &told);
                        stale = judged == Err(true);
                        body = Some(told);
                        judged.map_err(
                            |stale| if stale { format!("{status}, stale") } else { status.to_string() },
                        )
                    }
                }
            }
        };
        let right = outcome.is_ok();
        let asked = Asked { at, ended: Instant::now(), kind, outcome, cached, stale };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).asked.push(asked);
        body.filter(|_| right)
    }
}

/// The innermost cause, which is what tells failures apart.
fn broken(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// How many visits a second the service at `url` answers when `at_once` users visit without a pause for `during`.
///
/// # Errors
/// No client can be made, or no visit succeeds.
pub fn capacity(url: &str, tokens: &[String], at_once: usize, during: Duration) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let seen = Arc::<Mutex<Seen>>::default();
    let (url, tokens): (Arc<str>, Arc<[String]>) = (url.into(), tokens.into());
    runtime.block_on(async {
        let end = Instant::now() + during;
        let users = (0..at_once.min(tokens.len())).map(|user| {
            let visitor = Visitor {
                client: client.clone(),
                url: Arc::clone(&url),
                tokens: Arc::clone(&tokens),
                user,
                seen: Arc::clone(&seen),
            };
            tokio::spawn(async move {
                let mut number = 0;
                while Instant::now() < end {
                    visitor.visit(&format!("trial {number}")).await;
                    number += 1;
                }
            })
        });
        for user in users.collect::<Vec<_>>() {
            user.await?;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let whole = seen.asked.iter().filter(|it| it.kind == Kind::List && it.outcome.is_ok()).count();
    anyhow::ensure!(whole > 0, "no visit succeeds: {}", seen.summary());
    Ok(f64::from(u32::try_from(whole)?) / during.as_secs_f64())
}

/// The acknowledged tasks that the service at `url` does not have, and those of which it has two.
///
/// # Errors
/// It does not answer.
pub fn compare(url: &str, tokens: &[String], seen: &Seen) -> Result<(Vec<String>, Vec<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
    runtime.block_on(async {
        let (mut lost, mut doubled) = (Vec::new(), Vec::new());
        for (user, acknowledged) in &seen.acknowledged {
            let there = tasks(&client, url, &tokens[*user]).await?;
            let ids: BTreeSet<&String> = there.iter().map(|(id, _)| id).collect();
            lost.extend(acknowledged.iter().filter(|id| !ids.contains(id)).cloned());
            let mut titles = BTreeSet::new();
            let visits = there.iter().filter(|(_, title)| title.starts_with("visit "));
            doubled
                .extend(visits.filter(|(_, title)| !titles.insert(title.clone())).map(|(_, it)| it.clone()));
        }
        Ok((lost, doubled))
    })
}

/// Id and title of every task of a user.
async fn tasks(client: &Client, url: &str, token: &str) -> Result<Vec<(String, String)>> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(format!("{url}/api/v1/tasks?limit=100{cursor}")).bearer_auth(token);
        let page: Value = page.send().await?.error_for_status()?.json().await?;
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        let items = page["tasks"].as_array().with_context(|| format!("tasks in {page}"))?;
        found.extend(items.iter().map(|it| (text(it, "id"), text(it, "title"))));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}
