use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Histogram, Observation, Summary, min_samples,
    unit::{parse_duration, show_count, show_number, show_ratio, show_us},
};

/// What must hold of the judged window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// The request it is about, or all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What is held against the limit.
    pub metric: Metric,
    /// On which side of the limit it must lie.
    pub comparison: Comparison,
    /// The limit in the metric's unit.
    pub limit: f64,
}

/// What a budget is about, with the unit of its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// A quantile (0..1) of response time; microseconds. Arrivals that were dropped rank above every answer.
    Response(f64),
    /// The longest response time; microseconds.
    Max,
    /// Failed requests and dropped arrivals over all; a ratio.
    ErrorRate,
    /// Requests answered as expected; per second.
    Throughput,
    /// An observed value of the target, in the unit it is computed in.
    Observed(String),
}

/// On which side of its limit a figure must lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// Below.
    #[serde(rename = "<")]
    Less,
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// Above.
    #[serde(rename = ">")]
    Greater,
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
}

/// A budget with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetResult {
    /// What must hold.
    pub budget: Budget,
    /// The budget in words, for people: `p95 of list tasks ≤ 100 ms`.
    pub text: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The figure in the limit's unit; absent without data, and where so many arrivals were dropped that the
    /// percentile is among them.
    pub measured: Option<f64>,
    /// The figure in words.
    pub shown: String,
    /// Samples it rests on.
    pub n: u64,
    /// Samples it would need at least.
    pub needs_n: u64,
}

/// What became of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Kept.
    Met,
    /// Not kept.
    Missed,
    /// The sample is too small for the figure.
    TooFew,
    /// There is nothing to judge.
    NoData,
}

impl Comparison {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::AtMost => value <= limit,
            Self::Greater => value > limit,
            Self::AtLeast => value >= limit,
        }
    }

    fn split(text: &str) -> (Option<Self>, &str) {
        let all = [("<=", Self::AtMost), (">=", Self::AtLeast), ("<", Self::Less), (">", Self::Greater)];
        let found = all.into_iter().find_map(|(sign, it)| Some((Some(it), text.strip_prefix(sign)?.trim())));
        found.unwrap_or((None, text))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::AtMost => "≤",
            Self::Greater => ">",
            Self::AtLeast => "≥",
        })
    }
}

impl Metric {
    /// The figure in words, with its unit.
    pub fn show(&self, value: f64) -> String {
        match self {
            Self::Response(_) | Self::Max => show_us(value),
            Self::ErrorRate => show_ratio(value),
            Self::Throughput => format!("{}/s", show_number(value)),
            Self::Observed(name) if name.contains("ratio") => show_ratio(value),
            Self::Observed(name) if is_time(name) => show_us(value * 1e6),
            Self::Observed(_) => show_number(value),
        }
    }

    fn lower_is_better(&self) -> bool {
        match self {
            Self::Response(_) | Self::Max | Self::ErrorRate => true,
            Self::Throughput => false,
            Self::Observed(name) => !name.contains("ratio"),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // 99.9 must not print as 99.90000000000001.
            Self::Response(quantile) => write!(f, "p{}", (quantile * 1e8).round() / 1e6),
            Self::Max => f.write_str("max"),
            Self::ErrorRate => f.write_str("error rate"),
            Self::Throughput => f.write_str("throughput"),
            Self::Observed(name) => f.write_str(&name.replace('_', " ")),
        }
    }
}

/// Whether an observed value is a time by its name: a quantile (`db_p95`) or a `…_seconds`.
fn is_time(name: &str) -> bool {
    let last = name.rsplit('_').next().unwrap_or(name);
    last == "seconds" || last.strip_prefix('p').is_some_and(|digits| digits.parse::<f64>().is_ok())
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.metric)?;
        if let Some(request) = &self.request {
            write!(f, " of {request}")?;
        }
        write!(f, " {} {}", self.comparison, self.metric.show(self.limit))
    }
}

