use serde::Serialize;

use super::{Basis, points::Point};

/// The highest load that keeps its limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Knee {
    /// The highest measured load up to which every one keeps the limit.
    pub concurrency: f64,
    /// Its throughput, per second.
    pub throughput_per_s: f64,
    /// The next load measured, which breaks the limit or leaves it open; nothing if none was higher.
    pub next_concurrency: Option<f64>,
    /// What it rests on.
    pub basis: Basis,
}

/// The knee of `points`, in order of load; nothing where the first already breaks its limit, or none has one.
pub fn knee(points: &[Point]) -> Option<Knee> {
    let kept = points.iter().take_while(|point| point.keeps == Some(true)).count();
    let last = points[..kept].last()?;
    Some(Knee {
        concurrency: last.concurrency,
        throughput_per_s: last.throughput_per_s,
        next_concurrency: points.get(kept).map(|point| point.concurrency),
        basis: Basis::Measured,
    })
}

/// Where throughput bends most, as a load: the point farthest above the line from the first to the highest, both axes
/// scaled to 0..1 (Satopää et al., *Finding a “Kneedle” in a Haystack*, 2011, without smoothing). Advice only: it knows no
/// limit and no interval. Nothing where no point lies above the line.
pub fn bend(pairs: &[(f64, f64)]) -> Option<f64> {
    let (first, last) = (pairs.first()?, pairs.iter().max_by(|a, b| a.1.total_cmp(&b.1))?);
    let above = |(n, x): &(f64, f64)| (x - first.1) / (last.1 - first.1) - (n - first.0) / (last.0 - first.0);
    let rising = pairs.iter().filter(|(n, _)| first.0 < *n && *n < last.0);
    let farthest = rising.max_by(|a, b| above(a).total_cmp(&above(b)))?;
    (above(farthest) > 0.0).then_some(farthest.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(concurrency: f64, keeps: Option<bool>) -> Point {
        let throughput_per_s = 10.0 * concurrency;
        Point {
            concurrency,
            throughput_per_s,
            runs: 1,
            mean_s: None,
            latency_s: None,
            keeps,
            load: None,
            observed: Vec::new(),
        }
    }

    #[test]
    fn the_knee_is_the_last_before_the_first_that_does_not_keep_the_limit() {
        let points =
            [(1.0, Some(true)), (2.0, Some(true)), (4.0, None), (8.0, Some(true))].map(|(n, k)| point(n, k));
        let found = knee(&points).unwrap();
        assert_eq!((found.concurrency, found.next_concurrency), (2.0, Some(4.0)));
        assert_eq!(knee(&points[..2]).unwrap().next_concurrency, None);
        assert_eq!(knee(&points[2..]), None);
    }

    #[test]
    fn the_bend_is_where_growth_ends() {
        let pairs: Vec<(f64, f64)> =
            (1..=20).map(|n| (f64::from(n), f64::from(n.min(8)) + f64::from(n) / 100.0)).collect();
        assert_eq!(bend(&pairs), Some(8.0));
        assert_eq!(bend(&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]), None);
    }
}
