//! The certificate: what was proven about the generator on this machine, kept where `loadgen run` finds it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use record::{Host, Latency};
use serde::{Deserialize, Serialize};

use super::judge;
use crate::stop::Stop;

/// The schema name; the number after the slash changes when a reader would misread.
pub const SCHEMA: &str = "headroom.certificate/1";
/// Days after which a certificate is old: kernels, clouds and neighbours change.
const DAYS: i64 = 30;

/// What `loadgen doctor` found. Times are microseconds unless a name says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// When it was made, RFC 3339 UTC.
    pub date: String,
    /// Version of the program.
    pub loadgen: String,
    /// The machine.
    pub host: Host,
    /// Every behaviour was measured straight.
    pub passed: bool,
    /// The worst outcome of any behaviour.
    pub outcome: Outcome,
    /// The outcome in a sentence.
    pub sentence: String,
    /// How far off a figure may be, as a share of the truth.
    pub bound_ratio: f64,
    /// And how far in any case.
    pub bound_us: f64,
    /// Whether every behaviour was tried.
    pub complete: bool,
    /// What was measured.
    pub behaviours: Vec<Measured>,
    /// Response time of an answer that takes no time, as the load generator reports it and as a plain client sees it.
    pub overhead: Option<Overhead>,
    /// The highest rate that this machine keeps on schedule.
    pub rate: Option<RateCeiling>,
    /// The most users that one process can be.
    pub users: Option<UserCeiling>,
}

/// Whether the ruler is straight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Within the bound of the truth; where the machine was late, of what the server's own account has.
    Straight,
    /// The machine was too noisy to tell.
    Disturbed,
    /// Off, and nothing else was.
    Bent,
}

/// One behaviour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Whether it was measured straight.
    pub outcome: Outcome,
    /// What stands against that, or what the machine did, a sentence each.
    pub why: Vec<String>,
    /// Trials made; a disturbed one is repeated.
    pub attempts: u32,
    /// Seed of arrivals and service times.
    pub seed: u64,
    /// Answers reported.
    pub n: u64,
    /// Failures reported.
    pub failed: u64,
    /// Percentiles of the response time.
    pub points: Vec<Point>,
    /// Percentiles of the time to a reset, where requests were reset.
    pub failures: Vec<Point>,
    /// How the schedule was kept (open model).
    pub timing: Option<Timing>,
    /// Start lag as reported.
    pub lag: Latency,
    /// What a plain client beside it saw of answers that take no time.
    pub control: Latency,
    /// How late the server sent its answers, 99.9th percentile.
    pub server_late_us: f64,
}

impl Measured {
    /// Whether any percentile was reported smaller than what was dictated.
    pub fn is_below(&self) -> bool {
        self.points.iter().chain(&self.failures).any(judge::below)
    }

    /// The largest error of any percentile, in units of what a straight ruler may have.
    pub fn worst(&self) -> f64 {
        let all = self.points.iter().chain(&self.failures);
        all.map(|point| point.error_us.abs() / point.bound_us).fold(0.0, f64::max)
    }
}

/// A percentile: reported and true.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Which, 0..1.
    pub quantile: f64,
    /// Computed from the schedule and what was dictated to the server.
    pub computed_us: f64,
    /// The truth for a client: computed, and the way there and back as a plain client sees it (its median).
    pub truth_us: f64,
    /// What the server itself saw, due → answer sent.
    pub seen_us: f64,
    /// What the run reported.
    pub reported_us: f64,
    /// Reported − truth.
    pub error_us: f64,
    /// The same as a share of the truth.
    pub error_ratio: f64,
    /// How far off it may be.
    pub bound_us: f64,
}

impl Point {
    /// Whether it is within its bound.
    pub fn within(&self) -> bool {
        self.error_us.abs() <= self.bound_us
    }

    /// Whether the server's own account has it so, within the bound.
    pub fn is_seen(&self) -> bool {
        let way_us = self.truth_us - self.computed_us;
        (self.reported_us - way_us - self.seen_us).abs() <= self.bound_us
    }
}

/// How the schedule of an open run was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Requests of the seeded schedule.
    pub planned: u64,
    /// Requests that the run says it offered.
    pub offered: u64,
    /// Requests that the server saw.
    pub came: u64,
    /// By which share of time the load came too slowly; below 0: too fast.
    pub drift_ratio: f64,
    /// How much later than its due instant the k-th request came, less the quickest request's way, median.
    pub late_p50_us: f64,
    /// The same, 99th percentile.
    pub late_p99_us: f64,
    /// The same, worst.
    pub late_max_us: f64,
}

