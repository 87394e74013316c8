//! What is seen of the target while it is under load, once a second: its Prometheus endpoints, the values of response
//! headers, and, when it runs on this machine, its processes.

mod exposition;
mod header;
mod process;
mod prometheus;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use futures_util::future::join_all;
use record::{ObservedValue, TargetRow};
use reqwest::{Client, header::ACCEPT};
use tokio::task::spawn_blocking;
use url::{Host, Url};

pub use self::header::HeaderCounts;
use self::{process::Processes, prometheus::Value};
use crate::{
    plan::model::{ObserverSource, Plan},
    transport::{TlsOptions, root_cause, side_client},
};

/// A scrape that takes longer belongs to no second.
const TIMEOUT: Duration = Duration::from_millis(900);
/// A longer page is not read to its end, bytes.
const LONGEST_PAGE: usize = 16 << 20;

/// Everything that is observed of a target.
#[derive(Debug)]
pub struct Observers {
    client: Client,
    endpoints: Vec<Endpoint>,
    headers: Vec<Arc<HeaderCounts>>,
    processes: Option<Processes>,
    failures: Vec<Failure>,
}

/// An observer that could not be read.
#[derive(Debug)]
struct Failure {
    source: String,
    /// Seconds without a reading.
    count: u64,
    /// Why, the last time.
    last: String,
}

#[derive(Debug)]
struct Endpoint {
    source: String,
    url: Url,
    values: Arc<Vec<Value>>,
    /// Which of the values were there at least once.
    seen: Vec<bool>,
}

type Components = BTreeMap<String, f64>;

impl Observers {
    /// Makes ready what `plan` observes. Call it once the target is ready: its processes are looked for now.
    ///
    /// # Errors
    /// An endpoint at a host that may not be asked, an address that is none, a CA file that cannot be read.
    pub fn new(plan: &Plan, tls: &TlsOptions) -> anyhow::Result<Self> {
        let mut endpoints = Vec::new();
        let mut headers = Vec::new();
        for observer in &plan.observe {
            match &observer.source {
                ObserverSource::Header(header) => {
                    headers.push(Arc::new(HeaderCounts::new(&observer.name, header.clone())));
                }
                ObserverSource::Prometheus { url, values } => {
                    let values: Vec<_> = values.iter().map(Value::of).collect();
                    let source = observer.name.clone();
                    let url = address(plan, url).with_context(|| format!("observe: `{source}`"))?;
                    let seen = vec![false; values.len()];
                    endpoints.push(Endpoint { source, url, values: Arc::new(values), seen });
                }
            }
        }
        let processes = Processes::find(&plan.target.base_url);
        Ok(Self { client: side_client(tls, TIMEOUT)?, endpoints, headers, processes, failures: Vec::new() })
    }

    /// Only what the users' own answers tell: the rest is observed by another process.
    #[must_use]
    pub fn of_answers_only(mut self) -> Self {
        self.endpoints.clear();
        self.processes = None;
        self
    }

    /// What [`Self::read`] gives rows of.
    pub fn defined(&self) -> Vec<ObservedValue> {
        let scraped = self.endpoints.iter().flat_map(|endpoint| {
            endpoint.values.iter().map(|value| ObservedValue {
                source: endpoint.source.clone(),
                name: value.name.clone(),
                kind: value.kind,
            })
        });
        let counted = self.headers.iter().map(|header| header.defined());
        scraped.chain(counted).chain(self.processes.iter().flat_map(|_| Processes::defined())).collect()
    }

    /// The counters that want to see the headers of every answer.
    pub fn headers(&self) -> Vec<Arc<HeaderCounts>> {
        self.headers.clone()
    }

    /// Processors that the target's processes may run on, where they are on this machine.
    pub fn target_cores(&self) -> Option<usize> {
        self.processes.as_ref().map(Processes::cores).filter(|cores| *cores > 0)
    }

    /// Reads everything once, within a second. What cannot be read has no rows and is counted as a failure.
    pub async fn read(&mut self, second: u64) -> Vec<TargetRow> {
        let processes = self.processes.take();
        let (scraped, (processes, mut rows)) = tokio::join!(
            join_all(self.endpoints.iter().map(|endpoint| scrape(&self.client, endpoint))),
            sample(processes, second)
        );
        self.processes = processes;
        for (endpoint, scraped) in self.endpoints.iter_mut().zip(scraped) {
            match scraped {
                Ok(values) => rows.extend(endpoint.rows(second, values)),
                Err(why) => fail(&mut self.failures, &endpoint.source, why),
            }
        }
        rows.extend(self.headers.iter().flat_map(|header| header.rows(second)));
        rows
    }

