use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Window;

/// A row of `target.csv`: one component of one observed value, once a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetRow {
    /// Seconds since the start of the load at which it was read.
    pub second: u64,
    /// The observer's name in the scenario (`service`), `process` or `headers`.
    pub source: String,
    /// The value's name (`cache_hit_ratio`).
    pub name: String,
    /// The part of it: `value`, `total`, `hits`, `all`, `le=0.05` (cumulative bucket), or a header's value.
    pub component: String,
    /// A running total, or a level for gauges, as the target exposes it.
    pub value: f64,
}

/// What is observed, and how its components make a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedValue {
    /// The observer's name.
    pub source: String,
    /// The value's name; budgets refer to it by this.
    pub name: String,
    /// How it is computed.
    pub kind: ObservedKind,
}

/// How the components of an observed value make a figure over a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservedKind {
    /// `Δhits / Δall` of running totals; a ratio.
    Ratio,
    /// `Δtotal / seconds`; per second.
    Rate,
    /// Mean of the levels `value` over the window; the unit is the target's.
    Gauge,
    /// A quantile (0..1) of the cumulative histogram buckets `le=…`, by linear interpolation inside a bucket as
    /// Prometheus' `histogram_quantile` does; the unit is the target's, seconds by convention.
    Quantile(f64),
    /// Share of each value of a response header: `Δcomponent / ΔΣ`; a ratio for the component `HIT`.
    Header,
}

/// An observed value over a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The observer's name.
    pub source: String,
    /// The value's name.
    pub name: String,
    /// How it was computed.
    pub kind: ObservedKind,
    /// The figure, or nothing when the window holds no data for it.
    pub value: Option<f64>,
    /// What it rests on: events counted (ratios, rates, quantiles) or levels read (gauges).
    pub n: f64,
}

/// Computes every `defined` value over `window` from `rows`, which are in order of time.
pub fn observed_values(defined: &[ObservedValue], rows: &[TargetRow], window: Window) -> Vec<Observation> {
    let mut tallies = Tallies::new(defined, window.from_s);
    rows.iter().filter(|row| row.second < window.to_s).for_each(|row| tallies.push(row));
    tallies.observations()
}

/// Observed values summed up row by row, so that a view of a long run need not keep and read all its rows.
#[derive(Debug)]
pub struct Tallies {
    from_s: u64,
    tallies: Vec<(ObservedValue, Tally)>,
}

#[derive(Debug, Default)]
struct Tally {
    first_s: Option<u64>,
    last_s: u64,
    last: BTreeMap<String, f64>,
    growth: BTreeMap<String, f64>,
    levels: f64,
    readings: u64,
}

impl Tallies {
    /// Of every `defined` value, from second `from_s` on.
    pub fn new(defined: &[ObservedValue], from_s: u64) -> Self {
        Self { from_s, tallies: defined.iter().map(|value| (value.clone(), Tally::default())).collect() }
    }

    /// Takes a row; rows come in order of time.
    pub fn push(&mut self, row: &TargetRow) {
        let from_s = self.from_s;
        let of_row =
            |(value, _): &&mut (ObservedValue, Tally)| value.source == row.source && value.name == row.name;
        let Some((value, tally)) = self.tallies.iter_mut().find(of_row) else { return };
        if value.kind == ObservedKind::Gauge {
            if row.second >= from_s {
                tally.levels += row.value;
                tally.readings += 1;
            }
        } else if row.second >= from_s.saturating_sub(1) {
            // The reading at the end of the second before the window is where the window's growth begins.
            tally.grow(row);
        }
    }

    /// The figures of what was taken so far.
    pub fn observations(&self) -> Vec<Observation> {
        let figures = self.tallies.iter().map(|(observed, tally)| {
            let (value, n) = tally.figure(observed.kind);
            Observation {
                source: observed.source.clone(),
                name: observed.name.clone(),
                kind: observed.kind,
                value,
                n,
            }
        });
        figures.collect()
    }
}

impl Tally {
    /// Adds how much the row's running total grew. A total that falls was reset by a restart of the target and counts
    /// from zero again, as Prometheus' `increase` has it.
    fn grow(&mut self, row: &TargetRow) {
        let first_s = *self.first_s.get_or_insert(row.second);
        self.last_s = row.second;
        let grown = match self.last.get_mut(&row.component) {
            Some(last) => {
                let before = std::mem::replace(last, row.value);
                if row.value >= before { row.value - before } else { row.value }
            }
            None => {
                self.last.insert(row.component.clone(), row.value);
                // A component first seen after the window began came into being with it (a new label value).
                if first_s == row.second { 0.0 } else { row.value }
            }
        };
        match self.growth.get_mut(&row.component) {
            Some(growth) => *growth += grown,
            None => drop(self.growth.insert(row.component.clone(), grown)),
        }
    }

