use serde::Serialize;

use super::points::Point;
use crate::stats::{Tier, constant_service_wait_quantile_s, constant_service_wait_s, erlang_c};

/// What a tier of equal servers behind one queue would make of a measured load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TierRow {
    /// Requests a second.
    pub rate_per_s: f64,
    /// Share of its time that a server is busy, 0..1 and more.
    pub utilisation: f64,
    /// Share of the requests that find every server busy, 0..1.
    pub waits_ratio: f64,
    /// Mean wait with exponential service times (M/M/c), seconds; nothing where the servers cannot keep up.
    pub wait_s: Option<f64>,
    /// Its 95th percentile, seconds.
    pub wait_p95_s: Option<f64>,
    /// Mean wait of one server whose service always takes as long (M/D/1), seconds: the least that queueing costs.
    pub constant_wait_s: Option<f64>,
    /// Its 95th percentile, seconds.
    pub constant_wait_p95_s: Option<f64>,
    /// Mean time by the model, service and wait, seconds.
    pub model_s: Option<f64>,
    /// Mean time as measured, seconds.
    pub measured_s: Option<f64>,
}

/// The queueing model of a tier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TierModel {
    /// Servers.
    pub servers: u32,
    /// Mean service time, seconds: the mean time at the lowest load, which still holds what little waiting there was.
    pub service_s: f64,
    /// One a point.
    pub rows: Vec<TierRow>,
}

/// Holds M/M/c (Erlang C) of `servers` against the points. Nothing without a mean time at the lowest load.
pub fn tier(points: &[Point], servers: u32) -> Option<TierModel> {
    let service_s = points.first()?.mean_s?;
    let tier = Tier { servers, service_s };
    let row = |point: &Point| {
        let rate_per_s = point.throughput_per_s;
        let wait_s = tier.wait_s(rate_per_s);
        TierRow {
            rate_per_s,
            utilisation: tier.utilisation(rate_per_s),
            waits_ratio: erlang_c(servers, rate_per_s * service_s),
            wait_s,
            wait_p95_s: tier.wait_quantile_s(rate_per_s, 0.95),
            constant_wait_s: constant_service_wait_s(rate_per_s, service_s).filter(|_| servers == 1),
            constant_wait_p95_s: constant_service_wait_quantile_s(rate_per_s, service_s, 0.95)
                .filter(|_| servers == 1),
            model_s: wait_s.map(|wait_s| service_s + wait_s),
            measured_s: point.mean_s,
        }
    };
    Some(TierModel { servers, service_s, rows: points.iter().map(row).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_that_is_four_fifths_busy_waits_as_erlang_says() {
        let point = |rate: f64, mean_s| Point {
            concurrency: rate * mean_s,
            throughput_per_s: rate,
            runs: 1,
            mean_s: Some(mean_s),
            latency_s: None,
            keeps: None,
            load: None,
            observed: Vec::new(),
        };
        let found = tier(&[point(10.0, 0.01), point(80.0, 0.05), point(120.0, 2.0)], 1).unwrap();
        let busy = &found.rows[1];
        assert!(
            (busy.utilisation - 0.8).abs() < 1e-12 && (busy.model_s.unwrap() - 0.05).abs() < 1e-12,
            "{busy:?}"
        );
        assert!((busy.constant_wait_s.unwrap() - 0.02).abs() < 1e-12);
        assert_eq!((found.rows[2].wait_s, found.rows[2].waits_ratio), (None, 1.0));
        assert_eq!(tier(&[point(10.0, 0.01)], 4).unwrap().rows[0].constant_wait_s, None);
    }
}
