//! One trial of one behaviour: the known server, the control and a real run side by side, and what came of it.

use std::{path::Path, time::Duration};

use record::{Latency, Summary};

use super::{
    behaviour::{Behaviour, Load},
    certificate::Timing,
    control::Control,
    dictate::Dictation,
    load, scenario,
    server::{Seen, Server},
    truth::{self, Responses, us},
};
use crate::{arrival::Schedule, stop::Stop};

/// What came of a trial.
#[derive(Debug)]
pub struct Trial {
    /// What the load generator reported.
    pub summary: Summary,
    /// Why it says itself that its run was invalid; empty when it was not.
    pub invalid: Vec<String>,
    /// What was dictated: computed.
    pub truth: Responses,
    /// What the server saw: the second witness.
    pub saw: Responses,
    /// Answers that the server could not send.
    pub unsent: usize,
    /// What a plain client saw of an answer that takes no time.
    pub control: Latency,
    /// How much later than dictated the server sent its answers, at the 99.9th percentile, microseconds.
    pub server_late_us: f64,
    /// Open model: how the schedule was kept.
    pub timing: Option<Timing>,
}

/// Tries `behaviour` for `seconds` with `seed`; its files go to `folder`.
///
/// # Errors
/// No socket, thread or process can be had, or the user stopped the doctor.
pub fn trial(behaviour: &Behaviour, seconds: f64, seed: u64, folder: &Path) -> Result<Trial, Stop> {
    let rules = behaviour.rules;
    let server = Server::start(Dictation::new(rules, seed), rules.pieces)?;
    let control = Control::start(server.address)?;
    let text = scenario::of(behaviour.name, behaviour.load, seconds, server.address);
    let reported = load::run(folder, behaviour.name, &text, seed)?;
    let control = control.stop()?;
    let seen = server.stop();
    let (truth, saw, timing) = match behaviour.load {
        Load::Open { process, rate } => {
            let schedule: Vec<_> = Schedule::new(&scenario::stages(rate, seconds), process, seed).collect();
            let zero = truth::second_zero(&seen, &schedule).unwrap_or_default();
            let timing = timing(&reported.summary, &seen, &schedule, zero);
            let truth = truth::open(&schedule, zero, Dictation::new(rules, seed));
            (truth, truth::seen_open(&seen, &schedule, zero), Some(timing))
        }
        Load::Closed { pacing, .. } => {
            (truth::closed(&seen, pacing, &rules), truth::seen_closed(&seen, pacing, &rules), None)
        }
    };
    let mut late: Vec<_> = seen.iter().filter_map(|one| Some(us(one.written?, one.fate.end))).collect();
    late.sort_by(f64::total_cmp);
    let unsent = seen.iter().filter(|one| one.written.is_none()).count();
    let server_late_us = truth::quantile(&late, 0.999).unwrap_or(0.0);
    let invalid = reported.judgement.validity.reasons.into_iter().map(|reason| reason.detail).collect();
    Ok(Trial { summary: reported.summary, invalid, truth, saw, unsent, control, server_late_us, timing })
}

fn timing(summary: &Summary, seen: &[Seen], schedule: &[Duration], zero: Duration) -> Timing {
    let late: Vec<f64> = seen.iter().zip(schedule).map(|(one, due)| us(one.arrival, zero + *due)).collect();
    let mut sorted = late.clone();
    sorted.sort_by(f64::total_cmp);
    let at = |q| truth::quantile(&sorted, q).unwrap_or(0.0);
    Timing {
        planned: schedule.len() as u64,
        offered: summary.offered,
        came: seen.len() as u64,
        drift_ratio: drift(&late, schedule),
        late_p50_us: at(0.5),
        late_p99_us: at(0.99),
        late_max_us: at(1.0),
    }
}

/// How much slower than planned the load came, as a share of time: how far the least lateness of the last tenth of the
/// requests lies above that of the first, over the time between them. The least, because noise only adds: a machine that
/// was busy for a moment says nothing about the clock.
fn drift(late_us: &[f64], schedule: &[Duration]) -> f64 {
    let count = late_us.len().min(schedule.len());
    let tenth = count / 10;
    if tenth == 0 {
        return 0.0;
    }
    let least = |part: &[f64]| part.iter().copied().fold(f64::INFINITY, f64::min);
    let grew = least(&late_us[count - tenth..count]) - least(&late_us[..tenth]);
    let between = us(schedule[count - tenth / 2 - 1], schedule[tenth / 2]);
    if between > 0.0 { grew / between } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_clock_shows_as_drift_and_a_busy_moment_does_not() {
        let schedule: Vec<_> = (0..1000).map(|k| Duration::from_millis(5 * k)).collect();
        let slow: Vec<f64> = schedule.iter().map(|due| 80.0 + due.as_secs_f64() * 1e6 * 0.002).collect();
        assert!((drift(&slow, &schedule) - 0.002).abs() < 2e-5, "{}", drift(&slow, &schedule));
        let busy: Vec<f64> =
            (0..1000).map(|k| if (905..995).contains(&k) { 9_000.0 } else { 80.0 }).collect();
        assert_eq!(drift(&busy, &schedule), 0.0);
        assert_eq!(drift(&[80.0; 5], &schedule), 0.0);
    }
}
