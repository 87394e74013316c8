//! Writes a run record of known content, as long and wide as wanted: what `reports html` is measured with, and a page
//! to look at without a load test.
//!
//! ```text
//! cargo run --profile demo --example hour_record -- DIR [--seconds 3600] [--names 50] [--rate 1000] [--seed 1] [--dense] [--killed]
//! ```
//!
//! Response times are log-logistic, `m·(u/(1−u))^β`, whose percentiles are known: of 8 ms and β = 0.55, p95 is
//! `8·19^0.55` = 40.4 ms and p99 `8·99^0.55` = 100 ms. A twelfth of the run, in its middle, is six times slower and
//! fails one request in forty. The same arguments give the same files.

use std::{path::PathBuf, time::SystemTime};

use clap::Parser;
use record::{
    Budget, ErrorCounts, ErrorSample, Generator, Git, Histograms, Host, Kind, Model, ObservedKind,
    ObservedValue, Run, SCHEMA, ScenarioText, Second, SeriesRow, Stage, State, Tag, TargetInfo, TargetRow,
    Writer, new_histogram,
};

#[derive(Parser)]
struct Args {
    /// The folder to write.
    folder: PathBuf,
    /// Length of the run.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Request names.
    #[arg(long, default_value_t = 50)]
    names: usize,
    /// Requests a second once the ramp is over.
    #[arg(long, default_value_t = 1000)]
    rate: u64,
    /// Seed of the random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fail one request of each name in every second, so that every kind of line is in every second.
    #[arg(long)]
    dense: bool,
    /// Leave the record as a killed generator would.
    #[arg(long)]
    killed: bool,
}

fn main() -> Result<(), record::RecordError> {
    let args = Args::parse();
    let mut run = run(&args);
    let mut writer = Writer::create(&args.folder, &run, SystemTime::UNIX_EPOCH)?;
    let mut source = Source { random: Random(args.seed), seen: Seen::default() };
    for second in 0..args.seconds {
        let (row, samples) = source.second(&args, second);
        writer.second(row)?;
        for sample in &samples {
            writer.error(sample)?;
        }
    }
    if !args.killed {
        run.state = State::Finished;
        run.end = Some(instant(args.seconds));
        writer.finish(run)?;
    }
    Ok(())
}

fn instant(second: u64) -> String {
    format!("2026-11-21T{:02}:{:02}:{:02}Z", 9 + second / 3600, second / 60 % 60, second % 60)
}

