//! Records of known content, made by the record's own writer, for the tests of every room.

use std::{path::Path, time::SystemTime};

use record::{
    Budget, ErrorCounts, ErrorSample, Generator, Git, Histograms, Host, Kind, Model, ObservedKind,
    ObservedValue, Part, Run, SCHEMA, ScenarioText, Second, SeriesRow, Stage, State, Tag, TargetInfo,
    TargetRow, Writer, new_histogram,
};

/// What the record is like.
#[derive(Debug, Clone)]
pub struct Fixture {
    pub seconds: u64,
    pub warm_up_s: u64,
    pub model: Model,
    pub state: State,
    /// What the load rises to and stays at: iterations a second, or users.
    pub level: f64,
    /// Answers a second, of two requests in turn.
    pub per_s: u64,
    /// Failures a second.
    pub failed_per_s: u64,
    pub dropped_per_s: u64,
    pub observed: bool,
    /// What every answer's time is multiplied by.
    pub slower: f64,
    /// Which part of how many, where the load was cut.
    pub part: Option<(u64, u64)>,
    pub budgets: Vec<(Option<&'static str>, &'static str, &'static str)>,
}

impl Default for Fixture {
    fn default() -> Self {
        Self {
            seconds: 20,
            warm_up_s: 4,
            model: Model::Open,
            state: State::Finished,
            level: 100.0,
            per_s: 100,
            failed_per_s: 1,
            dropped_per_s: 0,
            observed: true,
            slower: 1.0,
            part: None,
            budgets: vec![
                (None, "p95", "200ms"),
                (None, "p99", "1s"),
                (Some("list tasks"), "p95", "20ms"),
                (None, "error_rate", "5%"),
                (None, "cache_hit_ratio", ">= 80%"),
            ],
        }
    }
}

impl Fixture {
    /// Writes the record to `folder`.
    pub fn write(&self, folder: &Path) {
        let mut run = self.run();
        let mut writer = Writer::create(folder, &run, SystemTime::UNIX_EPOCH).unwrap();
        for second in 0..self.seconds {
            writer.second(self.second(second)).unwrap();
            if self.failed_per_s > 0 && second < 3 {
                writer.error(&sample(second)).unwrap();
            }
        }
        run.state = self.state;
        if self.state != State::Running {
            run.end = Some(format!("2026-01-01T00:{:02}:{:02}Z", self.seconds / 60, self.seconds % 60));
            writer.finish(run).unwrap();
        }
    }

    fn run(&self) -> Run {
        let observed = |name: &str, kind| ObservedValue { source: "service".into(), name: name.into(), kind };
        let half = self.seconds as f64 / 2.0;
        Run {
            schema: SCHEMA.into(),
            state: State::Running,
            generator: Generator { name: "loadgen".into(), version: "0.1.0".into() },
            scenario: ScenarioText {
                name: "two <requests> & more".into(),
                about: "Two requests in turn.".into(),
                file: "two.yaml".into(),
                text: "name: two\n".into(),
                sha256: "ab".repeat(32),
            },
            git: Some(Git { commit: "c0ffee".repeat(6), dirty: true }),
            seed: 7,
            host: Host {
                machine: String::new(),
                cpu: "cpu".into(),
                cores: 2,
                memory_bytes: 1 << 33,
                kernel: "Linux 6".into(),
                open_files_limit: 1024,
            },
            target: TargetInfo { base_url: "http://127.0.0.1:1".into(), loopback: true },
            start: "2026-01-01T00:00:00Z".into(),
            end: None,
            model: self.model,
            stages: vec![
                Stage { from: 0.0, to: self.level, seconds: half },
                Stage { from: self.level, to: self.level, seconds: half },
            ],
            max_users: 50,
            warm_up_s: self.warm_up_s,
            budgets: self
                .budgets
                .iter()
                .map(|(request, key, value)| Budget::parse(*request, key, value).unwrap())
                .collect(),
            observed: if self.observed {
                vec![
                    observed("cache_hit_ratio", ObservedKind::Ratio),
                    observed("db_queries", ObservedKind::Rate),
                ]
            } else {
                Vec::new()
            },
            part: self.part.map(|(index, of)| Part { index, of, stages: Vec::new(), max_users: 50 }),
            merged: None,
            caveats: Vec::new(),
            certificate: None,
            adjustments: Vec::new(),
            totals: None,
            judgement: None,
        }
    }

    fn second(&self, second: u64) -> Second {
        let mut histograms = Histograms::new();
        let mut put = |request: &str, kind: Kind, us: u64| {
            let tag = Tag { request: request.into(), kind };
            histograms.entry(tag).or_insert_with(new_histogram).record(us).unwrap();
        };
        for index in 0..self.per_s {
            let request = if index % 2 == 0 { "list tasks" } else { "one/task" };
            let us = 1_000 + 250 * (index * 37 % 97) + 10 * second;
            let us = (us as f64 * self.slower) as u64;
            put(request, Kind::Response, us);
            put(request, Kind::Service, us - 100);
            put(request, Kind::FirstByte, us / 2);
            put(request, Kind::Lag, 100);
        }
        for index in 0..self.failed_per_s {
            put("one/task", Kind::Error("timeout".into()), 500_000 + index);
        }
        let mut errors = ErrorCounts::default();
        if self.failed_per_s > 0 {
            errors.0.insert("timeout".into(), self.failed_per_s);
        }
        let begun = self.per_s + self.failed_per_s;
        let row = SeriesRow {
            second,
            offered: begun + self.dropped_per_s,
            dropped: self.dropped_per_s,
            started: begun,
            completed: self.per_s,
            failed: self.failed_per_s,
            errors,
            in_flight: 2,
            users: 50,
            bytes_out: begun * 100,
            bytes_in: begun * 900,
            lag_p99_us: (self.per_s > 0).then_some(100),
            timer_slip_us: 90,
            cpu_cores: 0.25,
            cpu_wait: 0.001,
            memory_bytes: 50 << 20,
            open_files: 60,
            cpu_stolen: Some(0.002),
        };
        let total = |name: &str, component: &str, value: u64| TargetRow {
            second,
            source: "service".into(),
            name: name.into(),
            component: component.into(),
            value: value as f64,
        };
        let target = if self.observed {
            vec![
                total("cache_hit_ratio", "hits", 85 * second),
                total("cache_hit_ratio", "all", 100 * second),
                total("db_queries", "total", 35 * second),
            ]
        } else {
            Vec::new()
        };
        Second { row, histograms, target }
    }
}

fn sample(second: u64) -> ErrorSample {
    ErrorSample {
        second,
        request: "one/task".into(),
        kind: "timeout".into(),
        detail: "no answer within 500 ms".into(),
        sent: "GET /tasks/7 HTTP/1.1\nx: </pre><script>alert(1)</script>".into(),
        received: String::new(),
        response_us: 500_000,
    }
}
