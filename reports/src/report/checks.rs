use record::{
    Kind, Model,
    unit::{show_count, show_number, show_ratio, show_us},
};
use serde::Serialize;

use super::{Timeline, merged};
use crate::{
    read::Evidence,
    stats::{self, Steady},
};

/// Two figures of the record that must agree, and whether they do.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What is held against what.
    pub name: &'static str,
    /// Whether they agree; nothing when the run cannot say.
    pub holds: Option<bool>,
    /// The figures, in a sentence.
    pub detail: String,
}

/// Share of the schedule that must have been begun for offered and achieved to agree; the record's own rule.
const DELIVERED: f64 = 0.999;
/// Share by which the answers counted and the answers timed may differ.
const COUNTS_DIFFER: f64 = 0.001;

/// Every check of consistency.
pub fn checks(evidence: &Evidence, timeline: &Timeline) -> Vec<Check> {
    vec![offered(evidence), little(evidence), counts(evidence, timeline), steady(evidence, timeline)]
}

fn offered(evidence: &Evidence) -> Check {
    let summary = &evidence.summary;
    let name = "Offered against achieved";
    if evidence.record.run.model == Model::Closed {
        let detail = "A closed model has no schedule: users begin when their last answer is in.".to_owned();
        return Check { name, holds: None, detail };
    }
    let share = summary.started as f64 / summary.offered.max(1) as f64;
    let detail = format!(
        "{} of {} scheduled iterations were begun ({}), {} dropped because every user was busy.",
        show_count(summary.started as i64),
        show_count(summary.offered as i64),
        show_ratio(share),
        show_count(summary.dropped as i64)
    );
    Check { name, holds: (summary.offered > 0).then_some(share >= DELIVERED), detail }
}

fn little(evidence: &Evidence) -> Check {
    let (summary, window) = (&evidence.summary, evidence.record.judged());
    let name = "Little's law";
    let in_flight: Vec<u64> = evidence
        .record
        .series
        .iter()
        .filter(|row| window.contains(row.second))
        .map(|row| row.in_flight)
        .collect();
    let service = merged(&evidence.totals, |kind| *kind == Kind::Service);
    let error = merged(&evidence.totals, |kind| matches!(kind, Kind::Error(_)));
    let ended = (service.len() + error.len()) as f64;
    let busy_s = (service.mean() * service.len() as f64 + error.mean() * error.len() as f64) / 1e6;
    let rate = ended / summary.seconds.max(1) as f64;
    let law = stats::little(&in_flight, rate, busy_s / ended.max(1.0)).filter(|_| ended > 0.0);
    let detail = match law {
        None => "Too short to say: the counts in flight are read once a second.".to_owned(),
        Some(law) => format!(
            "{} requests were in flight on average; {} a second, each {} in flight, make {} (within {} is agreement).",
            show_number(law.seen),
            show_number(rate),
            show_us(busy_s / ended * 1e6),
            show_number(law.expected),
            show_number(law.tolerance)
        ),
    };
    Check { name, holds: law.map(|law| law.holds()), detail }
}

fn counts(evidence: &Evidence, timeline: &Timeline) -> Check {
    let counted: u64 = evidence.record.series.iter().map(|row| row.completed).sum();
    let timed: u64 = timeline.bins.iter().map(|bin| bin.response.n).sum();
    let apart = counted.abs_diff(timed) as f64 / counted.max(1) as f64;
    let detail = format!(
        "{} answers were counted and {} were timed, warm-up included.",
        show_count(counted as i64),
        show_count(timed as i64)
    );
    Check { name: "Counted against timed", holds: Some(apart <= COUNTS_DIFFER), detail }
}

fn steady(evidence: &Evidence, timeline: &Timeline) -> Check {
    let name = "Steady state";
    let say = |holds, detail: String| Check { name, holds, detail };
    if !evidence.one_load() {
        return say(
            None,
            "The load changes after the warm-up, so there is no one state to be in.".to_owned(),
        );
    }
    match stats::mser5(&timeline.means_us) {
        Steady::TooShort => say(
            None,
            format!(
                "Too short to say: it takes {} judged seconds with answers, and there are {}.",
                stats::MIN_STEADY,
                timeline.means_us.len()
            ),
        ),
        Steady::From(0) => {
            say(Some(true), "Mean response time had come to rest when the warm-up ended (MSER-5).".to_owned())
        }
        Steady::From(second) => say(
            Some(true),
            format!(
                "Mean response time had come to rest {second} of {} judged seconds after the warm-up (MSER-5); a warm-up \
                 longer by as much would leave the rest out.",
                timeline.means_us.len()
            ),
        ),
        Steady::Never => say(
            Some(false),
            format!(
                "Mean response time did not come to rest within the first half of the {} judged seconds (MSER-5): it drifts, \
                 and the same run a minute longer would give other percentiles.",
                timeline.means_us.len()
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture::Fixture, report::timeline::timeline};

    fn check(fixture: &Fixture) -> Check {
        let folder = tempfile::tempdir().unwrap();
        fixture.write(folder.path());
        let evidence = Evidence::open(folder.path()).unwrap();
        steady(&evidence, &timeline(&evidence).unwrap().0)
    }

    #[test]
    fn a_run_that_slows_down_from_second_to_second_has_no_steady_state() {
        // The fixture's answers take 10 µs longer each second; the load is even from the middle of the run on.
        let found = check(&Fixture { seconds: 140, warm_up_s: 70, ..Fixture::default() });
        assert_eq!(found.holds, Some(false), "{found:?}");
        assert!(found.detail.contains("it drifts"), "{found:?}");
    }

    #[test]
    fn a_short_run_and_one_whose_load_changes_say_nothing_of_it() {
        let found = check(&Fixture { warm_up_s: 10, ..Fixture::default() });
        assert_eq!((found.holds, found.detail.contains("there are 10")), (None, true), "{found:?}");
        let found = check(&Fixture::default());
        assert_eq!((found.holds, found.detail.contains("load changes")), (None, true), "{found:?}");
    }
}
