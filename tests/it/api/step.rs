//! One request and what must come back, as a row of a table.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// How long background work may take, the start of a broker's consumer included.
const BACKGROUND: Duration = Duration::from_secs(60);

/// A request and what must come back. `{name}` in paths, headers, bodies and expectations stands for what an earlier step
/// saved under that name.
pub struct Step {
    about: &'static str,
    method: Method,
    path: String,
    by: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
    status: u16,
    checks: Vec<Check>,
    saves: Vec<(&'static str, &'static str)>,
    eventually: bool,
}

enum Check {
    Is(&'static str, Value),
    Titles(&'static str, Vec<&'static str>),
    NoTitle(&'static str, &'static str),
    Missing(&'static str),
    Header(&'static str, String),
    HeaderOneOf(&'static str, &'static [&'static str]),
}

fn step(about: &'static str, method: Method, path: &str, body: Option<Value>) -> Step {
    let status = match (&method, &body) {
        (&Method::DELETE, _) => 204,
        (&Method::POST, Some(_)) => 201,
        _ => 200,
    };
    let path = path.to_owned();
    let (headers, checks, saves) = (Vec::new(), Vec::new(), Vec::new());
    Step { about, method, path, by: None, headers, body, status, checks, saves, eventually: false }
}

pub fn get(about: &'static str, path: &str) -> Step {
    step(about, Method::GET, path, None)
}

pub fn post(about: &'static str, path: &str, body: Value) -> Step {
    step(about, Method::POST, path, Some(body))
}

pub fn patch(about: &'static str, path: &str, body: Value) -> Step {
    step(about, Method::PATCH, path, Some(body))
}

pub fn put(about: &'static str, path: &str, body: Option<Value>) -> Step {
    step(about, Method::PUT, path, body)
}

pub fn delete(about: &'static str, path: &str) -> Step {
    step(about, Method::DELETE, path, None)
}

impl Step {
    /// With the access token saved under `name`.
    pub fn by(mut self, name: &'static str) -> Self {
        self.by = Some(name);
        self
    }

    pub fn sending(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    /// The status that must come back, where it is not the usual one: 201 of POST, 204 of DELETE, else 200.
    pub fn gets(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The value that must be at JSON pointer `at`.
    pub fn is(mut self, at: &'static str, value: Value) -> Self {
        self.checks.push(Check::Is(at, value));
        self
    }

    /// The titles of the objects that must be in the array at JSON pointer `at`, in order; of favourites, the products'.
    pub fn titles(mut self, at: &'static str, titles: &[&'static str]) -> Self {
        self.checks.push(Check::Titles(at, titles.into()));
        self
    }

    /// No object in the array at JSON pointer `at` may have this title.
    pub fn lacks_title(mut self, at: &'static str, title: &'static str) -> Self {
        self.checks.push(Check::NoTitle(at, title));
        self
    }

    /// Nothing may be at JSON pointer `at`.
    pub fn lacks(mut self, at: &'static str) -> Self {
        self.checks.push(Check::Missing(at));
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.checks.push(Check::Header(name, value.to_owned()));
        self
    }

    pub fn header_one_of(mut self, name: &'static str, values: &'static [&'static str]) -> Self {
        self.checks.push(Check::HeaderOneOf(name, values));
        self
    }

    /// Asked again and again until it is answered so: what it waits for happens in the background.
    pub fn eventually(mut self) -> Self {
        self.eventually = true;
        self
    }

    /// Keeps what is at JSON pointer `at`, or in the header of that name, for later steps.
    pub fn save(mut self, name: &'static str, at: &'static str) -> Self {
        self.saves.push((name, at));
        self
    }
}

/// A deployment as one client sees it, and what it has learnt.
pub struct Api {
    client: Client,
    url: String,
    saved: BTreeMap<&'static str, String>,
}

impl Api {
    /// Of the deployment at `url`. `run` keeps its users and objects apart from those of other runs, as `{run}`.
    pub fn new(url: &str, run: &str) -> Result<Self> {
        let client = Client::builder().no_proxy().no_gzip().build()?;
        Ok(Self { client, url: url.to_owned(), saved: BTreeMap::from([("run", run.to_owned())]) })
    }

    /// What was saved under `name`.
    pub fn saved(&self, name: &str) -> Result<&str> {
        self.saved.get(name).map(String::as_str).with_context(|| format!("nothing was saved as {name}"))
    }

    /// Keeps `value` for later steps, as if a step had saved it.
    pub fn keep(&mut self, name: &'static str, value: String) {
        self.saved.insert(name, value);
    }

    /// Goes through `steps` in order.
    ///
    /// # Errors
    /// The first step that went otherwise, with the answer that came.
    pub async fn go(&mut self, steps: Vec<Step>) -> Result<()> {
        for step in steps {
            let about = step.about;
            let deadline = Instant::now() + BACKGROUND;
            loop {
                match self.take(&step).await {
                    Err(_) if step.eventually && Instant::now() < deadline => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    taken => break taken.with_context(|| format!("step `{about}`"))?,
                }
            }
        }
        Ok(())
    }

    async fn take(&mut self, step: &Step) -> Result<()> {
        let path = self.fill(&step.path)?;
        let mut request = self.client.request(step.method.clone(), format!("{}{path}", self.url));
        if let Some(by) = step.by {
            request = request.bearer_auth(self.saved(by)?);
        }
        for (name, value) in &step.headers {
            request = request.header(*name, self.fill(value)?);
        }
        if let Some(body) = &step.body {
            request = request.json(&self.fill_json(body)?);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = String::from_utf8_lossy(&answer.bytes().await?).into_owned();
        let told = || format!("{} {path} was answered {status} {headers:?}\n{text}", step.method);
        ensure!(status.as_u16() == step.status, "{} expected; {}", step.status, told());
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        self.shape(status, &headers, &body, &path).with_context(told)?;
        for check in &step.checks {
            self.check(check, &headers, &body).with_context(told)?;
        }
        for &(name, at) in &step.saves {
            let found = match at.strip_prefix('/') {
                Some(_) => body.pointer(at).map(plain),
                None => header(&headers, at).map(str::to_owned),
            };
            self.saved.insert(name, found.with_context(|| format!("no {at}; {}", told()))?);
        }
        Ok(())
    }

    /// What holds of every answer.
    fn shape(&self, status: StatusCode, headers: &HeaderMap, body: &Value, path: &str) -> Result<()> {
        ensure!(header(headers, "x-request-id").is_some_and(|id| !id.is_empty()), "no X-Request-Id");
        ensure!(header(headers, "x-content-type-options") == Some("nosniff"), "no nosniff");
        if status.is_client_error() || status.is_server_error() {
            let kind = header(headers, "content-type");
            ensure!(kind == Some("application/problem+json"), "an error that is no problem: {kind:?}");
            ensure!(body["status"] == status.as_u16(), "the problem tells another status");
            let asked = path.split('?').next();
            ensure!(body["instance"].as_str() == asked, "the problem tells another path");
        }
        Ok(())
    }

    fn check(&self, check: &Check, headers: &HeaderMap, body: &Value) -> Result<()> {
        let at = |pointer: &str| body.pointer(pointer).with_context(|| format!("nothing at {pointer}"));
        match check {
            Check::Is(pointer, expected) => {
                let (found, expected) = (at(pointer)?, self.fill_json(expected)?);
                ensure!(*found == expected, "{pointer} is {found}, not {expected}");
            }
            Check::Titles(pointer, expected) => {
                let list = at(pointer)?.as_array().context("an array")?;
                let title = |it: &Value| it.get("product").unwrap_or(it)["title"].as_str().map(str::to_owned);
                let found: Vec<_> = list.iter().filter_map(title).collect();
                ensure!(found == *expected, "{pointer} has {found:?}, not {expected:?}");
            }
            Check::NoTitle(pointer, title) => {
                let list = at(pointer)?.as_array().context("an array")?;
                ensure!(list.iter().all(|it| it["title"] != *title), "{pointer} has {title}");
            }
            Check::Missing(pointer) => {
                if let Some(found) = body.pointer(pointer) {
                    bail!("{pointer} is there: {found}");
                }
            }
            Check::Header(name, expected) => {
                let expected = self.fill(expected)?;
                let found = header(headers, name);
                ensure!(found == Some(&*expected), "{name} is {found:?}, not {expected}");
            }
            Check::HeaderOneOf(name, expected) => {
                let found = header(headers, name);
                ensure!(found.is_some_and(|it| expected.contains(&it)), "{name} is {found:?}");
            }
        }
        Ok(())
    }

    fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').with_context(|| format!("`{text}` lacks a }}"))?;
            filled += before;
            filled += self.saved(name)?;
            rest = after;
        }
        Ok(filled + rest)
    }

    fn fill_json(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => items.iter().map(|it| self.fill_json(it)).collect::<Result<_>>()?,
            Value::Object(fields) => fields
                .iter()
                .map(|(name, it)| Ok((name.clone(), self.fill_json(it)?)))
                .collect::<Result<serde_json::Map<_, _>>>()?
                .into(),
            other => other.clone(),
        })
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
