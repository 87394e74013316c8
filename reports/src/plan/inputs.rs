use std::collections::BTreeMap;

use record::unit::{show_number, show_ratio};
use serde::{Deserialize, Serialize};

use super::{loads::Seen, phases::Range, safe::Safe};
use crate::words;

/// What a plan rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// Requests a second of one instance.
    CapacityPerInstance,
    /// Throughput of a machine of the price list over that of the measured one, processor for processor.
    Machine,
    /// Requests a second of one user at the peak.
    RequestsPerUser,
    /// The day's peak over its mean.
    PeakOverMean,
    /// Share of its capacity that a tier is planned for at the peak.
    TargetUtilisation,
    /// Bytes that go out for a request.
    BytesPerRequest,
    /// Share of lookups that the cache answers.
    CacheHitRatio,
    /// Database queries a request.
    QueriesPerRequest,
    /// Share of the queries that only a primary can take.
    WriteRatio,
    /// Queries a second that a virtual processor of a database takes.
    QueriesPerVcpu,
    /// Operations a second that a cache node takes.
    OperationsPerCacheNode,
    /// Bytes that a user has stored.
    BytesPerUser,
    /// Bytes of log of a request.
    LogBytesPerRequest,
    /// Seconds that a connection is kept.
    ConnectionSeconds,
}

/// Every key, in the order in which they are shown.
pub const KEYS: [Key; 14] = [
    Key::CapacityPerInstance,
    Key::Machine,
    Key::RequestsPerUser,
    Key::PeakOverMean,
    Key::TargetUtilisation,
    Key::BytesPerRequest,
    Key::CacheHitRatio,
    Key::QueriesPerRequest,
    Key::WriteRatio,
    Key::QueriesPerVcpu,
    Key::OperationsPerCacheNode,
    Key::BytesPerUser,
    Key::LogBytesPerRequest,
    Key::ConnectionSeconds,
];

impl Key {
    /// In words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::CapacityPerInstance => "capacity of one instance",
            Self::Machine => "speed of the bought machine",
            Self::RequestsPerUser => "requests of a user",
            Self::PeakOverMean => "peak over mean of the day",
            Self::TargetUtilisation => "target utilisation",
            Self::BytesPerRequest => "bytes of an answer",
            Self::CacheHitRatio => "cache hits",
            Self::QueriesPerRequest => "queries a request",
            Self::WriteRatio => "writes among queries",
            Self::QueriesPerVcpu => "queries of a database vCPU",
            Self::OperationsPerCacheNode => "operations of a cache node",
            Self::BytesPerUser => "data of a user",
            Self::LogBytesPerRequest => "log of a request",
            Self::ConnectionSeconds => "life of a connection",
        }
    }

    /// As the file of phases writes it.
    pub fn name(self) -> String {
        serde_json::to_string(&self).unwrap_or_default().trim_matches('"').to_owned()
    }

    /// A value with its unit.
    pub fn show(self, value: f64) -> String {
        let number = show_number(value);
        match self {
            Self::CapacityPerInstance
            | Self::RequestsPerUser
            | Self::QueriesPerVcpu
            | Self::OperationsPerCacheNode => {
                format!("{number}/s")
            }
            Self::Machine | Self::PeakOverMean => format!("{number}×"),
            Self::TargetUtilisation | Self::CacheHitRatio | Self::WriteRatio => show_ratio(value),
            Self::BytesPerRequest | Self::BytesPerUser | Self::LogBytesPerRequest => {
                words::bytes(value as u64)
            }
            Self::QueriesPerRequest => number,
            Self::ConnectionSeconds => words::length(value),
        }
    }

    /// Values that make sense.
    pub const fn bounds(self) -> (f64, f64) {
        match self {
            Self::TargetUtilisation => (0.05, 1.0),
            Self::CacheHitRatio | Self::WriteRatio => (0.0, 1.0),
            Self::PeakOverMean => (1.0, 12.0),
            _ => (1e-9, 1e12),
        }
    }
}

/// What a value rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rests {
    /// It was measured; its range is what is known of it, or a part of it for what differs elsewhere.
    Measured,
    /// Nothing here measured it: an assumption with a wide range.
    Assumed,
    /// Somebody decides it.
    Chosen,
    /// The file of phases says it.
    Given,
}

impl Rests {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Assumed => "assumed",
            Self::Chosen => "chosen",
            Self::Given => "given",
        }
    }
}

/// A value that a plan rests on.
#[derive(Debug, Clone, Serialize)]
pub struct Input {
    /// Which.
    pub key: Key,
    /// In words.
    pub label: &'static str,
    /// The lowest that it may be.
    pub low: f64,
    /// The one planned by.
    pub mid: f64,
    /// The highest.
    pub high: f64,
    /// The one planned by, with its unit.
    pub text: String,
    /// Its range, with its unit; empty where it has none.
    pub range_text: String,
    /// What it rests on.
    pub rests: Rests,
    /// Where it is from, in a sentence without its full stop.
    pub from: String,
}

/// The values of one plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values([f64; KEYS.len()]);

impl Values {
    /// Of one input.
    pub fn get(&self, key: Key) -> f64 {
        self.0[key as usize]
    }

    /// With another of one input.
    pub fn with(mut self, key: Key, value: f64) -> Self {
        self.0[key as usize] = value;
        self
    }

    /// The values to plan by.
    pub fn mid(inputs: &[Input]) -> Self {
        let mut values = Self([0.0; KEYS.len()]);
        inputs.iter().for_each(|input| values.0[input.key as usize] = input.mid);
        values
    }
}

