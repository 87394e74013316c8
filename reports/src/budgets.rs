//! A budgets file: the list that a scenario has under `budgets:`, on its own.

use std::{collections::BTreeSet, fmt, path::Path};

use record::Budget;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_saphyr::{Location, Spanned};

use crate::{failure::Failure, read::Evidence};

/// Reads the budgets of `path` for the record of `evidence`.
///
/// # Errors
/// Not to be read, no list of maps, a limit that is none, a request or an observed value that the record does not know:
/// with file, line and column.
pub fn read(path: &Path, evidence: &Evidence) -> Result<Vec<Budget>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read the budgets file {}: {error}", path.display()))
    })?;
    parse(&text, &Known::of(evidence)).map_err(|wrong| {
        let at = wrong.at.map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
        Failure::usage(format!("{}{at}: {}", path.display(), wrong.message))
    })
}

/// The parser's word without the place, which stands before it, and in words of YAML, not of the parser.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let text = text.split(", set DuplicateKeyPolicy").next().unwrap_or_default();
    let text = text.replace("sequence start", "a list").replace("mapping start", "a map");
    text.replace("duplicate mapping key", "written twice")
}

/// What budgets can be about.
struct Known {
    requests: BTreeSet<String>,
    observed: BTreeSet<String>,
    scenario: String,
}

impl Known {
    fn of(evidence: &Evidence) -> Self {
        let run = &evidence.record.run;
        let mut requests: BTreeSet<String> =
            evidence.summary.by_request.iter().map(|request| request.name.clone()).collect();
        requests.extend(run.budgets.iter().filter_map(|budget| budget.request.clone()));
        let observed = run.observed.iter().map(|observed| observed.name.clone()).collect();
        Self { requests, observed, scenario: run.scenario.text.clone() }
    }
}

#[derive(Debug)]
struct Wrong {
    at: Option<Location>,
    message: String,
}

const RIGHT: &str = "write a list such as `- { p95: 200ms }`, `- { request: list tasks, p95: 100ms }`";

fn parse(text: &str, known: &Known) -> Result<Vec<Budget>, Wrong> {
    let options = serde_saphyr::options! { with_snippet: false };
    let entries: Vec<Spanned<Entry>> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| Wrong { at: error.location(), message: format!("{}; {RIGHT}", plain(&error)) })?;
    if entries.is_empty() {
        return Err(Wrong { at: None, message: format!("holds no budget; {RIGHT}") });
    }
    let mut budgets = Vec::new();
    for entry in entries {
        let request = entry.value.0.iter().find(|(key, _)| key.value == "request").map(|(_, value)| value);
        if let Some(request) = request {
            known.refuse_unknown_request(request)?;
        }
        let mut keys = entry.value.0.iter().filter(|(key, _)| key.value != "request").peekable();
        if keys.peek().is_none() {
            let message = format!("this entry sets no limit; {RIGHT}");
            return Err(Wrong { at: Some(entry.referenced), message });
        }
        for (key, value) in keys {
            let request = request.map(|request| request.value.as_str());
            // An unknown key reads as the name of an observed value: whether there is one comes before its limit.
            known.refuse_unknown_key(key)?;
            let budget = Budget::parse(request, &key.value, &value.value)
                .map_err(|message| Wrong { at: Some(value.referenced), message })?;
            budgets.push(budget);
        }
    }
    Ok(budgets)
}