    fn figure(&self, kind: ObservedKind) -> (Option<f64>, f64) {
        let of = |component: &str| self.growth.get(component).copied().unwrap_or(0.0);
        let ratio = |part: f64, whole: f64| ((whole > 0.0).then(|| part / whole), whole);
        match kind {
            ObservedKind::Gauge => ratio(self.levels, self.readings as f64),
            ObservedKind::Ratio => ratio(of("hits"), of("all")),
            ObservedKind::Rate => {
                let seconds = self.first_s.map_or(0.0, |first_s| (self.last_s - first_s) as f64);
                (ratio(of("total"), seconds).0, of("total"))
            }
            ObservedKind::Header => ratio(of("HIT"), self.growth.values().sum()),
            ObservedKind::Quantile(quantile) => {
                let bound = |(component, growth): (&String, &f64)| Some((bucket_bound(component)?, *growth));
                let mut buckets: Vec<(f64, f64)> = self.growth.iter().filter_map(bound).collect();
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                let n = buckets.last().map_or(0.0, |bucket| bucket.1);
                (bucket_quantile(&buckets, quantile), n)
            }
        }
    }
}

fn bucket_bound(component: &str) -> Option<f64> {
    match component.strip_prefix("le=")? {
        "+Inf" => Some(f64::INFINITY),
        bound => bound.parse().ok(),
    }
}

/// Quantile of cumulative `(upper bound, count)` buckets, linear inside a bucket; the highest finite bound when
/// it falls into the last one (Prometheus, `histogram_quantile`).
fn bucket_quantile(buckets: &[(f64, f64)], quantile: f64) -> Option<f64> {
    let total = buckets.last()?.1;
    if total <= 0.0 {
        return None;
    }
    let rank = quantile * total;
    let (mut low, mut below) = (0.0, 0.0);
    for &(bound, count) in buckets {
        if count >= rank {
            if bound.is_infinite() {
                return Some(low);
            }
            let inside = count - below;
            return Some(if inside > 0.0 { low + (bound - low) * (rank - below) / inside } else { bound });
        }
        (low, below) = (bound, count);
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(second: u64, name: &str, component: &str, value: f64) -> TargetRow {
        TargetRow { second, source: "service".into(), name: name.into(), component: component.into(), value }
    }

    fn one(kind: ObservedKind, rows: &[TargetRow], window: Window) -> Observation {
        let defined = [ObservedValue { source: "service".into(), name: "x".into(), kind }];
        observed_values(&defined, rows, window).remove(0)
    }

    const WINDOW: Window = Window { from_s: 2, to_s: 5 };

    #[test]
    fn a_ratio_counts_only_what_happened_in_the_window() {
        let rows: Vec<_> = (0..6)
            .flat_map(|s| {
                let hits = if s < 2 { 0.0 } else { (s - 1) as f64 * 8.0 };
                [row(s, "x", "hits", hits), row(s, "x", "all", s as f64 * 10.0)]
            })
            .collect();
        let seen = one(ObservedKind::Ratio, &rows, WINDOW);
        assert_eq!((seen.value, seen.n), (Some(24.0 / 30.0), 30.0));
    }

    #[test]
    fn a_restarted_target_does_not_make_a_rate_negative() {
        let rows: Vec<_> =
            [(1, 100.0), (2, 110.0), (3, 4.0), (4, 9.0)].map(|(s, v)| row(s, "x", "total", v)).into();
        assert_eq!(one(ObservedKind::Rate, &rows, WINDOW).value, Some(19.0 / 3.0));
    }

    #[test]
    fn a_quantile_is_interpolated_as_prometheus_does() {
        // The example of the Prometheus documentation of histogram_quantile: ranks inside the bucket 0.1..0.2.
        let rows: Vec<_> = [("le=0.1", 40.0), ("le=0.2", 90.0), ("le=+Inf", 100.0)]
            .into_iter()
            .flat_map(|(le, v)| [row(1, "x", le, 0.0), row(4, "x", le, v)])
            .collect();
        let p80 = one(ObservedKind::Quantile(0.8), &rows, WINDOW);
        assert!((p80.value.unwrap() - 0.18).abs() < 1e-12);
        assert_eq!(one(ObservedKind::Quantile(0.99), &rows, WINDOW).value, Some(0.2));
    }

    #[test]
    fn no_rows_are_no_value() {
        for kind in
            [ObservedKind::Ratio, ObservedKind::Rate, ObservedKind::Gauge, ObservedKind::Quantile(0.5)]
        {
            assert_eq!(one(kind, &[], WINDOW).value, None);
        }
    }
}