impl Budget {
    /// Reads one entry of a `budgets:` list, such as `p95: 200ms`, `p99.9: "< 2s"`, `max: 5s`, `error_rate: 0.1%`,
    /// `throughput: ">= 500/s"`, or the name of an observed value: `cache_hit_ratio: ">= 80%"`. Without a sign,
    /// times and error rates are upper bounds and throughput a lower one.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub fn parse(request: Option<&str>, key: &str, value: &str) -> Result<Self, String> {
        let (sign, number) = Comparison::split(value.trim());
        let metric = match key {
            "max" => Metric::Max,
            "error_rate" => Metric::ErrorRate,
            "throughput" => Metric::Throughput,
            _ => match key.strip_prefix('p').map(str::parse::<f64>) {
                Some(Ok(percent)) if percent > 0.0 && percent < 100.0 => Metric::Response(percent / 100.0),
                Some(Ok(_)) => return Err(format!("`{key}`: a percentile lies between 0 and 100")),
                _ => Metric::Observed(key.to_owned()),
            },
        };
        if request.is_some() && matches!(metric, Metric::Observed(_)) {
            return Err(format!(
                "`{key}` is observed of the target as a whole, not of one request; leave `request` out"
            ));
        }
        let limit = match &metric {
            Metric::Response(_) | Metric::Max => parse_duration(number)?.as_secs_f64() * 1e6,
            Metric::ErrorRate => parse_ratio(number)?,
            Metric::Throughput => parse_rate(number)?,
            Metric::Observed(_) => parse_any(number)?,
        };
        let default = if metric.lower_is_better() { Comparison::AtMost } else { Comparison::AtLeast };
        Ok(Self { request: request.map(str::to_owned), metric, comparison: sign.unwrap_or(default), limit })
    }

    /// Holds the budget against the judged window. `histogram` is the response time of the budget's request, or of
    /// all together.
    pub fn judge(
        &self,
        summary: &Summary,
        histogram: Option<&Histogram>,
        observed: &[Observation],
    ) -> BudgetResult {
        let (answered, failed) = match &self.request {
            None => (summary.completed, summary.failed),
            Some(name) => summary
                .by_request
                .iter()
                .find(|request| request.name == *name)
                .map_or((0, 0), |request| (request.completed, request.failed)),
        };
        let dropped = if self.request.is_none() { summary.dropped } else { 0 };
        let all = answered + failed + dropped;
        let mut lost_in_dropped = false;
        let (n, needs_n, measured) = match &self.metric {
            Metric::Response(quantile) => {
                let n = histogram.map_or(0, |histogram| histogram.len());
                // Dropped arrivals rank above every answer: the quantile of all is a higher one of the answered.
                let of_answered = quantile * (n + dropped) as f64 / n.max(1) as f64;
                lost_in_dropped = n > 0 && of_answered > 1.0;
                let value = histogram.filter(|_| n > 0 && !lost_in_dropped);
                (n, min_samples(*quantile), value.map(|it| it.value_at_quantile(of_answered) as f64))
            }
            Metric::Max => {
                let n = histogram.map_or(0, |histogram| histogram.len());
                (n, 1, histogram.filter(|_| n > 0).map(|histogram| histogram.max() as f64))
            }
            Metric::ErrorRate => (all, 1, (all > 0).then(|| (failed + dropped) as f64 / all as f64)),
            Metric::Throughput => {
                let seconds = summary.seconds;
                (answered, 1, (seconds > 0).then(|| answered as f64 / seconds as f64))
            }
            Metric::Observed(name) => {
                let seen = observed.iter().find(|observation| observation.name == *name);
                (seen.map_or(0, |it| it.n.round() as u64), 1, seen.and_then(|it| it.value))
            }
        };
        let outcome = match measured {
            _ if lost_in_dropped => Outcome::Missed,
            None => Outcome::NoData,
            Some(_) if n < needs_n => Outcome::TooFew,
            Some(value) if self.comparison.holds(value, self.limit) => Outcome::Met,
            Some(_) => Outcome::Missed,
        };
        let shown = match (outcome, measured) {
            (Outcome::TooFew, _) => {
                format!("n too small ({} of {})", show_count(n as i64), show_count(needs_n as i64))
            }
            (_, Some(value)) => self.metric.show(value),
            _ if lost_in_dropped => "among the dropped arrivals".to_owned(),
            _ => "no data".to_owned(),
        };
        BudgetResult { budget: self.clone(), text: self.to_string(), outcome, measured, shown, n, needs_n }
    }
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is not a share; write a percentage such as `0.1%`");
    let percent = text.strip_suffix('%').ok_or_else(wrong)?.trim();
    let ratio = percent.parse::<f64>().map_err(|_| wrong())? / 100.0;
    if (0.0..=1.0).contains(&ratio) { Ok(ratio) } else { Err(wrong()) }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is not a rate; write a number a second such as `500/s`");
    let rate = text.strip_suffix("/s").ok_or_else(wrong)?.trim().parse::<f64>().map_err(|_| wrong())?;
    if rate.is_finite() && rate >= 0.0 { Ok(rate) } else { Err(wrong()) }
}

