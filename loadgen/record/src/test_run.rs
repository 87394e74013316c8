//! A small record made of known samples, for the tests of this crate.

use std::{path::Path, time::SystemTime};

use crate::*;

pub(crate) fn run() -> Run {
    Run {
        schema: SCHEMA.to_owned(),
        state: State::Running,
        generator: Generator { name: "loadgen".into(), version: "0.1.0".into() },
        scenario: ScenarioText {
            name: "test".into(),
            about: String::new(),
            file: "test.yaml".into(),
            text: String::new(),
            sha256: String::new(),
        },
        git: None,
        seed: 1,
        host: Host {
            machine: String::new(),
            cpu: "test".into(),
            cores: 2,
            memory_bytes: 1,
            kernel: "test".into(),
            open_files_limit: 1024,
        },
        target: TargetInfo { base_url: "http://127.0.0.1:1".into(), loopback: true },
        start: "2026-01-01T00:00:00Z".into(),
        end: None,
        model: Model::Open,
        stages: vec![Stage { from: 100.0, to: 100.0, seconds: 12.0 }],
        max_users: 10,
        warm_up_s: 2,
        budgets: vec![
            Budget::parse(None, "p95", "200ms").unwrap(),
            Budget::parse(Some("list tasks"), "p99", "1s").unwrap(),
            Budget::parse(None, "error_rate", "5%").unwrap(),
        ],
        observed: Vec::new(),
        part: None,
        merged: None,
        caveats: Vec::new(),
        certificate: None,
        adjustments: Vec::new(),
        totals: None,
        judgement: None,
    }
}

pub(crate) fn second(second: u64) -> Second {
    let mut histograms = Histograms::new();
    for (request, kind, n) in [
        ("list tasks", Kind::Response, 60),
        ("list tasks", Kind::Service, 60),
        ("list tasks", Kind::Lag, 60),
        ("one/task", Kind::Response, 39),
        ("one/task", Kind::Error("timeout".into()), 1),
    ] {
        let mut histogram = new_histogram();
        (1..=n).for_each(|i| histogram.record(i * 10 + second).unwrap());
        histograms.insert(Tag { request: request.into(), kind }, histogram);
    }
    let errors = ErrorCounts([("timeout".to_owned(), 1)].into());
    let row = SeriesRow {
        second,
        offered: 100,
        started: 100,
        completed: 99,
        failed: 1,
        errors,
        ..SeriesRow::default()
    };
    Second { row, histograms, target: Vec::new() }
}

pub(crate) fn write(folder: &Path, seconds: u64, finish: bool) -> Run {
    let mut run = run();
    let mut writer = Writer::create(folder, &run, SystemTime::UNIX_EPOCH).unwrap();
    (0..seconds).for_each(|at| writer.second(second(at)).unwrap());
    if finish {
        run.state = State::Finished;
        run = writer.finish(run).unwrap();
    }
    run
}
