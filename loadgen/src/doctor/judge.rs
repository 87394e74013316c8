//! Is the ruler straight? What was reported, against the truth and against the second witness.
//!
//! Noise only ever adds: a machine that is busy delays requests, threads and answers, and hastens none. So a figure below
//! the truth is the ruler's fault, whatever the machine does; one above it is the ruler's fault only if nothing else that
//! was watched had been late as well.
//!
//! A machine that stalls for milliseconds now and then makes answers late that were dictated on time. Such an answer *is*
//! late: a ruler that says so is straight. The server's own account is the witness, and it is believed only while the
//! generator was on time by its own start lag, so that a late generator cannot call itself to witness.

use record::{
    Latency,
    unit::{show_number, show_us},
};

use super::{
    behaviour::Behaviour,
    certificate::{Measured, Outcome, Point},
    trial::Trial,
    truth,
};

/// The percentiles that are judged.
pub const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];
/// The largest error that a straight ruler may have: this share of the truth …
pub const BOUND_RATIO: f64 = 0.01;
/// … or this many microseconds, whichever is more.
pub const BOUND_US: f64 = 50.0;
/// By how much the schedule may be missed, in count and in rate.
const SCHEDULE: f64 = 0.001;
/// The share by which a histogram of 3 significant digits may be below what it was told.
const RESOLUTION: f64 = 0.001;

/// Judges a trial of `behaviour` that was made with `seed`.
pub fn judge(behaviour: &Behaviour, trial: &Trial, seed: u64) -> Measured {
    let summary = &trial.summary;
    let way = trial.control.p50_us.unwrap_or(0) as f64;
    let points = points(&summary.response, &trial.truth.answered, &trial.saw.answered, way);
    let mut failures = Vec::new();
    if !trial.truth.reset.is_empty() {
        failures = self::points(&summary.error, &trial.truth.reset, &trial.saw.reset, way);
    }
    let mut bent = wrong(trial);
    let mut excused: Vec<(String, Vec<String>)> = Vec::new();
    let mut witnessed_at = Vec::new();
    for (point, what) in points.iter().map(|it| (it, "")).chain(failures.iter().map(|it| (it, "resets' "))) {
        let label = format!("{what}{}", percentile(point.quantile));
        let told = |than: &str, us: f64| {
            format!("{label} was reported as {}, {than} {}", show_us(point.reported_us), show_us(us))
        };
        if below(point) {
            bent.push(told("which is less than what was dictated,", point.computed_us));
        } else if !point.within() && witnessed(point, trial) {
            witnessed_at.push(label);
        } else if !point.within() {
            match excuse(point, trial) {
                None => bent.push(told("the truth is", point.truth_us)),
                Some(why) => match excused.iter_mut().find(|(other, _)| *other == why) {
                    Some((_, labels)) => labels.push(label),
                    None => excused.push((why, vec![label])),
                },
            }
        }
    }
    let mut disturbed = missing(trial);
    let (outcome, why) = if bent.is_empty() && excused.is_empty() {
        let note =
            format!("{}: the machine was late, and is reported as late as it was", witnessed_at.join(", "));
        (Outcome::Straight, if witnessed_at.is_empty() { Vec::new() } else { vec![note] })
    } else if !bent.is_empty() && disturbed.is_empty() {
        (Outcome::Bent, bent)
    } else {
        disturbed.extend(excused.iter().map(|(why, labels)| format!("{}: {why}", labels.join(", "))));
        (Outcome::Disturbed, disturbed.into_iter().chain(bent).collect())
    };
    Measured {
        name: behaviour.name.to_owned(),
        about: behaviour.about.to_owned(),
        outcome,
        why,
        attempts: 1,
        seed,
        n: summary.response.n,
        failed: summary.failed,
        points,
        failures,
        timing: trial.timing.clone(),
        lag: summary.lag.clone(),
        control: trial.control.clone(),
        server_late_us: trial.server_late_us,
    }
}

/// Whether less was reported than was dictated, beyond what a histogram rounds and whole microseconds cut off.
pub fn below(point: &Point) -> bool {
    point.reported_us < point.computed_us * (1.0 - RESOLUTION) - 1.0
}

