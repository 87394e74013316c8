use serde::Serialize;

use super::{Basis, points::Point};

/// What a request asks of a resource, and what that allows at most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Demand {
    /// The observed value: seconds of the resource used a second.
    pub resource: String,
    /// Seconds of it a request needs: by least squares through the origin over all points.
    pub per_request_s: f64,
    /// The highest use seen: how many of it were busy on average.
    pub busiest: f64,
    /// How many there are, where `--have` says so.
    pub have: Option<f64>,
    /// Share of them that was busy, 0..1.
    pub utilisation: Option<f64>,
    /// The most requests a second they can serve: `have / demand`; for one of it, where it is not known how many there are.
    /// Nothing where that is refused.
    pub at_most_per_s: Option<f64>,
    /// What that rests on. What a request costs at a low rate is not what it costs at a high one: a process has work that does
    /// not grow with the load, and does more at a time when there is more to do.
    pub basis: Basis,
}

/// The service demand of every observed rate of seconds (`…_seconds`: seconds of a resource used a second), the one that
/// binds first at the head.
///
/// Utilisation law `U = X·D`, so `D = ΣXU/ΣX²` over the points, and the bottleneck bound `X ≤ c/D` (Denning & Buzen,
/// *Computing Surveys* 10, 1978; Lazowska et al., *Quantitative System Performance*, 1984, ch. 3 and 5).
pub fn demands(points: &[Point], have: &[(String, f64)]) -> Vec<Demand> {
    let Some(first) = points.first() else { return Vec::new() };
    let names = first.observed.iter().map(|(name, _)| name).filter(|name| name.ends_with("_seconds"));
    let mut demands: Vec<Demand> = names.filter_map(|name| demand(points, have, name)).collect();
    let bound = |demand: &Demand| demand.have.unwrap_or(1.0) / demand.per_request_s;
    demands.sort_by(|a, b| bound(a).total_cmp(&bound(b)));
    demands
}

fn demand(points: &[Point], have: &[(String, f64)], name: &str) -> Option<Demand> {
    let used: Vec<(f64, f64)> =
        points.iter().filter_map(|point| Some((point.throughput_per_s, observed(point, name)?))).collect();
    let squares: f64 = used.iter().map(|(rate, _)| rate * rate).sum();
    let per_request_s = used.iter().map(|(rate, used)| rate * used).sum::<f64>() / squares;
    let busiest = used.iter().map(|(_, used)| *used).fold(0.0, f64::max);
    let have = have.iter().find(|(known, _)| known == name).map(|(_, count)| *count);
    let at_most_per_s = have.unwrap_or(1.0) / per_request_s;
    let ends = used.iter().map(|(rate, _)| *rate);
    let (low, high) =
        ends.fold((f64::INFINITY, 0.0_f64), |(low, high), rate| (low.min(rate), high.max(rate)));
    let mut basis = Basis::of(at_most_per_s, low, high);
    if let (Basis::Extrapolated { .. }, Some((idle, each))) = (&basis, line(&highest(&used))) {
        let by_line = (have.unwrap_or(1.0) - idle) / each;
        if (by_line / at_most_per_s - 1.0).abs() > IN_STEP {
            let shown = record::unit::show_number;
            let reason = format!(
                "its use does not grow in step with the load: in proportion it would allow {} /s, carried on from the \
                 three highest loads {} /s; measure at higher loads",
                shown(at_most_per_s),
                shown(by_line)
            );
            basis = Basis::Refused { reason };
        }
    }
    (per_request_s > 0.0).then(|| Demand {
        resource: name.to_owned(),
        per_request_s,
        busiest,
        have,
        utilisation: have.map(|have| busiest / have),
        at_most_per_s: Some(at_most_per_s).filter(|_| !matches!(basis, Basis::Refused { .. })),
        basis,
    })
}

/// How far two ways of carrying a demand on may be apart before neither is told, relative.
const IN_STEP: f64 = 0.1;

/// The three highest rates with their use.
fn highest(used: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut used = used.to_vec();
    used.sort_by(|a, b| b.0.total_cmp(&a.0));
    used.truncate(3);
    used
}

/// What is used at no load and for each request more, by least squares; nothing of fewer than two rates, or where use does not
/// grow.
fn line(used: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = used.len() as f64;
    let (x, y) = used.iter().fold((0.0, 0.0), |(x, y), (rate, used)| (x + rate / n, y + used / n));
    let across: f64 = used.iter().map(|(rate, used)| (rate - x) * (used - y)).sum();
    let along: f64 = used.iter().map(|(rate, _)| (rate - x).powi(2)).sum();
    let each = across / along;
    (each.is_finite() && each > 0.0).then_some((y - each * x, each))
}

/// An observed value of a point.
pub fn observed(point: &Point, name: &str) -> Option<f64> {
    point.observed.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_with_the_largest_demand_on_what_there_is_binds_first() {
        // Lazowska et al., §5.3: demands of 5 ms on one disk and 3 ms on a processor allow 200 and 333 a second; with four
        // processors the disk binds all the more, with eight disks the processor.
        let point = |rate: f64| Point {
            concurrency: rate / 10.0,
            throughput_per_s: rate,
            runs: 1,
            mean_s: None,
            latency_s: None,
            keeps: None,
            load: None,
            observed: vec![
                ("cpu_seconds".into(), 0.003 * rate),
                ("disk_seconds".into(), 0.005 * rate),
                ("hits".into(), 0.9),
            ],
        };
        let points = [point(20.0), point(60.0), point(100.0)];
        let found = demands(&points, &[]);
        assert_eq!(
            found.iter().map(|it| it.resource.as_str()).collect::<Vec<_>>(),
            ["disk_seconds", "cpu_seconds"]
        );
        assert!(
            (found[0].at_most_per_s.unwrap() - 200.0).abs() < 1e-9
                && found[0].basis.words() == "extrapolated (×2)"
        );
        // 333 a second is more than twice what was measured.
        assert_eq!((found[1].at_most_per_s, found[1].basis.words().as_str()), (None, "refused"));
        assert!((found[1].per_request_s - 0.003).abs() < 1e-12);
        let found = demands(&points, &[("disk_seconds".into(), 8.0)]);
        assert_eq!(found[0].resource, "cpu_seconds");
        assert!((found[1].utilisation.unwrap() - 0.5 / 8.0).abs() < 1e-12, "{found:?}");
    }
}
