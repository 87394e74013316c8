use record::{
    min_samples,
    unit::{show_number, show_ratio, show_us},
};
use serde::Serialize;

use super::{
    Change, Side,
    change::{Seen, changed, difference, relative},
    side::Counts,
};
use crate::{
    report::{Interval, interval_words},
    stats::{CONFIDENCE, Cumulative, MIN_RUNS, bootstrap_interval, quantile_of, ranks, wilson},
};

/// A figure of both sets and its change.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The request; nothing for all together.
    pub request: Option<String>,
    /// `throughput`, `errors`, `p50`, `p95` …
    pub metric: &'static str,
    /// What its figures count.
    pub unit: Unit,
    /// In the first set.
    pub before: Figure,
    /// In the second set.
    pub after: Figure,
    /// The change: relative, or, of a ratio, the difference.
    pub by: Option<f64>,
    /// Its interval, at `confidence`.
    pub interval: Option<Interval>,
    /// Of the interval, 0..1: higher for single requests, of which there are many to be wrong about.
    pub confidence: f64,
    /// The change with its interval in words.
    pub change_text: String,
    /// What may be said of it.
    pub change: Change,
}

/// A figure of one set of runs.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Its value, in the row's unit.
    pub value: Option<f64>,
    /// Its 95 % interval: order statistics or, with five runs or more, the wider of those and a bootstrap over runs.
    pub interval: Option<Interval>,
    /// The value in words.
    pub text: String,
    /// Samples behind it.
    pub n: u64,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Requests answered a second.
    PerS,
    /// A share, 0..1.
    Ratio,
    /// Microseconds.
    Us,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::PerS => format!("{} /s", show_number(value)),
            Self::Ratio => show_ratio(value),
            Self::Us => show_us(value),
        }
    }

    /// The interval of a change: `−3.2 to +1.4 %`. A dash between two signs reads badly.
    fn between(self, Interval { low, high }: Interval) -> String {
        let shown = |end: Option<f64>| end.map(|end| self.signed(end));
        match (shown(low), shown(high)) {
            (Some(low), Some(high)) => {
                format!("{} to {high}", low.rsplit_once(' ').map_or("", |(number, _)| number))
            }
            (Some(low), None) => format!("{low} or more"),
            (None, Some(high)) => format!("{high} or less"),
            (None, None) => "unbounded".to_owned(),
        }
    }

    /// A change with its sign: in per cent, or, of a share, in percentage points.
    fn signed(self, by: f64) -> String {
        let sign = if by > 0.0 {
            "+"
        } else if by < 0.0 {
            "−"
        } else {
            "±"
        };
        match self {
            Self::Ratio => format!("{sign}{} points", show_number(by.abs() * 100.0)),
            Self::PerS | Self::Us => format!("{sign}{}", show_ratio(by.abs())),
        }
    }
}

impl Row {
    /// `p95`, `p95 of list tasks`.
    pub fn name(&self) -> String {
        match &self.request {
            Some(request) => format!("{} of {request}", self.metric),
            None => self.metric.to_owned(),
        }
    }
}

/// Percentiles of all requests together, and of each.
const OF_ALL: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];
const OF_EACH: [(&str, f64); 2] = [("p95", 0.95), ("p99", 0.99)];
/// The least change of the share of errors that counts: a tenth of a per cent of the requests.
const LEAST_ERRORS: f64 = 0.001;