fn run(args: &Args) -> Run {
    let budget = |request, key, value| Budget::parse(request, key, value).expect("a budget of this file");
    let observed = |name: &str, kind| ObservedValue { source: "service".into(), name: name.into(), kind };
    let (rate, ramp) = (args.rate as f64, (args.seconds / 6) as f64);
    Run {
        schema: SCHEMA.into(),
        state: State::Running,
        generator: Generator { name: "loadgen".into(), version: "0.1.0".into() },
        scenario: ScenarioText {
            name: "known-distributions".into(),
            about: "Response times of a known distribution, with a slow stretch in the middle.".into(),
            file: "known-distributions.yaml".into(),
            text: "# made by the example hour_record\n".into(),
            sha256: "0".repeat(64),
        },
        git: Some(Git { commit: "4f2c1e9a7b3d5f60112233445566778899aabbcc".into(), dirty: false }),
        seed: args.seed,
        host: Host {
            machine: String::new(),
            cpu: "Reference CPU @ 2.60 GHz".into(),
            cores: 2,
            memory_bytes: 8 << 30,
            kernel: "Linux 6.8.0".into(),
            open_files_limit: 20_000,
        },
        target: TargetInfo { base_url: "http://127.0.0.1:8080".into(), loopback: true },
        start: instant(0),
        end: None,
        model: Model::Open,
        stages: vec![
            Stage { from: 0.0, to: rate, seconds: ramp },
            Stage { from: rate, to: rate, seconds: args.seconds as f64 - ramp },
        ],
        max_users: 2_000,
        warm_up_s: args.seconds / 6,
        budgets: vec![
            budget(None, "p50", "100ms"),
            budget(None, "p95", "200ms"),
            budget(None, "p99", "1s"),
            budget(Some(&name(0)), "p95", "60ms"),
            budget(None, "error_rate", "0.5%"),
            budget(None, "cache_hit_ratio", ">= 80%"),
            budget(None, "db_p95", "50ms"),
        ],
        observed: vec![
            observed("cache_hit_ratio", ObservedKind::Ratio),
            observed("db_queries", ObservedKind::Rate),
            observed("db_p95", ObservedKind::Quantile(0.95)),
            observed("db_connections", ObservedKind::Gauge),
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

const WORDS: [&str; 5] = ["list", "read", "search", "create", "delete"];
const THINGS: [&str; 10] =
    ["tasks", "products", "users", "favourites", "orders", "tags", "notes", "files", "teams", "events"];

fn name(index: usize) -> String {
    let (word, thing) = (WORDS[index % WORDS.len()], THINGS[index / WORDS.len() % THINGS.len()]);
    match index / (WORDS.len() * THINGS.len()) {
        0 => format!("{word} {thing}"),
        more => format!("{word} {thing} {}", more + 1),
    }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn log_logistic_us(&mut self, median_us: f64, beta: f64) -> u64 {
        let u = self.unit().clamp(1e-9, 1.0 - 1e-9);
        ((median_us * (u / (1.0 - u)).powf(beta)) as u64).clamp(1, 10_000_000)
    }
}

/// Running totals, as a target exposes them.
#[derive(Default)]
struct Seen {
    hits: f64,
    reads: f64,
    queries: f64,
    under: [f64; 3],
}

struct Source {
    random: Random,
    seen: Seen,
}

impl Source {
    fn second(&mut self, args: &Args, second: u64) -> (Second, Vec<ErrorSample>) {
        let random = &mut self.random;
        let ramp = (args.seconds / 6).max(1);
        let middle = args.seconds / 2..args.seconds / 2 + (args.seconds / 12).max(1);
        let slow = middle.contains(&second);
        let due = args.rate * (second + 1).min(ramp) / ramp;
        let mut histograms = Histograms::new();
        let mut put = |request: &str, kind: Kind, us: u64| {
            let tag = Tag { request: request.to_owned(), kind };
            histograms.entry(tag).or_insert_with(new_histogram).record(us).expect("it grows");
        };
        let (mut failed, mut busy_us, mut samples) = (0, 0, Vec::new());
        for index in 0..due {
            let request = name(index as usize % args.names);
            let weight = 1.0 + (index as usize % args.names) as f64 / args.names as f64;
            let median = 8_000.0 * weight * if slow { 6.0 } else { 1.0 };
            let service = random.log_logistic_us(median, 0.55);
            let lag = random.log_logistic_us(70.0, 0.3);
            busy_us += service;
            put(&request, Kind::Lag, lag);
            let one_of_its_name = args.dense && index < args.names as u64;
            if one_of_its_name || (slow && random.unit() < 0.025) {
                failed += 1;
                put(&request, Kind::Error("status_503".into()), service);
                if second == middle.start && samples.len() < 3 {
                    samples.push(sample(second, &request, service));
                }
                continue;
            }
            put(&request, Kind::Response, service + lag);
            put(&request, Kind::Service, service);
            put(&request, Kind::FirstByte, service * 9 / 10 + 1);
            if index < 2 * args.names as u64 {
                put(&request, Kind::Connect, random.log_logistic_us(120.0, 0.2));
                put(&request, Kind::Tls, random.log_logistic_us(900.0, 0.2));
            }
        }
        let mut errors = ErrorCounts::default();
        if failed > 0 {
            errors.0.insert("status_503".into(), failed);
        }
        let in_flight = (busy_us as f64 / 1e6 * (0.9 + 0.2 * random.unit())).round() as u64;
        let row = SeriesRow {
            second,
            offered: due,
            started: due,
            completed: due - failed,
            failed,
            errors,
            in_flight,
            users: args.rate.min(2_000),
            bytes_out: due * 220,
            bytes_in: due * 1_900,
            lag_p99_us: Some(random.log_logistic_us(278.0, 0.1)),
            timer_slip_us: random.log_logistic_us(90.0, 0.3),
            cpu_cores: due as f64 * 0.000_3 + 0.02 * random.unit(),
            cpu_wait: 0.01 * random.unit(),
            memory_bytes: (48 << 20) + second * 1_024,
            open_files: 60 + in_flight,
            ..SeriesRow::default()
        };
        let target = self.seen.read(second, due as f64, slow, &mut self.random);
        (Second { row, histograms, target }, samples)
    }
}

impl Seen {
    fn read(&mut self, second: u64, due: f64, slow: bool, random: &mut Random) -> Vec<TargetRow> {
        let ratio = (if slow { 0.55 } else { 0.86 }) + 0.02 * (random.unit() - 0.5);
        let queries = due * (0.2 + 0.8 * (1.0 - ratio));
        self.reads += due * 0.8;
        self.hits += (due * 0.8 * ratio).round();
        self.queries += queries.round();
        for (total, share) in self.under.iter_mut().zip([0.80, if slow { 0.9 } else { 0.99 }, 1.0]) {
            *total += (queries * share).round();
        }
        let connections = (queries / 40.0).round();
        [
            ("cache_hit_ratio", "hits", self.hits),
            ("cache_hit_ratio", "all", self.reads),
            ("db_queries", "total", self.queries),
            ("db_p95", "le=0.01", self.under[0]),
            ("db_p95", "le=0.05", self.under[1]),
            ("db_p95", "le=+Inf", self.under[2]),
            ("db_connections", "value", connections),
        ]
        .map(|(name, component, value)| TargetRow {
            second,
            source: "service".into(),
            name: name.into(),
            component: component.into(),
            value,
        })
        .into()
    }
}

fn sample(second: u64, request: &str, response_us: u64) -> ErrorSample {
    ErrorSample {
        second,
        request: request.to_owned(),
        kind: "status_503".into(),
        detail: "expected status 200, got 503".into(),
        sent: "GET /api/v1/tasks?limit=20 HTTP/1.1\nauthorization: ***".into(),
        received:
            "HTTP/1.1 503 Service Unavailable\ncontent-type: application/problem+json\n\n{\"title\":\"busy\"}"
                .into(),
        response_us,
    }
}
