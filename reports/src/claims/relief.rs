//! What a cache spares the database: a pair of sets of runs of one scenario.

use record::{ObservedKind, Window};

use super::{
    measure::Figure,
    source::{Runs, Source},
};
use crate::{
    read::{Evidence, buckets},
    report::Interval,
    stats::{CONFIDENCE, student},
};

/// Parts of equal length that a run's judged window is cut into, to see how much it varies.
const BATCHES: u64 = 10;

/// How much fewer queries a request makes with the cache than without, per cent, and the two sources that tell.
///
/// `1 − q₁/q₀` with the queries a request `q` of each side. The interval is that of the logarithm of their ratio, each side's
/// spread taken from batches of its runs (batch means; Law, *Simulation Modeling and Analysis*, 5th ed., §9.5.3), the two added
/// by the delta method with the lesser degrees of freedom.
pub fn relief<'a>(
    sources: &'a [Source],
    queries: &[String],
    hits: &[String],
) -> Option<(Figure, [&'a Source; 2])> {
    let sided = |cold: bool| {
        sources.iter().filter_map(move |source| match source {
            Source::Runs(runs) if Runs::is_cold(runs.hit_ratio(hits)?) == cold => Some((source, runs)),
            _ => None,
        })
    };
    let alike = |a: &Runs, b: &Runs| {
        let (a, b) = (&a.runs[0].record.run, &b.runs[0].record.run);
        a.scenario.sha256 == b.scenario.sha256 && a.host.cpu == b.host.cpu && a.host.cores == b.host.cores
    };
    let (with, without) =
        sided(false).find_map(|with| Some((with, sided(true).find(|without| alike(with.1, without.1))?)))?;
    let (one, other) = (per_request(with.1, queries)?, per_request(without.1, queries)?);
    let t = student(one.freedom.min(other.freedom), CONFIDENCE);
    let half = t * one.relative_error.hypot(other.relative_error);
    let (left, spared) = (one.mean / other.mean, |left: f64| 100.0 * (1.0 - left));
    let figure = Figure {
        value: Some(spared(left)),
        interval: Interval { low: Some(spared(left * half.exp())), high: Some(spared(left * (-half).exp())) },
        n: (one.n + other.n) as u64,
        of: "queries",
    };
    Some((figure, [with.0, without.0]))
}

struct PerRequest {
    mean: f64,
    relative_error: f64,
    freedom: f64,
    n: f64,
}

fn per_request(runs: &Runs, names: &[String]) -> Option<PerRequest> {
    let mut ratios = Vec::new();
    let (mut queries, mut requests) = (0.0, 0.0);
    for run in &runs.runs {
        let Window { from_s, to_s } = run.record.judged();
        let cut = |index: u64| from_s + (to_s - from_s) * index / BATCHES;
        for index in 0..BATCHES {
            let window = Window { from_s: cut(index), to_s: cut(index + 1) };
            let (made, answered) = (count(run, names, window)?, answers(run, window));
            if answered > 0.0 {
                ratios.push(made / answered);
            }
            queries += made;
            requests += answered;
        }
    }
    let freedom = (ratios.len() as f64 - 1.0).max(0.0);
    let mean = queries / requests;
    let variance = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>() / freedom;
    let relative_error = (variance / ratios.len() as f64).sqrt() / mean;
    (freedom > 0.0 && mean > 0.0 && relative_error.is_finite()).then_some(PerRequest {
        mean,
        relative_error,
        freedom,
        n: queries,
    })
}

fn answers(run: &Evidence, window: Window) -> f64 {
    let rows = run.record.series.iter().filter(|row| window.contains(row.second));
    rows.map(|row| row.completed + row.failed).sum::<u64>() as f64
}

/// Queries made within `window`, by a histogram of them or a running total.
fn count(run: &Evidence, names: &[String], window: Window) -> Option<f64> {
    let defined = &run.record.run.observed;
    let observed = names.iter().find_map(|name| {
        defined
            .iter()
            .find(|it| it.name == *name && matches!(it.kind, ObservedKind::Rate | ObservedKind::Quantile(_)))
    })?;
    if observed.kind != ObservedKind::Rate {
        return Some(
            buckets(run, &observed.name, window).map_or(0.0, |it| it.iter().map(|bucket| bucket.count).sum()),
        );
    }
    let seen = record::observed_values(std::slice::from_ref(observed), &run.record.target, window);
    Some(seen.first()?.n)
}
