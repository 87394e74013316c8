use serde::Serialize;

use super::{demand::observed, points::Point};

/// How the database's load follows from the cache's hits: `DB rate = λ·(w + r·(1−h))`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CacheModel {
    /// Queries a request makes whatever the cache holds, `w`.
    pub always: f64,
    /// Queries more for a request of which nothing is cached, `r`.
    pub on_a_miss: f64,
    /// The rows behind it.
    pub rows: Vec<CacheRow>,
}

/// One point of the cache model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CacheRow {
    /// The load.
    pub concurrency: f64,
    /// Hits over lookups, 0..1.
    pub hit_ratio: f64,
    /// Queries a second, as measured.
    pub measured_per_s: f64,
    /// Queries a second, by the model.
    pub model_per_s: f64,
}

/// Hit ratios that differ by less than this say nothing of what a miss costs.
const LEAST_RANGE: f64 = 0.02;

/// Fits the cache model to points that observed a hit ratio `hits` and a rate of queries `queries`, by least squares of
/// queries a request over `1 − h`.
///
/// # Errors
/// Why not, in a sentence: no such values, or hit ratios too much alike.
pub fn cache_model(points: &[Point], hits: &str, queries: &str) -> Result<CacheModel, String> {
    let seen: Vec<(&Point, f64, f64)> = points
        .iter()
        .filter_map(|point| Some((point, observed(point, hits)?, observed(point, queries)?)))
        .collect();
    if seen.len() < 3 {
        return Err(format!("fewer than three points observed both `{hits}` and `{queries}`"));
    }
    let ratios = || seen.iter().map(|(_, ratio, _)| *ratio);
    let (low, high) = (ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max));
    if high - low < LEAST_RANGE {
        return Err(format!(
            "the hit ratio was {} to {} throughout, too much alike to tell what a miss costs",
            record::unit::show_ratio(low),
            record::unit::show_ratio(high)
        ));
    }
    let n = seen.len() as f64;
    let pairs = seen.iter().map(|(point, ratio, rate)| (1.0 - ratio, rate / point.throughput_per_s));
    let (x, y) = pairs.clone().fold((0.0, 0.0), |(x, y), (miss, queries)| (x + miss / n, y + queries / n));
    let (mixed, squares) = pairs.fold((0.0, 0.0), |(m, s), (miss, queries)| {
        (m + (miss - x) * (queries - y), s + (miss - x) * (miss - x))
    });
    let on_a_miss = mixed / squares;
    let always = y - on_a_miss * x;
    if on_a_miss < 0.0 || always < -1e-9 {
        return Err("fewer hits did not mean more queries here, so something else moves the database's load"
            .to_owned());
    }
    let always = always.max(0.0);
    let row = |(point, hit_ratio, measured_per_s): &(&Point, f64, f64)| CacheRow {
        concurrency: point.concurrency,
        hit_ratio: *hit_ratio,
        measured_per_s: *measured_per_s,
        model_per_s: point.throughput_per_s * (always + on_a_miss * (1.0 - hit_ratio)),
    };
    Ok(CacheModel { always, on_a_miss, rows: seen.iter().map(row).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(rate: f64, ratio: f64, queries_per_s: f64) -> Point {
        Point {
            concurrency: rate / 10.0,
            throughput_per_s: rate,
            runs: 1,
            mean_s: None,
            latency_s: None,
            keeps: None,
            load: None,
            observed: vec![("hits".into(), ratio), ("queries".into(), queries_per_s)],
        }
    }

    #[test]
    fn what_a_miss_costs_is_found_again() {
        // Half a query always, two on a miss: at 80 % hits 0.9 a request, at 90 % 0.7, at 50 % 1.5.
        let points = [point(100.0, 0.8, 90.0), point(200.0, 0.9, 140.0), point(400.0, 0.5, 600.0)];
        let found = cache_model(&points, "hits", "queries").unwrap();
        assert!((found.always - 0.5).abs() < 1e-9 && (found.on_a_miss - 2.0).abs() < 1e-9, "{found:?}");
        assert!((found.rows[2].model_per_s - 600.0).abs() < 1e-6);
    }

    #[test]
    fn hit_ratios_too_much_alike_are_refused() {
        let points = [point(100.0, 0.85, 90.0), point(200.0, 0.851, 180.0), point(400.0, 0.852, 350.0)];
        let why = cache_model(&points, "hits", "queries").unwrap_err();
        assert!(why.starts_with("the hit ratio was 85 % to 85.2 % throughout"), "{why}");
        assert!(
            cache_model(&points[..2], "hits", "queries").unwrap_err().starts_with("fewer than three points")
        );
    }
}
