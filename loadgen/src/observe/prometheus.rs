//! What a scenario asks of a Prometheus endpoint, as sums over the series of its page.

use std::collections::BTreeMap;

use record::ObservedKind;

use super::exposition::{Sample, sample};
use crate::plan::model::{PrometheusQuery, PrometheusValue, Selector};

/// A value to read, taken apart into the components that the record keeps.
#[derive(Debug)]
pub struct Value {
    /// Its name in the scenario.
    pub name: String,
    /// How the components make a figure.
    pub kind: ObservedKind,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    selector: Selector,
    component: Component,
}

#[derive(Debug)]
enum Component {
    /// The sum of all series.
    Sum(&'static str),
    /// A sum for each upper bound `le`.
    Buckets,
}

impl Value {
    /// Takes `value` apart.
    pub fn of(value: &PrometheusValue) -> Self {
        let part =
            |selector: &Selector, name| Part { selector: selector.clone(), component: Component::Sum(name) };
        let (kind, parts) = match &value.query {
            PrometheusQuery::Ratio { hits, all } => {
                (ObservedKind::Ratio, vec![part(hits, "hits"), part(all, "all")])
            }
            PrometheusQuery::Rate(selector) => (ObservedKind::Rate, vec![part(selector, "total")]),
            PrometheusQuery::Gauge(selector) => (ObservedKind::Gauge, vec![part(selector, "value")]),
            PrometheusQuery::Histogram { selector, quantile } => {
                let mut selector = selector.clone();
                selector.name.push_str("_bucket");
                (ObservedKind::Quantile(*quantile), vec![Part { selector, component: Component::Buckets }])
            }
        };
        Self { name: value.name.clone(), kind, parts }
    }

    /// The components on `page`, each with its sum over the series that match. Empty when no series does; of a ratio,
    /// `hits` without a series counts as zero as long as there is an `all`, because a label value that never occurred
    /// has no series.
    pub fn components(&self, page: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for line in page.lines().map(str::trim_start) {
            // Most lines are about other metrics; a name is compared much faster than a line is read.
            if !self.parts.iter().any(|part| line.starts_with(&part.selector.name) || line.starts_with('{')) {
                continue;
            }
            let Some(sample) = sample(line).filter(|sample| sample.value.is_finite()) else { continue };
            for part in self.parts.iter().filter(|part| matches(&part.selector, &sample)) {
                let component = match part.component {
                    Component::Sum(name) => Some(name.to_owned()),
                    Component::Buckets => bucket(&sample),
                };
                if let Some(component) = component {
                    *sums.entry(component).or_insert(0.0) += sample.value;
                }
            }
        }
        match (self.kind, sums.contains_key("all")) {
            (ObservedKind::Ratio, true) => _ = sums.entry("hits".to_owned()).or_insert(0.0),
            // Hits of nothing: the two selectors do not belong together.
            (ObservedKind::Ratio, false) => sums.clear(),
            _ => {}
        }
        sums
    }