/// What cannot be put down to a busy machine: answers counted wrongly, a schedule not kept.
fn wrong(trial: &Trial) -> Vec<String> {
    let summary = &trial.summary;
    let mut wrong = Vec::new();
    let mut count = |what: &str, reported: u64, there: usize| {
        if reported != there as u64 {
            wrong.push(format!("{reported} {what} were reported, there were {there}"));
        }
    };
    count("answers", summary.completed, trial.truth.answered.len());
    count("resets", summary.failed, trial.truth.reset.len());
    if let Some(timing) = &trial.timing {
        let missed = (timing.offered as f64 / timing.planned.max(1) as f64 - 1.0).abs();
        if missed > SCHEDULE {
            wrong.push(format!("{} requests were offered, {} were planned", timing.offered, timing.planned));
        }
        if timing.drift_ratio.abs() > SCHEDULE {
            wrong.push(format!("the schedule drifted by {} %", show_number(timing.drift_ratio * 100.0)));
        }
    }
    wrong
}

/// Why figures of this trial, whatever they are, cannot be compared with the truth: requests are missing, or the run
/// itself says that it measured nothing. Empty where they can.
fn missing(trial: &Trial) -> Vec<String> {
    let mut why = trial.invalid.clone();
    if trial.summary.dropped > 0 {
        why.push(format!("{} arrivals found every user busy and were dropped", trial.summary.dropped));
    }
    if trial.unsent > 0 {
        why.push(format!("{} answers could not be sent", trial.unsent));
    }
    why
}

/// Whether `point` is what the server's own account has, in a trial whose generator was on time: its start lag at the
/// 99th percentile within what the figure may be off.
fn witnessed(point: &Point, trial: &Trial) -> bool {
    let on_time = trial.summary.lag.p99_us.is_some_and(|lag_us| lag_us as f64 <= point.bound_us);
    on_time && point.is_seen()
}

/// What else was late, if anything was, when `point` was more off than a straight ruler may be.
fn excuse(point: &Point, trial: &Trial) -> Option<String> {
    let control = &trial.control;
    let way = point.truth_us - point.computed_us;
    if point.is_seen() {
        return Some(
            "so late by the server's own account too; requests came or answers left late".to_owned(),
        );
    }
    // The control asks less often: its worst stands for the 99.9th percentile.
    let held = match point.quantile {
        q if q <= 0.5 => None,
        q if q <= 0.9 => control.p90_us,
        q if q <= 0.99 => control.p99_us,
        _ => Some(control.max_us),
    };
    let held = held.map_or(0.0, |us| us as f64 - way);
    if held > point.bound_us {
        return Some("a plain client beside it was held up as well".to_owned());
    }
    let summary = &trial.summary;
    let requests = (summary.completed + summary.failed).max(1) as f64;
    let waited_us = summary.generator.cpu_wait * summary.seconds as f64 / requests * 1e6;
    if waited_us > point.bound_us / 2.0 {
        let waited = show_us(waited_us);
        return Some(format!("its threads waited {waited} a request for a processor that others had"));
    }
    None
}

fn points(reported: &Latency, computed: &[f64], seen: &[f64], way: f64) -> Vec<Point> {
    let told = |q: f64| match q {
        0.5 => reported.p50_us,
        0.9 => reported.p90_us,
        0.99 => reported.p99_us,
        _ => reported.p999_us,
    };
    let point = |q: f64| {
        let (reported_us, computed_us) = (told(q)? as f64, truth::quantile(computed, q)?);
        let truth_us = computed_us + way;
        Some(Point {
            quantile: q,
            computed_us,
            truth_us,
            seen_us: truth::quantile(seen, q).unwrap_or(0.0),
            reported_us,
            error_us: reported_us - truth_us,
            error_ratio: (reported_us - truth_us) / truth_us.max(1.0),
            bound_us: (truth_us * BOUND_RATIO).max(BOUND_US),
        })
    };
    QUANTILES.into_iter().filter_map(point).collect()
}

/// `p50`, `p99.9`.
pub fn percentile(quantile: f64) -> String {
    format!("p{}", show_number(quantile * 100.0))
}

#[cfg(test)]
mod tests;
