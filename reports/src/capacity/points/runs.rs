use std::path::PathBuf;

use record::{Exit, Kind, Model, ObservedKind, Verdict};

use super::{Axis, Point, Points};
use crate::{
    failure::Failure,
    read::Evidence,
    report::{merged, quantile_interval},
};

/// Reads run records as points, one a record.
///
/// # Errors
/// A record is damaged; users of one model and arrivals of another; none is left that supports a figure.
pub fn points(folders: &[PathBuf]) -> Result<Points, Failure> {
    let (mut points, mut notes, mut axis) = (Vec::new(), Vec::new(), None);
    for folder in folders {
        let evidence = Evidence::open(folder)?;
        let here = match evidence.record.run.model {
            Model::Closed => Axis::Users,
            Model::Open => Axis::InFlight,
        };
        if axis.replace(here).is_some_and(|before| before != here) {
            return Err(Failure::usage(format!(
                "{}: this run and those before it are of an open and a closed model; their concurrency is not the same thing",
                folder.display()
            )));
        }
        match point(&evidence, here) {
            Ok(point) => points.push(point),
            Err(why) => notes.push(format!("{} was left out: {why}.", folder.display())),
        }
    }
    if points.is_empty() {
        let message = format!("none of the {} records can be a point. {}", folders.len(), notes.join(" "));
        return Err(Failure { exit: Exit::Invalid, message });
    }
    Ok(Points { axis: axis.unwrap_or(Axis::Given), points, notes })
}

fn point(evidence: &Evidence, axis: Axis) -> Result<Point, String> {
    let (run, summary) = (&evidence.record.run, &evidence.summary);
    match evidence.judgement.verdict {
        Verdict::Invalid | Verdict::NoData | Verdict::Interrupted => {
            return Err(evidence.judgement.sentence.trim_end_matches('.').to_owned());
        }
        Verdict::Pass | Verdict::Missed | Verdict::Regression => {}
    }
    if !evidence.one_load() {
        return Err("its load changes after the warm-up, and a point is of one load".to_owned());
    }
    let mean_s = summary.response.mean_us / 1e6;
    let all = merged(&evidence.totals, |kind| *kind == Kind::Response);
    let upper = quantile_interval(&all, summary.dropped, 0.95).and_then(|interval| interval.high);
    let observed =
        summary.observed.iter().filter(|seen| matches!(seen.kind, ObservedKind::Rate | ObservedKind::Ratio));
    Ok(Point {
        concurrency: match axis {
            Axis::Users => summary.peak_users as f64,
            Axis::InFlight | Axis::Given => summary.throughput_per_s * mean_s,
        },
        throughput_per_s: summary.throughput_per_s,
        runs: 1,
        mean_s: Some(mean_s),
        latency_s: upper.map(|us| us / 1e6),
        keeps: (!run.budgets.is_empty()).then_some(evidence.judgement.verdict == Verdict::Pass),
        load: run.stages.last().map(|stage| stage.to),
        observed: observed.filter_map(|seen| Some((seen.name.clone(), seen.value?))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    #[test]
    fn a_run_at_one_load_is_a_point_and_others_are_left_out_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, fixture: Fixture| {
            fixture.write(&folder.path().join(name));
            folder.path().join(name)
        };
        let steady = Fixture { warm_up_s: 10, budgets: vec![(None, "p95", "1s")], ..Fixture::default() };
        let good = at("good", steady.clone());
        let ramp = at("ramp", Fixture { warm_up_s: 4, ..steady.clone() });
        let killed = at("killed", Fixture { state: record::State::Running, ..steady });
        let found = points(&[good, ramp.clone(), killed.clone()]).unwrap();
        assert_eq!((found.points.len(), found.axis, found.notes.len()), (1, Axis::InFlight, 2));
        let point = &found.points[0];
        assert_eq!((point.throughput_per_s, point.keeps), (100.0, Some(true)));
        assert!((point.concurrency - 100.0 * point.mean_s.unwrap()).abs() < 1e-9);
        assert!(
            found.notes[0].contains("ramp was left out: its load changes after the warm-up"),
            "{:?}",
            found.notes
        );
        // The rate that was set makes them one point, though their concurrency differs a little.
        let slower = at("slower", Fixture { slower: 1.1, warm_up_s: 10, ..Fixture::default() });
        let again = super::super::points(&[folder.path().join("good"), slower], None).unwrap();
        assert_eq!((again.points.len(), again.points[0].runs), (1, 2));
        let failure = points(&[ramp, killed]).unwrap_err();
        assert_eq!(failure.exit, Exit::Invalid);
    }
}