/// Share by which a measured behaviour may differ from day to day or from the real one.
const DIFFERS: f64 = 0.2;

/// What the plan rests on: `given` before what was measured before what is assumed.
pub fn inputs(seen: &Seen, safe: &Safe, instances: u64, given: &BTreeMap<Key, Range>) -> Vec<Input> {
    let mut all = Vec::new();
    for key in KEYS {
        let (range, rests, from) = match given.get(&key) {
            Some(range) => (*range, Rests::Given, "the file of phases".to_owned()),
            None => match measured(key, seen, safe, instances) {
                Some((range, from)) => (range, Rests::Measured, from),
                None => assumed(key),
            },
        };
        let ranges = (range.high - range.low).abs() > f64::EPSILON * range.high.abs();
        all.push(Input {
            key,
            label: key.label(),
            low: range.low,
            mid: range.mid,
            high: range.high,
            text: key.show(range.mid),
            range_text: if ranges {
                crate::report::span(&key.show(range.low), &key.show(range.high))
            } else {
                String::new()
            },
            rests,
            from,
        });
    }
    all
}

fn measured(key: Key, seen: &Seen, safe: &Safe, instances: u64) -> Option<(Range, String)> {
    // Where it is as full as it may be: the figures there are those that the plan's peak will see.
    let at = seen.loads.iter().min_by(|a, b| {
        (a.throughput_per_s - safe.rate_per_s).abs().total_cmp(&(b.throughput_per_s - safe.rate_per_s).abs())
    })?;
    let around = |mid: f64| Range { low: mid * (1.0 - DIFFERS), mid, high: mid * (1.0 + DIFFERS) };
    let seen_at = format!("at {}/s, ± 20 % for what differs elsewhere", show_number(at.throughput_per_s));
    match key {
        Key::CapacityPerInstance => {
            let each = safe.rate_per_s / instances as f64;
            let high = safe.breaks_per_s.map_or(each, |breaks| breaks / instances as f64);
            Some((
                Range { low: each, mid: each, high },
                "the highest rate that kept every budget; at the next it broke".to_owned(),
            ))
        }
        Key::RequestsPerUser => {
            let of: Vec<&str> = seen.paces.iter().map(|(_, name)| name.as_str()).collect();
            let of = if of.is_empty() { "the run".to_owned() } else { of.join(", ") };
            let from = format!("the users of {of}, ± 20 % for real ones");
            safe.requests_per_user.map(|each| (around(each), from))
        }
        Key::BytesPerRequest => {
            let from = format!("{seen_at}; compressed only where the scenario asks for it");
            at.bytes_in_per_request.map(|bytes| (around(bytes), from))
        }
        Key::CacheHitRatio => {
            let hits = *at.observed.get("cache_hit_ratio")?;
            let misses = 1.0 - hits.clamp(0.0, 1.0);
            let range =
                Range { low: 1.0 - (misses * 2.0).min(1.0), mid: 1.0 - misses, high: 1.0 - misses / 2.0 };
            Some((range, format!("at {}/s; twice and half the misses", show_number(at.throughput_per_s))))
        }
        Key::QueriesPerRequest => {
            let queries = at.observed.get("db_rate")? / at.throughput_per_s;
            (queries > 0.0).then(|| (around(queries), seen_at))
        }
        _ => None,
    }
}

fn assumed(key: Key) -> (Range, Rests, String) {
    let (low, mid, high, rests, from) = match key {
        // Only where nothing was measured.
        Key::CapacityPerInstance => (1.0, 1.0, 1.0, Rests::Assumed, "nothing was measured"),
        Key::Machine => (0.7, 1.0, 1.3, Rests::Assumed, "no machine of the price list was measured"),
        Key::RequestsPerUser => {
            (0.2, 0.4, 0.6, Rests::Assumed, "a user that pauses for 2.5 s between requests")
        }
        Key::PeakOverMean => (1.5, 2.0, 3.0, Rests::Assumed, "the evening of a service of one time zone"),
        Key::TargetUtilisation => {
            (0.6, 0.7, 0.8, Rests::Chosen, "room for what comes faster than instances start")
        }
        Key::BytesPerRequest => (1e3, 3e3, 1e4, Rests::Assumed, "a list of twenty, compressed"),
        Key::CacheHitRatio => (0.7, 0.8, 0.9, Rests::Assumed, "the run observed no `cache_hit_ratio`"),
        Key::QueriesPerRequest => (0.3, 0.5, 1.0, Rests::Assumed, "the run observed no `db_rate`"),
        Key::WriteRatio => {
            (0.2, 0.4, 0.6, Rests::Assumed, "one request in five writes, and makes two queries")
        }
        Key::QueriesPerVcpu => (
            500.0,
            1500.0,
            4000.0,
            Rests::Assumed,
            "indexed queries of a few rows; no database was measured alone",
        ),
        Key::OperationsPerCacheNode => {
            (4e4, 8e4, 1.2e5, Rests::Assumed, "one thread, small values; no cache was measured alone")
        }
        Key::BytesPerUser => (1e5, 1e6, 5e6, Rests::Assumed, "some hundred tasks with their indexes"),
        Key::LogBytesPerRequest => {
            (200.0, 500.0, 1000.0, Rests::Assumed, "one line of JSON, kept for thirty days")
        }
        Key::ConnectionSeconds => (60.0, 300.0, 600.0, Rests::Assumed, "keep-alive of a visit"),
    };
    (Range { low, mid, high }, rests, from.to_owned())
}
