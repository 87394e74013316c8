use std::path::Path;

use record::{Capacity, Decision, ObservedKind};

use super::{Axis, Point, Points};
use crate::{failure::Failure, words};

/// Reads the rates of a capacity search as points: mean requests in flight against requests answered a second.
///
/// # Errors
/// `capacity.json` is damaged or of another version.
pub fn points(folder: &Path) -> Result<Points, Failure> {
    let found = Capacity::read(folder)?;
    let mut notes = vec![format!(
        "Points are the {} of a capacity search.",
        words::counted(found.rates.len() as u64, "rate", "rates")
    )];
    let limited = found.rates.iter().filter(|rate| rate.decision == Decision::Limited).count();
    if limited > 0 {
        notes.push(format!(
            "{} left out: the generator was the limit there, not the target.",
            if limited == 1 { "1 rate was".to_owned() } else { format!("{limited} rates were") }
        ));
    }
    let usable = found.rates.iter().filter(|rate| {
        rate.decision != Decision::Limited && rate.requests_per_s > 0.0 && rate.response.mean_us > 0.0
    });
    let points = usable.map(|rate| {
        let mean_s = rate.response.mean_us / 1e6;
        let values =
            rate.observed.iter().filter(|seen| matches!(seen.kind, ObservedKind::Rate | ObservedKind::Ratio));
        Point {
            concurrency: rate.requests_per_s * mean_s,
            throughput_per_s: rate.requests_per_s,
            runs: rate.trials - rate.limited,
            mean_s: Some(mean_s),
            latency_s: rate.response.p95_us.map(|us| us as f64 / 1e6),
            keeps: match rate.decision {
                Decision::Holds => Some(true),
                Decision::Breaks => Some(false),
                Decision::Open | Decision::Limited => None,
            },
            load: None,
            observed: values.filter_map(|seen| Some((seen.name.clone(), seen.value?))).collect(),
        }
    });
    Ok(Points { axis: Axis::InFlight, points: points.collect(), notes })
}
