//! The ceilings of this machine: the highest rate that stays on schedule, and the most users that one process can be.

use std::{fs, path::Path};

use record::{SeriesRow, unit::show_us};

use super::{
    certificate::{RateCeiling, UserCeiling},
    dictate::{Dictation, Rules, Service},
    load, scenario,
    server::Server,
};
use crate::{host, stop::Stop};

/// The rates of the first, coarse look, requests per second: a second each.
const FIRST: f64 = 1_000.0;
const DOUBLINGS: i32 = 7;
/// Steps between a rate that was kept and its double that was not.
const STEPS: i32 = 4;
/// How long a rate must be kept to count, seconds.
const HOLD: f64 = 2.0;
/// Rates that are tried, each a tenth lower, when the one found is not kept for that long.
const LOWER: i32 = 4;
/// Start lag that a second may have at its 99th percentile: that of a run without latency budgets.
const LAG_US: u64 = 10_000;
/// Share of its cores that the generator may use.
const BUSY: f64 = 0.9;
/// Open files beside those of users.
const OTHER_FILES: u64 = 100;
/// Idle users whose memory is measured, and the few it is compared with.
const IDLE: u64 = 4_000;
const FEW: u64 = 50;

fn at_once() -> Result<Server, Stop> {
    Ok(Server::start(Dictation::new(Rules::of(Service::Fixed(std::time::Duration::ZERO)), 1), 1)?)
}

/// Raises an open load on a server that answers at once until the generator falls behind.
///
/// # Errors
/// A run could not be made, or the user stopped the doctor.
pub fn rate(folder: &Path, cores: u64) -> Result<RateCeiling, Stop> {
    let doubled: Vec<f64> = (0..DOUBLINGS).map(|k| FIRST * 2f64.powi(k)).collect();
    let (kept, mut limit) = climb(folder, &doubled, cores)?;
    let mut rate = kept.unwrap_or(FIRST / 2.0);
    if limit.is_some() && kept.is_some() {
        // The first step is the rate that was kept already: it warms up.
        let between: Vec<f64> =
            (0..STEPS).map(|k| (rate * 2f64.powf(f64::from(k) / f64::from(STEPS))).round()).collect();
        let (finer, why) = climb(folder, &between, cores)?;
        (rate, limit) = (finer.unwrap_or(rate), why.or(limit));
    }
    for _ in 0..LOWER {
        let reported = hold(folder, rate)?;
        let Some(reason) = reported.judgement.validity.reasons.first() else {
            break;
        };
        limit = Some(reason.detail.clone());
        rate = (rate * 0.9).round();
    }
    Ok(RateCeiling { per_s: rate, limited_by: limit })
}

fn hold(folder: &Path, rate: f64) -> Result<load::Reported, Stop> {
    let server = at_once()?;
    load::run(folder, "rate", &scenario::steps("rate", &[(rate, HOLD)], server.address), 1)
}

/// A run of `rates`, a second each: the highest before the first that was not kept, and why that was not.
fn climb(folder: &Path, rates: &[f64], cores: u64) -> Result<(Option<f64>, Option<String>), Stop> {
    let server = at_once()?;
    let steps: Vec<(f64, f64)> = rates.iter().map(|rate| (*rate, 1.0)).collect();
    let reported = load::run(folder, "rate", &scenario::steps("rate", &steps, server.address), 1)?;
    Ok(highest(rates, &reported.record.series, cores))
}

fn highest(rates: &[f64], series: &[SeriesRow], cores: u64) -> (Option<f64>, Option<String>) {
    let mut kept = None;
    for (second, rate) in (0..).zip(rates) {
        let row = series.iter().find(|row| row.second == second);
        match row.map_or_else(|| Some("the run ended early".to_owned()), |row| fell_behind(row, *rate, cores))
        {
            None => kept = Some(*rate),
            Some(why) => return (kept, Some(why)),
        }
    }
    (kept, None)
}