/// An observed value's limit: a share, a rate, a time (in seconds, as Prometheus has it) or a bare number.
fn parse_any(text: &str) -> Result<f64, String> {
    parse_ratio(text)
        .or_else(|_| parse_rate(text))
        .or_else(|_| parse_duration(text).map(|time| time.as_secs_f64()))
        .or_else(|_| {
            text.parse()
                .map_err(|_| format!("`{text}` is no limit; write `80%`, `50ms`, `200/s` or a number"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Summary, new_histogram};

    #[test]
    fn a_budget_reads_as_it_is_written() {
        let shown = |request, key, value| Budget::parse(request, key, value).unwrap().to_string();
        assert_eq!(shown(None, "p95", "200ms"), "p95 ≤ 200 ms");
        assert_eq!(shown(Some("list tasks"), "p99.9", "< 1s"), "p99.9 of list tasks < 1 s");
        assert_eq!(shown(None, "error_rate", "0.1%"), "error rate ≤ 0.1 %");
        assert_eq!(shown(None, "throughput", "500/s"), "throughput ≥ 500/s");
        assert_eq!(shown(None, "cache_hit_ratio", ">= 80%"), "cache hit ratio ≥ 80 %");
        assert_eq!(shown(None, "db_p95", "50ms"), "db p95 ≤ 50 ms");
    }

    #[test]
    fn a_wrong_budget_says_what_would_be_right() {
        for (key, value, hint) in [
            ("p95", "200", "200ms"),
            ("p100", "1s", "between"),
            ("error_rate", "0.1", "0.1%"),
            ("throughput", "5", "500/s"),
        ] {
            let message = Budget::parse(None, key, value).unwrap_err();
            assert!(message.contains(hint), "{message}");
        }
        assert!(Budget::parse(Some("a"), "cache_hit_ratio", ">= 80%").unwrap_err().contains("as a whole"));
    }

    fn judged(dropped: u64) -> BudgetResult {
        let mut histogram = new_histogram();
        for value in 1..=1000 {
            histogram.record(value * 100).unwrap();
        }
        let summary = Summary { completed: 1000, dropped, seconds: 1, ..Summary::default() };
        Budget::parse(None, "p90", "95ms").unwrap().judge(&summary, Some(&histogram), &[])
    }

    #[test]
    fn dropped_arrivals_count_as_the_slowest() {
        assert_eq!(judged(0).outcome, Outcome::Met);
        let some = judged(80); // p90 of 1,080 is the 972nd of the 1,000 answered
        assert_eq!(some.outcome, Outcome::Missed);
        assert!((some.measured.unwrap() - 97_200.0).abs() < 100.0);
        let many = judged(200);
        assert_eq!((many.outcome, many.measured), (Outcome::Missed, None));
    }

    #[test]
    fn a_percentile_of_a_small_sample_is_neither_met_nor_missed() {
        let mut histogram = new_histogram();
        histogram.record_n(1, 367).unwrap();
        let summary = Summary { completed: 367, seconds: 1, ..Summary::default() };
        let result = Budget::parse(None, "p99", "1s").unwrap().judge(&summary, Some(&histogram), &[]);
        assert_eq!((result.outcome, result.needs_n), (Outcome::TooFew, 368));
    }
}