    /// What a reader of the record must know, one sentence each: seconds without a reading, and values that were never
    /// there because no series of the endpoint matches.
    pub fn notes(&self) -> Vec<String> {
        let failed = self.failures.iter().map(|failure| {
            let seconds = if failure.count == 1 { "second" } else { "seconds" };
            format!(
                "`{}` could not be observed in {} {seconds}: {}.",
                failure.source, failure.count, failure.last
            )
        });
        let answered = |endpoint: &&Endpoint| {
            endpoint.seen.contains(&true)
                || !self.failures.iter().any(|failure| failure.source == endpoint.source)
        };
        let absent = self.endpoints.iter().filter(answered).flat_map(|endpoint| {
            let values = endpoint.values.iter().zip(&endpoint.seen).filter(|(_, seen)| !**seen);
            values.map(|(value, _)| {
                format!(
                    "`{}` has no data: `{}` shows no series {}.",
                    value.name,
                    endpoint.source,
                    value.selectors()
                )
            })
        });
        failed.chain(absent).collect()
    }
}

impl Endpoint {
    fn rows(&mut self, second: u64, values: Vec<Components>) -> Vec<TargetRow> {
        let mut rows = Vec::new();
        for ((value, components), seen) in self.values.iter().zip(values).zip(&mut self.seen) {
            *seen |= !components.is_empty();
            rows.extend(components.into_iter().map(|(component, figure)| TargetRow {
                second,
                source: self.source.clone(),
                name: value.name.clone(),
                component,
                value: figure,
            }));
        }
        rows
    }
}

/// Where `url` leads: a path under the target, or an address of its own at a host that may be asked.
fn address(plan: &Plan, url: &str) -> anyhow::Result<Url> {
    let base = &plan.target.base_url;
    if !url.contains("://") {
        let text = format!("{}/{}", base.as_str().trim_end_matches('/'), url.trim_start_matches('/'));
        return Url::parse(&text).with_context(|| format!("`{url}` is no path under the target"));
    }
    let address = Url::parse(url).with_context(|| format!("`{url}` is no address"))?;
    if !matches!(address.scheme(), "http" | "https") {
        bail!("`{url}` is neither http nor https");
    }
    let Some(host) = address.host() else { bail!("`{url}` has no host") };
    let local = match &host {
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
    };
    let host = host.to_string();
    let with_port = format!("{host}:{}", address.port_or_known_default().unwrap_or_default());
    if !local
        && base.host_str() != Some(&host)
        && !plan.allow.iter().any(|it| *it == host || *it == with_port)
    {
        bail!("`{host}` is not the target and nobody allowed it; add it to `allow` or give `--allow {host}`");
    }
    Ok(address)
}

/// Reads one endpoint: the components of each of its values, in order.
async fn scrape(client: &Client, endpoint: &Endpoint) -> Result<Vec<Components>, String> {
    let page = fetch(client, endpoint.url.clone()).await?;
    let values = Arc::clone(&endpoint.values);
    // A page of thousands of series takes milliseconds to read: not on a thread that requests are due on.
    let read = spawn_blocking(move || {
        let page = String::from_utf8_lossy(&page);
        if !exposition::is_exposition(&page) {
            return Err("the answer is not in Prometheus' text format".to_owned());
        }
        Ok(values.iter().map(|value| value.components(&page)).collect())
    });
    read.await.map_err(|error| error.to_string())?
}

async fn fetch(client: &Client, url: Url) -> Result<Vec<u8>, String> {
    let request = client.get(url).header(ACCEPT, "text/plain;version=0.0.4;q=1,*/*;q=0.1");
    let mut answer = request.send().await.map_err(reason)?;
    if !answer.status().is_success() {
        return Err(format!("the answer was {}", answer.status()));
    }
    let mut page = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reason)? {
        page.extend_from_slice(&chunk);
        if page.len() > LONGEST_PAGE {
            return Err(format!("the page is longer than {} MiB", LONGEST_PAGE >> 20));
        }
    }
    Ok(page)
}

/// The innermost cause, which names what went wrong; never the address, which may hold a password.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} ms", TIMEOUT.as_millis());
    }
    root_cause(error)
}

async fn sample(processes: Option<Processes>, second: u64) -> (Option<Processes>, Vec<TargetRow>) {
    let Some(mut processes) = processes else { return (None, Vec::new()) };
    let sampled = spawn_blocking(move || {
        let rows = processes.sample(second);
        (Some(processes), rows)
    });
    sampled.await.unwrap_or_default()
}

fn fail(failures: &mut Vec<Failure>, source: &str, last: String) {
    match failures.iter_mut().find(|failure| failure.source == source) {
        Some(failure) => {
            failure.count += 1;
            failure.last = last;
        }
        None => failures.push(Failure { source: source.to_owned(), count: 1, last }),
    }
}

#[cfg(test)]
mod tests;