/// Every figure of the two sets.
pub fn rows(before: &Side, after: &Side, least_effect: f64) -> Vec<Row> {
    let mut rows = vec![throughput(before, after, least_effect), errors(before, after)];
    for (metric, quantile) in OF_ALL {
        let of = |side: &Side| percentile(side, &side.all, quantile);
        rows.push(latency(None, metric, of(before), of(after), least_effect, CONFIDENCE));
    }
    let shared: Vec<(&String, &Vec<Cumulative>, &Vec<Cumulative>)> = before
        .requests
        .iter()
        .filter_map(|(name, runs)| Some((name, runs, after.requests.get(name)?)))
        // The only request of both is all of them, and stands above.
        .filter(|_| before.requests.len().max(after.requests.len()) > 1)
        .collect();
    // Bonferroni: together these rows are wrong as seldom as one of the others.
    let chances = (shared.len() * OF_EACH.len()).max(1) as f64;
    let confidence = 1.0 - (1.0 - CONFIDENCE) / chances;
    for (name, first, second) in shared {
        for (metric, quantile) in OF_EACH {
            let (one, other) = (percentile(before, first, quantile), percentile(after, second, quantile));
            rows.push(latency(Some(name), metric, one, other, least_effect, confidence));
        }
    }
    rows
}

/// A percentile of a set, and the samples behind it; nothing where they cannot bound it.
fn percentile(side: &Side, runs: &[Cumulative], quantile: f64) -> (Option<Seen>, u64) {
    let once = vec![1; runs.len()];
    let n: u64 = runs.iter().map(Cumulative::len).sum();
    let at = |runs: &[Cumulative], times: &[u32], quantile: f64| {
        quantile_of(runs, times, quantile).map_or(f64::INFINITY, |us| us as f64)
    };
    let value = at(runs, &once, quantile);
    if n < min_samples(quantile) || !value.is_finite() {
        return (None, n);
    }
    // The ends of the order-statistic interval are percentiles too: those of their ranks.
    let ends = |runs: &[Cumulative], times: &[u32]| {
        let n: u64 = runs.iter().map(Cumulative::len).sum();
        let found = ranks(n, quantile);
        let end = |rank: Option<u64>, open: f64| {
            rank.map_or(open, |rank| at(runs, times, (rank as f64 - 0.5) / n as f64))
        };
        (end(found.low, 0.0), end(found.high, f64::INFINITY))
    };
    let (low, high) = ends(runs, &once);
    let alone = runs.chunks(1).map(|run| ends(run, &[1]));
    let spread = alone.fold((low, high), |(low, high), alone| (low.min(alone.0), high.max(alone.1)));
    let draws = side.resamples.apply(|times| at(runs, times, quantile));
    (Some(Seen { value, low, high, spread, draws, runs: runs.len() }.widened()), n)
}

impl Seen {
    /// With an interval as wide as the spread of the runs makes it, where they are enough to tell.
    fn widened(mut self) -> Self {
        if self.runs >= MIN_RUNS {
            let (low, high) =
                bootstrap_interval(self.draws.clone(), self.runs, (self.runs - 1) as f64, CONFIDENCE);
            self.low = self.low.min(low);
            self.high = self.high.max(high);
        }
        self
    }

    fn figure(&self, unit: Unit, n: u64) -> Figure {
        let end = |value: f64| Some(value).filter(|value| value.is_finite());
        let interval = Interval { low: end(self.low), high: end(self.high) };
        let spread = interval_words(interval, |value| unit.show(value));
        Figure {
            value: Some(self.value),
            interval: Some(interval),
            text: format!("{} ({spread})", unit.show(self.value)),
            n,
        }
    }
}

fn latency(
    request: Option<&String>,
    metric: &'static str,
    before: (Option<Seen>, u64),
    after: (Option<Seen>, u64),
    least: f64,
    confidence: f64,
) -> Row {
    let judged = Judged { metric, unit: Unit::Us, to: relative, least, confidence, growth_is_worse: true };
    judged.row(request, before, after)
}

fn throughput(before: &Side, after: &Side, least: f64) -> Row {
    let of = |side: &Side| {
        let rate = |times: &[u32]| {
            let (done, seconds) = weighed(side, times, |counts| (counts.completed, counts.seconds));
            done / seconds.max(1.0)
        };
        let alone = |counts: &Counts| {
            let (done, seconds) = (counts.completed as f64, counts.seconds.max(1) as f64);
            // A count's own spread: the root of it, were arrivals independent.
            ((done - 1.96 * done.sqrt()) / seconds, (done + 1.96 * done.sqrt()) / seconds)
        };
        let n = side.counts.iter().map(|counts| counts.completed).sum();
        (Some(seen(side, rate, alone)), n)
    };
    let judged = Judged {
        metric: "throughput",
        unit: Unit::PerS,
        to: relative,
        least,
        confidence: CONFIDENCE,
        growth_is_worse: false,
    };
    judged.row(None, of(before), of(after))
}