/// A map of the list in its order, each key and value with its place.
struct Entry(Vec<(Spanned<String>, Spanned<String>)>);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("limits by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Entry(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// The keys that need nothing observed.
const KEYS: [&str; 7] = ["p50", "p95", "p99", "p99.9", "max", "error_rate", "throughput"];

impl Known {
    fn refuse_unknown_request(&self, request: &Spanned<String>) -> Result<(), Wrong> {
        // A request of the scenario that never ended is not misspelt: judging says that it has no data.
        if self.requests.contains(&request.value) || self.scenario.contains(&request.value) {
            return Ok(());
        }
        let names = self.requests.iter().map(String::as_str);
        Err(Wrong {
            at: Some(request.referenced),
            message: format!("the record has no request `{}`{}", request.value, meant(&request.value, names)),
        })
    }

    fn refuse_unknown_key(&self, key: &Spanned<String>) -> Result<(), Wrong> {
        let percentile = key.value.strip_prefix('p').is_some_and(|rest| rest.parse::<f64>().is_ok());
        if percentile || KEYS.contains(&key.value.as_str()) || self.observed.contains(&key.value) {
            return Ok(());
        }
        let names = KEYS.into_iter().chain(["request"]).chain(self.observed.iter().map(String::as_str));
        Err(Wrong {
            at: Some(key.referenced),
            message: format!(
                "nothing called `{}` was observed in this record{}",
                key.value,
                meant(&key.value, names)
            ),
        })
    }
}

/// `; did you mean …?` where a name is near, else all that there are.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let near = known.iter().map(|other| (strsim::jaro_winkler(name, other), *other));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, other)) if likeness > 0.8 => format!("; did you mean `{other}`?"),
        Some(_) => format!("; it has: {}", known.join(", ")),
        None => "; it has none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use record::Metric;

    use super::*;

    fn known() -> Known {
        Known {
            requests: ["list tasks".to_owned(), "one task".to_owned()].into(),
            observed: ["cache_hit_ratio".to_owned(), "db_connections".to_owned()].into(),
            scenario: "name: rare request".to_owned(),
        }
    }

    fn wrong(text: &str) -> (String, String) {
        let wrong = parse(text, &known()).unwrap_err();
        (wrong.at.map_or_else(String::new, |at| format!("{}:{}", at.line(), at.column())), wrong.message)
    }

    #[test]
    fn the_list_of_a_scenario_is_read_as_it_stands_there() {
        let text = "- { p95: 200ms, p99: 1s }\n- request: list tasks\n  p95: < 100ms\n- { error_rate: 0.1% }\n\
                    - { cache_hit_ratio: \">= 80%\" }\n- { db_connections: 20 }\n- { request: rare request, max: 5s }\n";
        let read: Vec<String> = parse(text, &known()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(
            read,
            [
                "p95 ≤ 200 ms",
                "p99 ≤ 1 s",
                "p95 of list tasks < 100 ms",
                "error rate ≤ 0.1 %",
                "cache hit ratio ≥ 80 %",
                "db connections ≤ 20",
                "max of rare request ≤ 5 s"
            ]
        );
    }

    #[test]
    fn a_misspelt_name_is_shown_where_it_stands_with_the_right_one() {
        let (at, message) = wrong("- { p95: 200ms }\n- { request: lst tasks, p95: 100ms }\n");
        assert_eq!(at, "2:14");
        assert!(message.ends_with("did you mean `list tasks`?"), "{message}");
        let (at, message) = wrong("- { eror_rate: 0.1% }\n");
        assert_eq!(at, "1:5");
        assert!(message.ends_with("did you mean `error_rate`?"), "{message}");
    }

    #[test]
    fn a_limit_without_its_unit_is_refused_where_it_stands() {
        let (at, message) = wrong("- p95: 200\n");
        assert_eq!(at, "1:8");
        assert!(message.contains("200ms"), "{message}");
    }

    #[test]
    fn what_is_no_list_of_limits_says_what_would_be_right() {
        for text in [
            "",
            "p95: 200ms\n",
            "- 200ms\n",
            "- {}\n",
            "- { request: list tasks }\n",
            "- { p95: [1] }\n",
            "- {p95\n",
        ] {
            let (_, message) = wrong(text);
            assert!(message.contains("write a list such as"), "{text:?}: {message}");
        }
    }

    #[test]
    fn what_the_parser_says_is_said_in_words_of_yaml() {
        let (at, message) = wrong("p95: 200ms\n");
        assert_eq!((at.as_str(), message.starts_with("expected a list; write")), ("1:1", true), "{message}");
        let (at, message) = wrong("- { p95: 200ms, p95: 3s }\n");
        assert_eq!(
            (at.as_str(), message.starts_with("written twice: p95; write")),
            ("1:17", true),
            "{message}"
        );
    }

    #[test]
    fn the_metric_of_a_key_is_observed_only_where_the_record_observed_it() {
        let budgets = parse("- { db_connections: 20 }\n", &known()).unwrap();
        assert_eq!(budgets[0].metric, Metric::Observed("db_connections".into()));
    }
}
