//! Files that nobody meant to be imported: real ones, cut, doubled and sprinkled with what hurts readers. Nothing may
//! panic or hang, and what is made of them has to be a scenario that loadgen runs.
//!
//! `PROPTEST_CASES=20000 cargo test --release -p loadgen import::fuzz` runs for minutes; what it finds is kept in
//! `proptest-regressions/import/fuzz.txt` and tried first ever after.

use std::time::{Duration, Instant};

use clap::Parser;
use proptest::{prelude::*, sample::Index};

use super::{access_log, curl, har, journey::Journey, openapi, options, output, postman};

const HAR: &str = include_str!("fixtures/site.har");
const OPENAPI: &str = include_str!("fixtures/openapi.yaml");
const POSTMAN: &str = include_str!("fixtures/postman.json");
const LOG: &str = include_str!("fixtures/access.log");
const JSON_LOG: &str = include_str!("fixtures/access.jsonl");
const CURL: &str = include_str!("fixtures/curl.sh");

/// No reader may take longer for so little.
const LONGEST: Duration = Duration::from_secs(10);

/// A change to a text.
#[derive(Debug, Clone)]
enum Change {
    Cut(Index, usize),
    Put(Index, String),
    Double(Index, usize),
    Swap(Index, Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let sprinkle = prop_oneof![
        any::<String>(),
        "[\"'{}\\[\\],:$\\\\ #&?=%<>/0-9a-z.-]{1,12}",
        Just("${".to_owned()),
        Just("${x}".to_owned()),
        Just("\\u0000".to_owned()),
        Just("\u{2028}\u{feff}".to_owned()),
        Just("null".to_owned()),
        Just("1e999".to_owned()),
        Just("-1".to_owned()),
        Just("\n".to_owned()),
        Just("[".repeat(200)),
        Just("{\"a\":".repeat(200)),
        Just("x".repeat(2000)),
        Just("http://[::1]:99999/\u{e9}?#".to_owned()),
        Just("user".to_owned()),
        Just("${accounts.email}".to_owned()),
    ];
    prop_oneof![
        (any::<Index>(), 1_usize..60).prop_map(|(at, length)| Change::Cut(at, length)),
        (any::<Index>(), sprinkle).prop_map(|(at, text)| Change::Put(at, text)),
        (any::<Index>(), 1_usize..400).prop_map(|(at, length)| Change::Double(at, length)),
        (any::<Index>(), any::<Index>(), 1_usize..40).prop_map(|(a, b, length)| Change::Swap(a, b, length)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for change in changes {
        let end = |at: usize, length: usize| (at + length).min(chars.len());
        match change {
            _ if chars.is_empty() => break,
            Change::Cut(at, length) => {
                let at = at.index(chars.len());
                drop(chars.drain(at..end(at, *length)));
            }
            Change::Put(at, text) => {
                let at = at.index(chars.len());
                chars.splice(at..at, text.chars());
            }
            Change::Double(at, length) => {
                let at = at.index(chars.len());
                let part = chars[at..end(at, *length)].to_vec();
                chars.splice(at..at, part);
            }
            Change::Swap(a, b, length) => {
                let (a, b) = (a.index(chars.len()), b.index(chars.len()));
                let part = chars[a..end(a, *length)].to_vec();
                let b_end = end(b, *length);
                chars.splice(b..b_end, part);
            }
        }
    }
    chars.into_iter().collect()
}

#[derive(Debug, Parser)]
struct HarLine {
    #[command(flatten)]
    options: options::Har,
}

#[derive(Debug, Parser)]
struct OpenApiLine {
    #[command(flatten)]
    options: options::OpenApi,
}

#[derive(Debug, Parser)]
struct LogLine {
    #[command(flatten)]
    options: options::AccessLog,
}

/// Makes sure of what has to hold of everything that an import makes of `text`.
fn holds(text: &str, import: impl FnOnce(&str) -> Result<Journey, String>) -> Result<(), TestCaseError> {
    let begun = Instant::now();
    match import(text) {
        Ok(mut journey) => {
            "x".clone_into(&mut journey.name);
            if let Err(stop) = output::checked(&journey) {
                return Err(TestCaseError::fail(format!("{stop}\nmade of\n{text}")));
            }
        }
        Err(message) => prop_assert!(!message.trim().is_empty() && message.len() < 4000, "{}", message),
    }
    prop_assert!(begun.elapsed() < LONGEST, "took {:?} for\n{}", begun.elapsed(), text);
    Ok(())
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 0..6)
}

proptest! {
    #[test]
    fn any_recording_becomes_a_scenario_or_a_message(changes in changes(), per_page in any::<bool>(), all in any::<bool>()) {
        let mut line = vec!["import", "x.har"];
        line.extend(per_page.then_some("--flow-per-page"));
        line.extend(all.then_some("--with-assets"));
        let options = HarLine::try_parse_from(line).unwrap().options;
        holds(&changed(HAR, &changes), |text| har::from_text(text, &options))?;
    }

    #[test]
    fn any_description_becomes_a_scenario_or_a_message(changes in changes(), read_only in any::<bool>()) {
        let line = ["import", "x.yaml"].into_iter().chain(read_only.then_some("--read-only"));
        let options = OpenApiLine::try_parse_from(line).unwrap().options;
        holds(&changed(OPENAPI, &changes), |text| openapi::from_text(text, &options))?;
    }

    #[test]
    fn any_collection_becomes_a_scenario_or_a_message(changes in changes()) {
        holds(&changed(POSTMAN, &changes), postman::from_text)?;
    }

    #[test]
    fn any_command_lines_become_a_scenario_or_a_message(changes in changes()) {
        holds(&changed(CURL, &changes), curl::from_text)?;
    }

    #[test]
    fn any_log_becomes_a_scenario_or_a_message(changes in changes(), json in any::<bool>(), sessions in any::<bool>(), speed in 1_u32..5000) {
        let speed = speed.to_string();
        let mut line = vec!["import", "x.log", "--speed", &speed, "--with-failures"];
        line.extend(sessions.then_some("--sessions"));
        let options = LogLine::try_parse_from(line).unwrap().options;
        let log = if json { JSON_LOG } else { LOG };
        holds(&changed(log, &changes), |text| access_log::from_reader(text.as_bytes(), &options))?;
    }
}
