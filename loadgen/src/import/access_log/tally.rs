//! Counts a log: by method and path without its ids, by hour.

use std::collections::{BTreeMap, HashMap};

use percent_encoding::percent_decode_str;

use super::{
    line::{Line, Unread, read},
    sessions::Sessions,
};
use crate::import::{
    har::is_asset_path, message::METHODS, naming::path_template, options::AccessLog, secrets::is_secret,
};

/// More different requests than this are not told apart: a scanner's, most likely.
const MOST_KINDS: usize = 2000;
/// Of each, so many different targets are remembered.
const MOST_TARGETS: usize = 5000;
/// Finest stretch of time that is counted apart, seconds.
pub const GRAIN_S: u64 = 60;
/// Longest log: about 20 years of minutes.
const MOST_GRAINS: usize = 10_000_000;

/// A kind of request: its method and its path without ids.
#[derive(Debug, Default)]
pub struct Kind {
    /// How often it was sent.
    pub count: u64,
    /// How often it was answered below 400.
    pub good: u64,
    /// Its count in each stretch of [`GRAIN_S`].
    pub grains: BTreeMap<u64, u64>,
    /// Paths and queries, how often each.
    pub targets: HashMap<String, u64>,
}

/// A log, counted.
#[derive(Debug, Default)]
pub struct Tally {
    /// By method and path without ids.
    pub kinds: HashMap<(String, String), Kind>,
    /// First and last instant of what is counted, seconds since 1970.
    pub span_s: Option<(f64, f64)>,
    /// Lines read.
    pub lines: u64,
    /// Why lines were not counted.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Visits.
    pub sessions: Sessions,
}

impl Tally {
    /// Counts a line.
    pub fn add(&mut self, text: &str, options: &AccessLog) {
        self.lines += 1;
        match read(text) {
            Ok(line) => match left_out(&line, options) {
                None => self.count(&line),
                Some(reason) => self.leave(reason),
            },
            Err(Unread::Empty) => self.lines -= 1,
            Err(Unread::Unknown) => self.leave("not in a form that is known"),
            Err(Unread::NoRequest) => self.leave("about no HTTP request (broken handshakes, scans)"),
        }
    }

    fn leave(&mut self, reason: &'static str) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    fn count(&mut self, line: &Line<'_>) {
        let (path, query) = split(&line.target);
        let template = path_template(path);
        let key = (line.method.as_ref().to_owned(), template);
        if !self.kinds.contains_key(&key) && self.kinds.len() >= MOST_KINDS {
            self.leave("of ever new paths, after 2,000 of them");
            return;
        }
        let grain = line.time_s.max(0.0) as u64 / GRAIN_S;
        let kind = self.kinds.entry(key).or_default();
        if kind.grains.len() >= MOST_GRAINS && !kind.grains.contains_key(&grain) {
            self.leave("of more than 20 years");
            return;
        }
        kind.count += 1;
        kind.good += u64::from(line.status < 400);
        *kind.grains.entry(grain).or_default() += 1;
        let target = target(path, query);
        if kind.targets.len() < MOST_TARGETS || kind.targets.contains_key(&target) {
            *kind.targets.entry(target).or_default() += 1;
        }
        let (first, last) = self.span_s.unwrap_or((line.time_s, line.time_s));
        self.span_s = Some((first.min(line.time_s), last.max(line.time_s)));
        self.sessions.add(&line.client, &line.agent, line.time_s);
    }
}

/// Path and query of what was asked for, which may be a whole URL.
fn split(target: &str) -> (&str, Option<&str>) {
    let target = target.split('#').next().unwrap_or_default();
    let target = match target.find("://") {
        Some(at) if at < 8 => target[at + 3..].find('/').map_or("/", |slash| &target[at + 3 + slash..]),
        _ => target,
    };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    (if path.starts_with('/') { path } else { "/" }, query.filter(|it| !it.is_empty()))
}

/// The target as it can be asked for again: without parameters that give access, no character that a URL cannot hold.
fn target(path: &str, query: Option<&str>) -> String {
    let mut made = crate::import::text::Text::url(path).to_string();
    let safe = |pair: &&str| {
        !is_secret(&percent_decode_str(pair.split('=').next().unwrap_or_default()).decode_utf8_lossy())
    };
    for (index, pair) in query.into_iter().flat_map(|query| query.split('&')).filter(safe).enumerate() {
        made.push(if index > 0 { '&' } else { '?' });
        made.push_str(crate::import::text::Text::url(pair).as_str());
    }
    made
}

fn left_out(line: &Line<'_>, options: &AccessLog) -> Option<&'static str> {
    if !METHODS.contains(&line.method.as_ref()) {
        return Some("of a method that scenarios have no key for");
    }
    if options.read_only && !matches!(line.method.as_ref(), "GET" | "HEAD") {
        return Some("that write (--read-only)");
    }
    if !options.with_bots && is_bot(&line.agent) {
        return Some("of crawlers and monitors; --with-bots takes them in");
    }
    if !options.with_assets && is_asset_path(split(&line.target).0) {
        return Some("for pictures, styles, scripts or fonts; --with-assets takes them in");
    }
    None
}

/// Whether a user agent says itself that nobody looks at the answer.
fn is_bot(agent: &str) -> bool {
    const SIGNS: [&str; 16] = [
        "bot",
        "crawl",
        "spider",
        "slurp",
        "monitor",
        "pingdom",
        "uptime",
        "healthcheck",
        "kube-probe",
        "elb-health",
        "googlehc",
        "prometheus",
        "zgrab",
        "masscan",
        "nmap",
        "headlesschrome",
    ];
    let agent = agent.as_bytes();
    SIGNS.iter().any(|sign| agent.windows(sign.len()).any(|part| part.eq_ignore_ascii_case(sign.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_without_secrets_that_can_be_sent() {
        let made = |text: &str| {
            let (path, query) = split(text);
            target(path, query)
        };
        assert_eq!(made("/a b?x=1&access_token=s3cret&y=<"), "/a%20b?x=1&y=%3C");
        assert_eq!(made("http://example.com/a?x"), "/a?x");
        assert_eq!(made("http://example.com"), "/");
        assert_eq!(made("*"), "/");
    }

    #[test]
    fn crawlers_say_so() {
        assert!(
            is_bot("Mozilla/5.0 (compatible; Googlebot/2.1)")
                && is_bot("kube-probe/1.29")
                && is_bot("UptimeRobot/2")
        );
        assert!(
            !is_bot("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36") && !is_bot("curl/8") && !is_bot("")
        );
    }
}
