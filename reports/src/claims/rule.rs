use record::unit::show_number;
use serde::{Deserialize, Serialize};

use crate::report::Interval;

/// What decides on a claim: what is measured, of which records, and what the figure is held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "measure", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// A percentile of the answers' times, milliseconds, of a run.
    Percentile {
        /// Which, 0..1.
        quantile: f64,
        /// From when on.
        of: Timing,
        /// Names of the requests it is of; of all where there is none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        requests: Vec<String>,
        /// What it is held against, milliseconds.
        expect: Expect,
        /// The users the claim is made for: fewer can contradict it, but not support it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_users: Option<u64>,
    },
    /// A percentile of a histogram that the target keeps, milliseconds.
    ObservedPercentile {
        /// Names of the observed value, the first that a run has.
        observed: Vec<String>,
        /// Which, 0..1.
        quantile: f64,
        /// What it is held against, milliseconds.
        expect: Expect,
    },
    /// A share that was observed of the target, per cent.
    ObservedShare {
        /// Names of the observed value, the first that a run has.
        observed: Vec<String>,
        /// What it is held against, per cent.
        expect: Expect,
        /// As above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_users: Option<u64>,
    },
    /// Failed requests and dropped arrivals over all, per cent.
    ErrorShare {
        /// What it is held against, per cent.
        expect: Expect,
        /// As above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_users: Option<u64>,
    },
    /// Connections to the database in use at once, on average: queries a second × seconds each (Little's law).
    BusyConnections {
        /// Names of an observed histogram of the queries' times, the first that a run has.
        observed: Vec<String>,
        /// What it is held against, connections.
        expect: Expect,
    },
    /// How much fewer queries a request makes with the cache than without, per cent: a pair of runs.
    DatabaseRelief {
        /// Names of an observed count of queries: a rate, or a histogram.
        queries: Vec<String>,
        /// Names of the observed hit ratio, which tells with from without.
        hits: Vec<String>,
        /// What it is held against, per cent.
        expect: Expect,
    },
    /// Users at once within the budgets: a capacity search, or a run of so many users.
    Users {
        /// What it is held against, users.
        expect: Expect,
        /// Whether the claim is of a larger system than one may have measured: what a smaller one does not hold says nothing
        /// against it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        of_larger_system: bool,
    },
    /// What machines cost that run all month, by the catalogue of prices, dollars.
    Price {
        /// The service of the catalogue.
        service: String,
        /// What of it.
        sku: String,
        /// How many.
        count: u64,
        /// What it is held against, dollars a month.
        expect: Expect,
    },
    /// How much less machines cost reserved than on demand, by the catalogue of prices, per cent.
    ReservedSaving {
        /// What it is held against, per cent.
        expect: Expect,
    },
    /// Nothing that a record could tell.
    Nothing {
        /// Why not.
        because: Because,
    },
}

/// From when on an answer's time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// From the instant the request was due.
    Response,
    /// From the instant it was sent.
    Service,
}

/// What a figure is held against, in the unit of its rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Less.
    Below(f64),
    /// As much or less.
    AtMost(f64),
    /// More.
    Above(f64),
    /// As much or more.
    AtLeast(f64),
    /// From the one to the other.
    Between(f64, f64),
    /// Within [`ABOUT`] of it.
    About(f64),
}

/// How far from a figure is still about it: a tenth.
pub const ABOUT: f64 = 0.1;

impl Expect {
    /// Whether an interval lies where it should: wholly (`Some(true)`), wholly outside (`Some(false)`), or on both sides. An
    /// end that is absent is unbounded.
    pub fn holds(self, interval: Interval) -> Option<bool> {
        let low = interval.low.unwrap_or(f64::NEG_INFINITY);
        let high = interval.high.unwrap_or(f64::INFINITY);
        let (inside, outside) = match self {
            Self::Below(limit) => (high < limit, low >= limit),
            Self::AtMost(limit) => (high <= limit, low > limit),
            Self::Above(limit) => (low > limit, high <= limit),
            Self::AtLeast(limit) => (low >= limit, high < limit),
            Self::Between(from, to) => (from <= low && high <= to, high < from || to < low),
            Self::About(value) => {
                return Self::Between(value * (1.0 - ABOUT), value * (1.0 + ABOUT)).holds(interval);
            }
        };
        if inside { Some(true) } else { outside.then_some(false) }
    }

    /// In words: `below 100 ms`.
    pub fn words(self, unit: &str) -> String {
        let shown = |value: f64| {
            if unit.is_empty() { show_number(value) } else { format!("{} {unit}", show_number(value)) }
        };
        match self {
            Self::Below(limit) => format!("below {}", shown(limit)),
            Self::AtMost(limit) => format!("at most {}", shown(limit)),
            Self::Above(limit) => format!("above {}", shown(limit)),
            Self::AtLeast(limit) => format!("at least {}", shown(limit)),
            Self::Between(low, high) => crate::report::span(&shown(low), &shown(high)),
            Self::About(value) => format!("about {} (± 10 %)", shown(value)),
        }
    }

    /// Its figures, which must be numbers.
    pub fn figures(self) -> Vec<f64> {
        match self {
            Self::Below(it) | Self::AtMost(it) | Self::Above(it) | Self::AtLeast(it) | Self::About(it) => {
                vec![it]
            }
            Self::Between(low, high) => vec![low, high],
        }
    }
}