    /// The selectors, as a scenario has them.
    pub fn selectors(&self) -> String {
        self.parts.iter().map(|part| show(&part.selector)).collect::<Vec<_>>().join(" or ")
    }
}

/// The bucket's component, `le=0.05`, with the bound spelt one way however the target spells it.
fn bucket(sample: &Sample<'_>) -> Option<String> {
    let bound: f64 = sample.label("le").parse().ok()?;
    match bound {
        _ if bound.is_nan() => None,
        f64::INFINITY => Some("le=+Inf".to_owned()),
        _ => Some(format!("le={bound}")),
    }
}

fn matches(selector: &Selector, sample: &Sample<'_>) -> bool {
    sample.name == selector.name
        && selector.labels.iter().all(|(label, equal, value)| (sample.label(label) == value) == *equal)
}

fn show(selector: &Selector) -> String {
    let sign = |equal: &bool| if *equal { "=" } else { "!=" };
    let labels: Vec<_> = selector
        .labels
        .iter()
        .map(|(label, equal, value)| format!("{label}{}{value:?}", sign(equal)))
        .collect();
    if labels.is_empty() {
        selector.name.clone()
    } else {
        format!("{}{{{}}}", selector.name, labels.join(","))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What metrics-exporter-prometheus writes, one histogram as buckets and one as a summary.
    const PAGE: &str = r#"# HELP cache_requests_total Lookups by result
# TYPE cache_requests_total counter
cache_requests_total{cache="tasks",result="hit"} 830
cache_requests_total{cache="tasks",result="miss"} 120
cache_requests_total{cache="products",result="hit"} 4000
cache_requests_total{cache="products",result="miss"} 50

# TYPE cache_requests_total_size gauge
cache_requests_total_size 7

# TYPE db_pool_connections gauge
db_pool_connections{state="idle"} 6
db_pool_connections{state="used"} 2
db_pool_connections{state="broken"} NaN

# TYPE db_client_operation_duration_seconds histogram
db_client_operation_duration_seconds_bucket{operation="select",le="0.005"} 90
db_client_operation_duration_seconds_bucket{operation="select",le="0.05"} 99
db_client_operation_duration_seconds_bucket{operation="select",le="+Inf"} 100
db_client_operation_duration_seconds_sum{operation="select"} 0.4
db_client_operation_duration_seconds_count{operation="select"} 100
db_client_operation_duration_seconds_bucket{operation="insert",le="0.0050"} 5
db_client_operation_duration_seconds_bucket{operation="insert",le="5e-2"} 9
db_client_operation_duration_seconds_bucket{operation="insert",le="Inf"} 10
db_client_operation_duration_seconds_count{operation="insert"} 10

# TYPE http_request_duration_seconds summary
http_request_duration_seconds{quantile="0.5"} 0.001
http_request_duration_seconds_sum 3.1
"#;

    fn selector(name: &str, labels: &[(&str, bool, &str)]) -> Selector {
        let labels =
            labels.iter().map(|(label, equal, value)| ((*label).into(), *equal, (*value).into())).collect();
        Selector { name: name.into(), labels }
    }

    fn read(query: PrometheusQuery, page: &str) -> Vec<(String, f64)> {
        let value = Value::of(&PrometheusValue { name: "x".into(), query });
        value.components(page).into_iter().collect()
    }

    fn pairs(expected: &[(&str, f64)]) -> Vec<(String, f64)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn a_ratio_sums_the_hits_and_all_of_every_cache() {
        let all = selector("cache_requests_total", &[]);
        let hits = selector("cache_requests_total", &[("result", true, "hit")]);
        let ratio = read(PrometheusQuery::Ratio { hits, all: all.clone() }, PAGE);
        assert_eq!(ratio, pairs(&[("all", 5000.0), ("hits", 4830.0)]));
        let never = selector("cache_requests_total", &[("result", true, "stale")]);
        let ratio = read(PrometheusQuery::Ratio { hits: never, all: all.clone() }, PAGE);
        assert_eq!(ratio, pairs(&[("all", 5000.0), ("hits", 0.0)]));
        let lost = selector("cache_lookups", &[]);
        assert_eq!(read(PrometheusQuery::Ratio { hits: all, all: lost }, PAGE), []);
    }

    #[test]
    fn unequal_labels_leave_their_series_out_and_nan_is_no_level() {
        let idle = selector("db_pool_connections", &[("state", false, "idle")]);
        assert_eq!(read(PrometheusQuery::Gauge(idle), PAGE), pairs(&[("value", 2.0)]));
        let absent = selector("db_pool_connections", &[("pool", false, "")]);
        assert_eq!(read(PrometheusQuery::Gauge(absent), PAGE), []);
    }

    #[test]
    fn buckets_are_summed_by_bound_however_it_is_spelt() {
        let selector = selector("db_client_operation_duration_seconds", &[]);
        let buckets = read(PrometheusQuery::Histogram { selector, quantile: 0.95 }, PAGE);
        assert_eq!(buckets, pairs(&[("le=+Inf", 110.0), ("le=0.005", 95.0), ("le=0.05", 108.0)]));
    }

    #[test]
    fn a_summary_has_no_buckets_to_read() {
        let selector = selector("http_request_duration_seconds", &[]);
        assert_eq!(read(PrometheusQuery::Histogram { selector, quantile: 0.95 }, PAGE), []);
    }

    #[test]
    fn a_value_says_what_it_looked_for() {
        let hits = selector("c", &[("result", true, "hit"), ("tier", false, "l2")]);
        let query = PrometheusQuery::Ratio { hits, all: selector("c", &[]) };
        let value = Value::of(&PrometheusValue { name: "x".into(), query });
        assert_eq!(value.selectors(), r#"c{result="hit",tier!="l2"} or c"#);
    }

    proptest! {
        #[test]
        fn equal_and_unequal_together_are_all(series in prop::collection::vec(("[a-c]", "[a-c]", 0u32..1_000_000), 1..40)) {
            let lines: Vec<_> =
                series.iter().map(|(a, b, value)| format!("m{{a=\"{a}\",b=\"{b}\"}} {value}")).collect();
            let page = lines.join("\n");
            let sum = |labels: &[(&str, bool, &str)]| {
                read(PrometheusQuery::Rate(selector("m", labels)), &page).first().map_or(0.0, |(_, sum)| *sum)
            };
            let expected: f64 = series.iter().map(|(_, _, value)| f64::from(*value)).sum();
            prop_assert_eq!(sum(&[]), expected);
            prop_assert_eq!(sum(&[("a", true, "b")]) + sum(&[("a", false, "b")]), expected);
        }
    }
}
