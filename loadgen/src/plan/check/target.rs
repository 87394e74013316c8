//! The service under test, and when to leave it alone.

use std::time::Duration;

use url::Url;

use super::Check;
use crate::plan::{
    Overrides,
    de::At,
    file::{self, Off, Storm},
    model::{Abort, Target, Wire},
    problem::{Problem, Span},
    shapes::OrMap,
};

/// Longest time for one request unless the scenario says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Check<'_> {
    /// The target, its URL replaced by that of the command line.
    pub fn target(&mut self, target: Option<At<file::Target>>, overrides: &Overrides) -> Option<Target> {
        let (span, target) = match target {
            Some(target) => (target.span, Some(target.value)),
            None => (Span::start_of(0), None),
        };
        let base_url = match (&overrides.target, target.as_ref().and_then(|it| it.base_url.as_ref())) {
            (Some(url), _) => match base_url(url) {
                Ok(url) => Some(url),
                Err(message) => {
                    self.problems.push(Problem::elsewhere(format!("--target: {message}")));
                    None
                }
            },
            (None, Some(url)) => self.keep(url.span, base_url(url)),
            (None, None) => {
                let right = "write `target: { base_url: http://127.0.0.1:8080 }` or give --target";
                self.problem(span, format!("`target.base_url` is missing; {right}"));
                None
            }
        };
        let Some(target) = target else {
            return Some(Target {
                base_url: base_url?,
                timeout: TIMEOUT,
                ready: None,
                command: None,
                ca: None,
                wire: Wire::default(),
            });
        };
        if let Some(ready) = &target.ready {
            let right = self.keep(ready.span, path_or_url(ready));
            right?;
        }
        if let Some(command) = target.command.as_ref().filter(|command| command.is_empty()) {
            self.problem(
                command.span,
                "an empty command; name a program and its arguments: `[service, serve]`",
            );
        }
        let wire = self.wire(&target);
        let ca = target.ca.and_then(|ca| self.file(&ca));
        let timeout = target.timeout.map_or(TIMEOUT, |timeout| {
            if timeout.0.is_zero() {
                self.problem(timeout.span, "a timeout of nothing lets nothing pass; write `10s`");
            }
            timeout.0
        });
        Some(Target {
            base_url: base_url?,
            timeout,
            ready: target.ready.map(|ready| ready.value),
            command: target.command.map(|command| command.value),
            ca,
            wire,
        })
    }

    /// When to end early.
    pub fn abort(&mut self, abort: Option<At<OrMap<Off, Storm>>>) -> Option<Abort> {
        let storm = match abort?.value {
            OrMap::Short(Off::Off) => return Some(Abort::Off),
            OrMap::Map(storm) => storm,
        };
        let within = match storm.within {
            Some(time) if time.0.is_zero() || time.0.subsec_nanos() > 0 => {
                self.problem(
                    time.span,
                    "`within` is looked at by the second; write whole seconds such as `10s`",
                );
                return None;
            }
            within => within.map_or(Duration::from_secs(10), |time| time.0),
        };
        let share = storm.share.map_or(0.5, |share| share.0);
        Some(Abort::Storm { share, requests: storm.requests.map_or(1000, |it| it.value.max(1)), within })
    }
}

fn base_url(text: &str) -> Result<Url, String> {
    let right = "write http:// or https://, a host and perhaps a port, such as `http://127.0.0.1:8080`";
    let url = Url::parse(text.trim()).map_err(|error| format!("`{text}` is not a URL ({error}); {right}"))?;
    match url.scheme() {
        "http" | "https" => {}
        scheme => return Err(format!("`{text}` is a `{scheme}` URL; {right}")),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "`{text}` has a query or a fragment; the paths of steps come behind it; {right}"
        ));
    }
    Ok(url)
}

/// Refuses what is neither a path nor a URL.
pub fn path_or_url(text: &str) -> Result<(), String> {
    if text.starts_with('/') {
        return characters(text);
    }
    if !(text.starts_with("http://") || text.starts_with("https://")) {
        let slash = if text.contains("://") { String::new() } else { format!(": `/{text}`") };
        return Err(format!(
            "`{text}` is neither a path nor an http URL; begin with `/`{slash}, or with http:// or https://"
        ));
    }
    Url::parse(text).map_err(|error| format!("`{text}` is not a URL ({error})"))?;
    characters(text)
}

/// Refuses characters that cannot go into a request line as they are (RFC 3986 §2).
pub fn characters(text: &str) -> Result<(), String> {
    match text
        .chars()
        .find(|c| !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '#'))
    {
        None => Ok(()),
        Some(wrong) => {
            let encoded: String = wrong.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
            Err(format!("`{}` cannot stand in a URL as it is; write `{encoded}`", wrong.escape_default()))
        }
    }
}