/// What was wrong in a second in which `rate` requests were due, if anything was.
fn fell_behind(row: &SeriesRow, rate: f64, cores: u64) -> Option<String> {
    let at = |what: String| Some(format!("at {} requests/s {what}", record::unit::show_count(rate as i64)));
    if row.dropped > 0 {
        return at(format!("{} arrivals were dropped", row.dropped));
    }
    // A second's last requests may be begun in the next.
    if (row.started as f64) < 0.99 * rate {
        return at(format!("only {} were begun in a second", record::unit::show_count(row.started as i64)));
    }
    if row.cpu_cores >= BUSY * cores as f64 {
        return at(format!(
            "the generator used {} of {cores} cores",
            record::unit::show_number(row.cpu_cores)
        ));
    }
    match row.lag_p99_us {
        Some(lag) if lag > LAG_US => at(format!("1 % of them began more than {} late", show_us(lag as f64))),
        _ => None,
    }
}

/// How many users one process can be, by its open files, by ports, and by the memory that each takes: measured with some
/// thousands that are connected and do nothing.
///
/// # Errors
/// A run could not be made, or the user stopped the doctor.
pub fn users(folder: &Path, files: u64) -> Result<UserCeiling, Stop> {
    let by_files = files.saturating_sub(OTHER_FILES);
    let many = IDLE.min(by_files / 2).max(2 * FEW);
    let server = at_once()?;
    let text = scenario::idle("users", FEW, many, server.address);
    let reported = load::run(folder, "users", &text, 1)?;
    let series = &reported.record.series;
    let highest = |part: fn(&SeriesRow) -> u64, few: bool| {
        let rows = series.iter().filter(|row| (row.users <= FEW) == few);
        rows.map(part).max().unwrap_or(0)
    };
    let more_users = highest(|row| row.users, false).saturating_sub(highest(|row| row.users, true));
    let more_bytes =
        highest(|row| row.memory_bytes, false).saturating_sub(highest(|row| row.memory_bytes, true));
    if more_users == 0 || more_bytes == 0 {
        return Err(Stop::Internal(format!("{many} idle users did not come: {} did", more_users)));
    }
    let bytes_per_user = more_bytes as f64 / more_users as f64;
    let by_memory = (host::memory_available() as f64 / bytes_per_user) as u64;
    let by_ports = ports();
    let ends = [(by_files, "open files"), (by_ports, "ports"), (by_memory, "memory")];
    let (users, what) = ends.into_iter().min_by_key(|(users, _)| *users).expect("there are three");
    Ok(UserCeiling {
        users,
        limited_by: what.to_owned(),
        by_files,
        by_ports,
        by_memory,
        bytes_per_user,
        measured_with: more_users + highest(|row| row.users, true),
    })
}

/// Ports that connections from one address to one other can have (`ip(7)`, `ip_local_port_range`).
fn ports() -> u64 {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = text.split_whitespace().filter_map(|end| end.parse::<u64>().ok());
    match (ends.next(), ends.next()) {
        (Some(from), Some(to)) if to >= from => to - from + 1,
        // What IANA sets aside for it, where the system does not say.
        _ => 65_535 - 49_152 + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(second: u64, started: u64, lag_us: u64) -> SeriesRow {
        SeriesRow {
            second,
            offered: started,
            started,
            lag_p99_us: Some(lag_us),
            cpu_cores: 0.5,
            ..SeriesRow::default()
        }
    }

    #[test]
    fn the_highest_rate_is_the_last_before_the_first_that_was_not_kept() {
        let rates = [1_000.0, 2_000.0, 4_000.0, 8_000.0];
        let kept = [row(0, 1_000, 200), row(1, 1_999, 300), row(2, 4_001, 400), row(3, 8_000, 900)];
        assert_eq!(highest(&rates, &kept, 2), (Some(8_000.0), None));

        let late = [row(0, 1_000, 200), row(1, 2_000, 300), row(2, 4_000, 50_000), row(3, 8_000, 200)];
        let (rate, why) = highest(&rates, &late, 2);
        assert_eq!(rate, Some(2_000.0));
        assert!(why.unwrap().contains("4,000 requests/s"));

        let busy = SeriesRow { cpu_cores: 1.9, ..row(0, 1_000, 200) };
        assert_eq!(highest(&rates, &[busy], 2).0, None);
        assert_eq!(highest(&rates, &kept[..3], 2).0, Some(4_000.0));
        assert!(fell_behind(&SeriesRow { dropped: 3, ..row(0, 1_000, 200) }, 1_000.0, 2).is_some());
        assert!(fell_behind(&row(0, 900, 200), 1_000.0, 2).is_some());
    }
}
