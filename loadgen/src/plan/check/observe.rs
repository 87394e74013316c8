//! What is read of the target while it is under load.

use super::{Check, target::path_or_url};
use crate::plan::{
    de::At,
    model::{Observer, ObserverSource, PrometheusQuery, PrometheusValue, Selector},
    watch,
};

impl Check<'_> {
    /// The observers; no two values have the same name.
    pub fn observers(&mut self, observers: Vec<At<watch::Observer>>) -> Vec<Observer> {
        let mut made: Vec<Observer> = Vec::new();
        for observer in observers {
            made.extend(self.observer(observer, &made));
        }
        made
    }

    fn observer(&mut self, observer: At<watch::Observer>, others: &[Observer]) -> Option<Observer> {
        let At { span, value: observer, .. } = observer;
        let Some(name) = observer.name else {
            self.problem(span, "an observer without `name`; say what is observed");
            return None;
        };
        if others.iter().any(|other| other.name == name.value) {
            self.problem(name.span, format!("a second observer `{}`; name it otherwise", name.value));
        }
        let source = match (observer.prometheus, observer.header) {
            (Some(url), None) => {
                self.keep(url.span, path_or_url(&url));
                if observer.values.is_empty() {
                    let right = "add such as `cache_hit_ratio: { hits: …, all: … }`";
                    self.problem(url.span, format!("nothing is read from this endpoint; {right}"));
                }
                let mut values: Vec<PrometheusValue> = Vec::new();
                for (name, value) in observer.values {
                    if others
                        .iter()
                        .flat_map(observed)
                        .chain(values.iter().map(|it| it.name.as_str()))
                        .any(|it| it == name.value)
                    {
                        self.problem(
                            name.span,
                            format!("a second value `{}`; name it otherwise", name.value),
                        );
                    }
                    self.free_name(&name);
                    let query = self.query(&value);
                    values.extend(query.map(|query| PrometheusValue { name: name.value, query }));
                }
                ObserverSource::Prometheus { url: url.value, values }
            }
            (None, Some(header)) => {
                self.free_name(&name);
                if let Some((value, _)) = observer.values.first() {
                    let message = format!("`{}`: a header has no values to read by name", value.value);
                    self.problem(value.span, message);
                }
                ObserverSource::Header(self.header_name(&header)?)
            }
            _ => {
                self.problem(
                    span,
                    "an observer has `prometheus: /metrics` or `header: x-cache`, one of them",
                );
                return None;
            }
        };
        Some(Observer { name: name.value, source })
    }

    /// Refuses the names that budgets give a meaning of their own.
    fn free_name(&mut self, name: &At<String>) {
        let percentile = name.strip_prefix('p').is_some_and(|rest| rest.parse::<f64>().is_ok());
        if percentile || ["request", "max", "error_rate", "throughput"].contains(&name.as_str()) {
            let message =
                format!("`{}` means something else in budgets; name the value otherwise", name.value);
            self.problem(name.span, message);
        }
    }

    fn query(&mut self, value: &At<watch::Value>) -> Option<PrometheusQuery> {
        let quantile = match &value.quantile {
            Some(quantile) if !(quantile.value > 0.0 && quantile.value < 1.0) => {
                self.problem(quantile.span, "a quantile lies between 0 and 1, such as 0.95");
                return None;
            }
            Some(quantile) if value.histogram.is_none() => {
                self.problem(quantile.span, "`quantile` goes with `histogram`");
                return None;
            }
            quantile => quantile.as_ref().map_or(0.95, |it| it.value),
        };
        match (&value.hits, &value.all, &value.histogram, &value.rate, &value.gauge) {
            (Some(hits), Some(all), None, None, None) => {
                Some(PrometheusQuery::Ratio { hits: self.selector(hits)?, all: self.selector(all)? })
            }
            (None, None, Some(histogram), None, None) => {
                Some(PrometheusQuery::Histogram { selector: self.selector(histogram)?, quantile })
            }
            (None, None, None, Some(rate), None) => self.selector(rate).map(PrometheusQuery::Rate),
            (None, None, None, None, Some(gauge)) => self.selector(gauge).map(PrometheusQuery::Gauge),
            _ => {
                let message = "a value is one of `{ hits: …, all: … }`, `{ histogram: … }`, `{ rate: … }` and `{ gauge: … }`";
                self.problem(value.span, message);
                None
            }
        }
    }

    fn selector(&mut self, text: &At<String>) -> Option<Selector> {
        self.keep(text.span, Selector::parse(text))
    }
}

/// The names by which budgets refer to what an observer sees: its values, or its own for a header.
pub fn observed(observer: &Observer) -> impl Iterator<Item = &str> {
    let (values, own) = match &observer.source {
        ObserverSource::Prometheus { values, .. } => (values.as_slice(), None),
        ObserverSource::Header(_) => (&[][..], Some(observer.name.as_str())),
    };
    values.iter().map(|value| value.name.as_str()).chain(own)
}