fn errors(before: &Side, after: &Side) -> Row {
    let of = |side: &Side| {
        let share = |times: &[u32]| {
            let (lost, all) = weighed(side, times, |counts| (counts.lost, counts.lost + counts.completed));
            lost / all.max(1.0)
        };
        let alone = |counts: &Counts| {
            wilson(counts.lost as f64, (counts.lost + counts.completed) as f64).unwrap_or((0.0, 1.0))
        };
        let n = side.counts.iter().map(|counts| counts.lost + counts.completed).sum();
        (Some(seen(side, share, alone)), n)
    };
    let judged = Judged {
        metric: "errors",
        unit: Unit::Ratio,
        to: difference,
        least: LEAST_ERRORS,
        confidence: CONFIDENCE,
        growth_is_worse: true,
    };
    judged.row(None, of(before), of(after))
}

fn weighed(side: &Side, times: &[u32], parts: fn(&Counts) -> (u64, u64)) -> (f64, f64) {
    side.counts.iter().zip(times).fold((0.0, 0.0), |(above, below), (counts, times)| {
        let (one, other) = parts(counts);
        (above + f64::from(*times) * one as f64, below + f64::from(*times) * other as f64)
    })
}

/// A figure of counts: `of` draws of the runs, and the interval of a run `alone`.
fn seen(side: &Side, of: impl Fn(&[u32]) -> f64, alone: impl Fn(&Counts) -> (f64, f64)) -> Seen {
    let value = of(&vec![1; side.runs()]);
    let alone = side.counts.iter().map(alone);
    let spread = alone.fold((value, value), |(low, high), alone| (low.min(alone.0), high.max(alone.1)));
    // A few runs have the intervals of their counts; from five on their own spread tells more.
    let (low, high) = if side.runs() < MIN_RUNS { spread } else { (value, value) };
    Seen { value, low, high, spread, draws: side.resamples.apply(of), runs: side.runs() }.widened()
}

/// How a figure is judged.
struct Judged {
    metric: &'static str,
    unit: Unit,
    to: fn(f64, f64) -> f64,
    least: f64,
    confidence: f64,
    growth_is_worse: bool,
}

impl Judged {
    fn row(&self, request: Option<&String>, before: (Option<Seen>, u64), after: (Option<Seen>, u64)) -> Row {
        let figure = |(seen, n): &(Option<Seen>, u64)| match seen {
            Some(seen) => seen.figure(self.unit, *n),
            None => Figure { value: None, interval: None, text: "n too small".to_owned(), n: *n },
        };
        let mut row = Row {
            request: request.cloned(),
            metric: self.metric,
            unit: self.unit,
            before: figure(&before),
            after: figure(&after),
            by: None,
            interval: None,
            confidence: self.confidence,
            change_text: "n too small".to_owned(),
            change: Change::TooFew,
        };
        let (Some(before), Some(after)) = (before.0, after.0) else { return row };
        let found = changed(&before, &after, self.to, self.least, self.confidence);
        let end = |value: f64| Some(value).filter(|value| value.is_finite());
        row.by = end(found.by);
        row.interval = Some(Interval { low: end(found.low), high: end(found.high) });
        row.change_text = match (row.by, row.interval) {
            (Some(by), Some(interval)) => {
                format!("{} ({})", self.unit.signed(by), self.unit.between(interval))
            }
            _ => "from nothing".to_owned(),
        };
        row.change = match found.grew {
            None => Change::Same,
            Some(grew) if grew == self.growth_is_worse => Change::Worse,
            Some(_) => Change::Better,
        };
        row
    }
}
