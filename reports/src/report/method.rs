use record::Model;

use super::Check;
use crate::{read::Evidence, words};

/// What a reader must know before using a figure.
pub fn caveats(evidence: &Evidence, checks: &[Check]) -> Vec<String> {
    let (summary, run) = (&evidence.summary, &evidence.record.run);
    let mut caveats = run.caveats.clone();
    caveats.extend(evidence.oddities.iter().cloned());
    let broken = checks.iter().filter(|check| check.holds == Some(false));
    caveats.extend(broken.map(|check| format!("{} does not hold: {}", check.name, check.detail)));
    if run.warm_up_s == 0 {
        caveats.push(
            "There was no warm-up: cold caches, new connections and the ramp are part of every figure."
                .to_owned(),
        );
    }
    let tail_s = evidence.record.recorded_s() as f64 - run.planned_s();
    if run.planned_s() > 0.0 && tail_s > 0.0 {
        caveats.push(format!(
            "The last {} lie after the planned end: they hold only the answers to requests that were still in flight, which \
             are judged too, because leaving the slowest out would flatter the target.",
            words::length(tail_s)
        ));
    }
    if summary.dropped > 0 {
        caveats.push(format!(
            "{} dropped. Budgets rank them above every answer; the percentiles elsewhere on this page are of answers alone.",
            words::counted(summary.dropped, "arrival was", "arrivals were")
        ));
    }
    if summary.failed > 0 {
        caveats.push(
            "Failed requests are in no percentile; how long they took stands beside each kind of error."
                .to_owned(),
        );
    }
    caveats.push(
        "This is one run. An interval tells how far sampling alone can move a figure of this run; another run, another \
         hour or another machine can differ by more."
            .to_owned(),
    );
    caveats
}

/// How the figures were made.
pub fn method(evidence: &Evidence) -> Vec<String> {
    let clock = match evidence.record.run.model {
        Model::Open => {
            "Response time runs from the instant a request was due by the seeded schedule to the last byte of its body, so \
             that waiting for a busy generator or target counts; service time runs from the instant it was sent."
        }
        Model::Closed => {
            "Response time runs from the instant a request was due (by its user's pace, or when the user came to it) to \
             the last byte of its body; service time runs from the instant it was sent."
        }
    };
    [
        clock,
        "Percentiles are read off merged HDR histograms of microseconds with three significant digits; none is an average \
         of percentiles. One below the sample size that can bound it (p95: 72, p99: 368, p99.9: 3,688) is left out and \
         reads “n too small”.",
        "The 95 % interval of a percentile lies between two order statistics, by exact binomial ranks (Conover, Practical \
         Nonparametric Statistics, §3.2); that of a share is Wilson's score interval (1927). Both take requests as \
         independent; requests that wait in one queue are not quite, which makes the true interval wider.",
        "Bins over time are as narrow as nine in ten of them support p99, or p95 or p50 where the run is too thin. Start lag \
         in a bin is that of its worst second.",
        "Values observed of the target are differences of its own running totals over the same seconds.",
        "A run in which the generator was late, saturated, starved, too short or empty supports no verdict: it is invalid, \
         neither passed nor missed.",
    ]
    .map(str::to_owned)
    .into()
}