impl Rule {
    /// The unit of what it measures.
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::Percentile { .. } | Self::ObservedPercentile { .. } => "ms",
            Self::ObservedShare { .. }
            | Self::ErrorShare { .. }
            | Self::DatabaseRelief { .. }
            | Self::ReservedSaving { .. } => "%",
            Self::Price { .. } => "USD a month",
            Self::BusyConnections { .. } => "connections",
            Self::Users { .. } => "users",
            Self::Nothing { .. } => "",
        }
    }

    /// What its figure is held against.
    pub const fn expect(&self) -> Option<Expect> {
        match self {
            Self::Percentile { expect, .. }
            | Self::ObservedPercentile { expect, .. }
            | Self::ObservedShare { expect, .. }
            | Self::ErrorShare { expect, .. }
            | Self::BusyConnections { expect, .. }
            | Self::DatabaseRelief { expect, .. }
            | Self::Price { expect, .. }
            | Self::ReservedSaving { expect }
            | Self::Users { expect, .. } => Some(*expect),
            Self::Nothing { .. } => None,
        }
    }

    /// The users the claim is made for.
    pub const fn at_users(&self) -> Option<u64> {
        match self {
            Self::Percentile { at_users, .. }
            | Self::ObservedShare { at_users, .. }
            | Self::ErrorShare { at_users, .. } => *at_users,
            _ => None,
        }
    }

    /// Which record, or which prices, would decide, in words.
    pub fn wanted(&self) -> String {
        let named =
            |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        match self {
            Self::Percentile { quantile, requests, .. } => {
                let of = if requests.is_empty() {
                    String::new()
                } else {
                    format!(" with the request {}", named(requests))
                };
                format!("a valid run{of} and {} answers or more", record::min_samples(*quantile))
            }
            Self::ObservedPercentile { observed, .. } | Self::BusyConnections { observed, .. } => {
                format!("a valid run that observes the histogram {}", named(observed))
            }
            Self::ObservedShare { observed, .. } => format!("a valid run that observes {}", named(observed)),
            Self::ErrorShare { .. } => "a valid run".to_owned(),
            Self::DatabaseRelief { queries, hits, .. } => format!(
                "two valid runs of one scenario, with the cache and without, that observe {} and {}",
                named(hits),
                named(queries)
            ),
            Self::Users { .. } => {
                "a capacity search whose answer is in users, or a valid run of the closed model".to_owned()
            }
            Self::Price { service, sku, .. } => {
                format!("a catalogue in USD with a price of `{service} {sku}`")
            }
            Self::ReservedSaving { .. } => {
                "a catalogue with reserved and on-demand prices of the same machine".to_owned()
            }
            Self::Nothing { .. } => String::new(),
        }
    }
}

/// Why nothing that is measured here could tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// It is chosen, not found.
    Setting,
    /// How much to buy.
    Prescription,
    /// Stages and dates.
    Plan,
    /// Prices.
    Price,
    /// What people do.
    Behaviour,
    /// Months.
    Months,
    /// Another part of the world.
    Scope,
    /// The sum is all there is.
    Sum,
}

impl Because {
    /// In a sentence without its full stop.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Setting => "a setting: it says what to choose and not what comes of it",
            Self::Prescription => "says how much to have and not what load it is to hold",
            Self::Plan => "a stage of a plan: dates and bands of users, with no effect to measure",
            Self::Price => "a price: no run tells it; the catalogue of `reports plan` does",
            Self::Behaviour => {
                "what people do is told by the logs of a service that has users; in a test it is assumed"
            }
            Self::Months => "takes months of operation to tell, not a run",
            Self::Scope => "lies outside of what a load test of one service sees",
            Self::Sum => "figures worked out from figures: the sum is all there is to check",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(low: f64, high: f64) -> Interval {
        Interval { low: Some(low), high: Some(high) }
    }

    #[test]
    fn a_claim_holds_only_where_its_whole_interval_does() {
        assert_eq!(Expect::Below(10.0).holds(between(8.0, 9.0)), Some(true));
        assert_eq!(Expect::Below(10.0).holds(between(8.0, 10.0)), None);
        assert_eq!(Expect::Below(10.0).holds(between(10.0, 11.0)), Some(false));
        assert_eq!(Expect::AtLeast(70.0).holds(Interval { low: Some(70.0), high: None }), Some(true));
        assert_eq!(Expect::AtLeast(70.0).holds(Interval { low: Some(60.0), high: None }), None);
        assert_eq!(Expect::Between(70.0, 80.0).holds(between(81.0, 90.0)), Some(false));
        assert_eq!(Expect::Between(70.0, 80.0).holds(between(75.0, 90.0)), None);
        assert_eq!(Expect::About(1000.0).holds(between(950.0, 1050.0)), Some(true));
        assert_eq!(Expect::About(1000.0).holds(Interval { low: Some(1101.0), high: None }), Some(false));
    }

    #[test]
    fn what_is_expected_is_said_with_its_unit() {
        assert_eq!(Expect::Below(100.0).words("ms"), "below 100 ms");
        assert_eq!(Expect::Between(70.0, 80.0).words("%"), "70–80 %");
    }
}