/// Response time of an answer that takes no time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overhead {
    /// As the load generator reports it: due → last byte.
    pub loadgen: Latency,
    /// As a plain client, one thread and one connection, sees it at the same time.
    pub plain: Latency,
    /// The load generator's start lag in it.
    pub lag: Latency,
}

/// The highest rate at which runs are valid, with the target on the same machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateCeiling {
    /// Requests per second.
    pub per_s: f64,
    /// Why not more; nothing where the highest rate tried was kept.
    pub limited_by: Option<String>,
}

/// The most users of one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserCeiling {
    /// How many.
    pub users: u64,
    /// `open files`, `ports` or `memory`: what ends first.
    pub limited_by: String,
    /// Users that the open files allow.
    pub by_files: u64,
    /// Connections that the ports of one source address allow to one target address.
    pub by_ports: u64,
    /// Users that fit into the memory that is free now.
    pub by_memory: u64,
    /// Memory that a connected user takes, bytes.
    pub bytes_per_user: f64,
    /// Idle users that were connected to find that out.
    pub measured_with: u64,
}

impl Certificate {
    /// The judged percentile that comes nearest to its bound, or lies furthest beyond it.
    pub fn worst(&self) -> Option<(&Measured, Point)> {
        let all = self.behaviours.iter().flat_map(|measured| {
            measured.points.iter().chain(&measured.failures).map(move |point| (measured, *point))
        });
        let share = |point: &Point| point.error_us.abs() / point.bound_us;
        all.max_by(|a, b| share(&a.1).total_cmp(&share(&b.1)))
    }

    /// Whether it is worth keeping: everything was tried, and the machine let it be told.
    pub fn is_proof(&self) -> bool {
        self.complete && self.outcome != Outcome::Disturbed
    }

    /// Writes it to `path`, whole or not at all.
    ///
    /// # Errors
    /// The file or its folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Stop> {
        let failed = |error: std::io::Error| Stop::Usage(format!("{}: {error}", path.display()));
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let text = serde_json::to_string_pretty(self).map_err(|error| Stop::Internal(error.to_string()))?;
        let beside = path.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&beside, text + "\n").and_then(|()| fs::rename(&beside, path)).map_err(failed)
    }

    /// What a run's record says of it, on `host`, with this program, at `now`.
    pub fn quote(&self, host: &Host, now: DateTime<Utc>) -> record::Certificate {
        // Not its name: what measures is the processor and the kernel.
        let fingerprint = |host: &Host| (host.cpu.clone(), host.cores, host.kernel.clone());
        let same_host = fingerprint(&self.host) == fingerprint(host);
        let mut caveats = Vec::new();
        if !same_host {
            caveats.push("it was made on another machine".to_owned());
        }
        if self.loadgen != env!("CARGO_PKG_VERSION") {
            caveats.push(format!("it was made with loadgen {}", self.loadgen));
        }
        let age = DateTime::parse_from_rfc3339(&self.date).map(|date| (now - date.to_utc()).num_days());
        match age {
            Ok(days) if days > DAYS => caveats.push(format!("it is {days} days old")),
            Ok(_) => {}
            Err(_) => caveats.push("its date cannot be read".to_owned()),
        }
        record::Certificate {
            date: self.date.clone(),
            loadgen: self.loadgen.clone(),
            passed: self.passed,
            sentence: self.sentence.clone(),
            worst: self.worst().map(|(measured, point)| record::WorstError {
                behaviour: measured.name.clone(),
                quantile: point.quantile,
                error_us: point.error_us,
                error_ratio: point.error_ratio,
            }),
            rate_ceiling_per_s: self.rate.as_ref().map(|rate| rate.per_s),
            user_ceiling: self.users.as_ref().map(|users| users.users),
            same_host,
            caveats,
        }
    }
}

/// Where the newest certificate of this user is kept: `$XDG_STATE_HOME/headroom/certificate.json`, by default under
/// `~/.local/state` (XDG Base Directory Specification 0.8). Nothing where there is no home.
pub fn kept_at() -> Option<PathBuf> {
    // The specification has relative paths ignored.
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("headroom/certificate.json"))
}

