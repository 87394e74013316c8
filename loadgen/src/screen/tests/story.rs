use std::{collections::BTreeMap, time::Duration};

use record::{
    Budget, ErrorCounts, Generator, Histograms, Host, Judgement, Kind, Latency, Model, ObservedKind,
    ObservedValue, Run, SCHEMA, ScenarioText, SeriesRow, Stage, State, Summary, Tag, TargetInfo, TargetRow,
    judge, new_histogram, summarise,
};

use super::text;
use crate::screen::{Snapshot, memory::Memory, picture::render};

/// A run with everything a snapshot borrows, made by the same functions that make a real one.
pub(super) struct Story {
    pub run: Run,
    pub rows: Vec<SeriesRow>,
    pub latency: Latency,
    pub p95_us: Vec<Option<u64>>,
    pub target: Vec<TargetRow>,
    pub totals: Histograms,
    pub summary: Summary,
    pub judgement: Judgement,
}

pub(super) const REQUESTS: [(&str, u64); 6] = [
    ("list tasks", 310),
    ("one task", 182),
    ("list products", 160),
    ("search products by category", 90),
    ("商品一覧\u{1b}[31m", 40),
    ("log in", 29),
];

pub(crate) fn run() -> Run {
    let budget = |request, key, value| Budget::parse(request, key, value).unwrap();
    let observed =
        |source: &str, name: &str, kind| ObservedValue { source: source.into(), name: name.into(), kind };
    Run {
        schema: SCHEMA.to_owned(),
        state: State::Running,
        generator: Generator { name: "loadgen".into(), version: "0.1.0".into() },
        scenario: ScenarioText {
            name: "phase-1k".into(),
            about: String::new(),
            file: "phase-1k.yaml".into(),
            text: String::new(),
            sha256: String::new(),
        },
        git: None,
        seed: 1,
        host: Host {
            machine: String::new(),
            cpu: String::new(),
            cores: 2,
            memory_bytes: 1,
            kernel: String::new(),
            open_files_limit: 1024,
        },
        target: TargetInfo { base_url: "http://127.0.0.1:8080".into(), loopback: true },
        start: "2026-01-01T00:00:00Z".into(),
        end: None,
        model: Model::Open,
        stages: vec![
            Stage { from: 0.0, to: 812.0, seconds: 30.0 },
            Stage { from: 812.0, to: 812.0, seconds: 90.0 },
        ],
        max_users: 1000,
        warm_up_s: 20,
        budgets: vec![
            budget(None, "p95", "100ms"),
            budget(None, "p99.9", "150ms"),
            budget(Some("list tasks"), "p95", "100ms"),
            budget(Some("list products"), "p95", "60ms"),
            budget(Some("log in"), "error_rate", "0.1%"),
            budget(None, "error_rate", "5%"),
            budget(None, "cache_hit_ratio", ">= 80%"),
        ],
        observed: vec![
            observed("service", "cache_hit_ratio", ObservedKind::Ratio),
            observed("service", "db_queries_total", ObservedKind::Rate),
            observed("process", "cpu_seconds", ObservedKind::Rate),
        ],
        part: None,
        merged: None,
        caveats: Vec::new(),
        certificate: None,
        adjustments: Vec::new(),
        totals: None,
        judgement: None,
    }
}

/// The run after `seconds` seconds of the same load, with `slow` as many times the latency for one of the requests.
pub(super) fn story(seconds: u64, slow: u64) -> Story {
    let run = run();
    let (mut now, mut totals) = (Histograms::new(), Histograms::new());
    for (index, (name, rate)) in (1..).zip(REQUESTS) {
        let mut histogram = new_histogram();
        let factor = if name == "list products" { slow } else { 1 };
        (1..=rate).for_each(|i| histogram.record(i * index * 100 * factor).unwrap());
        now.insert(Tag { request: name.into(), kind: Kind::Response }, histogram);
        let mut lag = new_histogram();
        lag.record_n(140, rate).unwrap();
        now.insert(Tag { request: name.into(), kind: Kind::Lag }, lag);
    }
    let mut failed = new_histogram();
    failed.record_n(5_000, 2).unwrap();
    now.insert(Tag { request: "log in".into(), kind: Kind::Error("status_500".into()) }, failed);
    for _ in run.warm_up_s..seconds {
        for (tag, histogram) in &now {
            totals.entry(tag.clone()).or_insert_with(new_histogram).add(histogram).unwrap();
        }
    }
    let mut all = new_histogram();
    now.iter().filter(|(tag, _)| tag.kind == Kind::Response).for_each(|(_, it)| all.add(it).unwrap());
    let latency = Latency::of(&all);
    let row = |second| SeriesRow {
        second,
        offered: 812,
        started: 812,
        completed: 811,
        failed: 2,
        errors: ErrorCounts(BTreeMap::from([("status_500".to_owned(), 1), ("timeout".to_owned(), 1)])),
        in_flight: 23,
        users: 1000,
        lag_p99_us: Some(140),
        ..SeriesRow::default()
    };
    let rows: Vec<_> = (0..seconds).map(row).collect();
    let counters = [
        ("service", "cache_hit_ratio", "hits", 83.0),
        ("service", "cache_hit_ratio", "all", 100.0),
        ("service", "db_queries_total", "total", 214.0),
        ("process", "cpu_seconds", "total", 0.9),
    ];
    let read = |second: u64| {
        counters.map(|(source, name, component, per_s)| TargetRow {
            second,
            source: source.into(),
            name: name.into(),
            component: component.into(),
            value: per_s * second as f64,
        })
    };
    let target: Vec<_> = (0..seconds).flat_map(read).collect();
    let recent =
        target.iter().filter(|row| row.second + 3 >= seconds && row.second + 1 < seconds).cloned().collect();
    let summary = match seconds > run.warm_up_s {
        true => summarise(&run, &totals, &rows, &target, run.judged(seconds)),
        false => Summary::default(),
    };
    let judgement = judge(&run, &summary, &totals);
    let p95_us =
        (0..seconds.min(60)).map(|second| (second != 3).then_some(20_000 + second % 7 * 3_000)).collect();
    Story { run, rows, latency, p95_us, target: recent, totals, summary, judgement }
}

impl Story {
    pub fn snapshot(&self) -> Snapshot<'_> {
        let row = self.rows.last().unwrap();
        Snapshot {
            run: &self.run,
            elapsed: Duration::from_secs(row.second + 1),
            row,
            latency: &self.latency,
            p95_us: &self.p95_us,
            target: &self.target,
            summary: &self.summary,
            judgement: &self.judgement,
        }
    }

    pub fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        memory.note(&self.snapshot());
        memory
    }

    pub fn picture(&self, width: u16, height: u16) -> String {
        text(&render(&self.snapshot(), &self.memory(), width, height, false))
    }
}
