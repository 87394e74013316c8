use record::{Histogram, Histograms, Kind, Metric, min_samples};
use serde::Serialize;

use super::{Interval, budgets::quantile_interval, merged};

/// Latency by percentile over the judged window, as far as the sample supports it.
#[derive(Debug, Clone, Serialize)]
pub struct Spectrum {
    /// Samples of response time.
    pub n: u64,
    /// Due → last byte.
    pub response: Vec<Point>,
    /// Sent → last byte.
    pub service: Vec<Point>,
}

/// One percentile.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    /// `p99.9`, for the percentiles people name; nothing for those between.
    pub name: Option<String>,
    /// 0..1.
    pub quantile: f64,
    /// Its value.
    pub us: f64,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
}

/// The percentiles people name; every power of ten beyond follows the pattern.
const NAMED: [f64; 9] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999];
/// Points a decade of `1 − quantile` on the curve.
const A_DECADE: i32 = 8;

/// The spectrum of both times.
pub fn spectrum(totals: &Histograms) -> Spectrum {
    let response = merged(totals, |kind| *kind == Kind::Response);
    let service = merged(totals, |kind| *kind == Kind::Service);
    Spectrum { n: response.len(), response: points(&response), service: points(&service) }
}

fn points(histogram: &Histogram) -> Vec<Point> {
    let between = (0..6 * A_DECADE).map(|step| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(A_DECADE)));
    let mut quantiles: Vec<f64> =
        between.filter(|it| NAMED.iter().all(|named| (named - it).abs() > 1e-9)).collect();
    quantiles.extend(NAMED);
    quantiles.sort_by(f64::total_cmp);
    let supported = quantiles.into_iter().filter(|it| *it > 0.0 && min_samples(*it) <= histogram.len());
    supported
        .map(|quantile| Point {
            name: NAMED.contains(&quantile).then(|| Metric::Response(quantile).to_string()),
            quantile,
            us: histogram.value_at_quantile(quantile) as f64,
            interval: quantile_interval(histogram, 0, quantile),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(n: u64) -> Vec<Point> {
        let mut histogram = record::new_histogram();
        (1..=n).for_each(|value| histogram.record(value).unwrap());
        points(&histogram)
    }

    #[test]
    fn the_spectrum_ends_where_the_sample_does() {
        let last = |n| of(n).into_iter().filter_map(|point| point.name).next_back();
        assert_eq!(last(5), None);
        assert_eq!(last(71).as_deref(), Some("p90"));
        assert_eq!(last(368).as_deref(), Some("p99"));
        assert_eq!(last(40_000).as_deref(), Some("p99.99"));
    }

    #[test]
    fn percentiles_and_their_intervals_never_fall() {
        for pair in of(40_000).windows(2) {
            assert!(pair[0].quantile < pair[1].quantile && pair[0].us <= pair[1].us);
            let (a, b) = (pair[0].interval.unwrap(), pair[1].interval.unwrap());
            assert!(a.low <= b.low && a.high <= b.high);
        }
    }
}