/// What the kept certificate says, for the record of a run that begins on `host` at `now`. Nothing where there is none;
/// one that cannot be read counts as none.
pub fn quoted(host: &Host, now: DateTime<Utc>) -> Option<record::Certificate> {
    let text = fs::read_to_string(kept_at()?).ok()?;
    let certificate: Certificate = serde_json::from_str(&text).ok()?;
    (certificate.schema == SCHEMA).then(|| certificate.quote(host, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        Host {
            machine: String::new(),
            cpu: "a processor".into(),
            cores: 2,
            memory_bytes: 1 << 33,
            kernel: "Linux 6.8".into(),
            open_files_limit: 20_000,
        }
    }

    fn measured(name: &str, error_us: f64, truth_us: f64) -> Measured {
        let point = Point {
            quantile: 0.99,
            computed_us: truth_us - 120.0,
            truth_us,
            seen_us: truth_us,
            reported_us: truth_us + error_us,
            error_us,
            error_ratio: error_us / truth_us,
            bound_us: (truth_us * judge::BOUND_RATIO).max(judge::BOUND_US),
        };
        Measured {
            name: name.into(),
            about: String::new(),
            outcome: Outcome::Straight,
            why: Vec::new(),
            attempts: 1,
            seed: 1,
            n: 4_000,
            failed: 0,
            points: vec![point],
            failures: Vec::new(),
            timing: None,
            lag: Latency::default(),
            control: Latency::default(),
            server_late_us: 0.0,
        }
    }

    fn certificate() -> Certificate {
        Certificate {
            schema: SCHEMA.into(),
            date: "2026-11-01T10:00:00Z".into(),
            loadgen: env!("CARGO_PKG_VERSION").into(),
            host: host(),
            passed: true,
            outcome: Outcome::Straight,
            sentence: "straight".into(),
            bound_ratio: judge::BOUND_RATIO,
            bound_us: judge::BOUND_US,
            complete: true,
            behaviours: vec![measured("slow", 900.0, 200_000.0), measured("quick", 80.0, 10_000.0)],
            overhead: None,
            rate: Some(RateCeiling { per_s: 20_000.0, limited_by: None }),
            users: None,
        }
    }

    fn on(day: &str) -> DateTime<Utc> {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    #[test]
    fn a_quote_names_the_error_nearest_to_its_bound() {
        let quote = certificate().quote(&host(), on("2026-11-02"));
        // 80 of 100 µs are worse than 900 of 2,000.
        assert_eq!(quote.worst.unwrap().behaviour, "quick");
        assert_eq!((quote.same_host, quote.passed, quote.rate_ceiling_per_s), (true, true, Some(20_000.0)));
        assert!(quote.caveats.is_empty(), "{:?}", quote.caveats);
    }

    #[test]
    fn a_quote_says_when_the_certificate_is_old_or_of_another_machine_or_version() {
        let caveats = |certificate: &Certificate, host: &Host, day| certificate.quote(host, on(day)).caveats;
        let fine = certificate();
        assert_eq!(caveats(&fine, &host(), "2026-12-01"), Vec::<String>::new());
        assert_eq!(caveats(&fine, &host(), "2026-12-03"), ["it is 32 days old"]);
        let updated = Host { kernel: "Linux 6.9".into(), ..host() };
        assert!(!fine.quote(&updated, on("2026-11-02")).same_host);
        assert_eq!(caveats(&fine, &updated, "2026-11-02"), ["it was made on another machine"]);
        let older = Certificate { loadgen: "0.0.1".into(), date: "yesterday".into(), ..certificate() };
        let both = ["it was made with loadgen 0.0.1", "its date cannot be read"];
        assert_eq!(caveats(&older, &host(), "2026-11-02"), both);
    }

    #[test]
    fn what_is_written_is_read_back_and_only_what_proves_something_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/certificate.json");
        certificate().write(&file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(serde_json::from_str::<Certificate>(&text).unwrap(), certificate());
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1, "nothing beside it");

        let with = |outcome, complete| Certificate { outcome, complete, ..certificate() }.is_proof();
        assert!(with(Outcome::Straight, true) && with(Outcome::Bent, true));
        assert!(!with(Outcome::Disturbed, true) && !with(Outcome::Straight, false));
    }
}
