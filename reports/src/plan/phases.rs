//! The phases to plan, as people write them.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use super::inputs::Key;
use crate::{
    cost::{Shares, Spare},
    failure::Failure,
};

/// The phases that are planned without a file.
const BUILT_IN: &str = include_str!("../../prices/phases.yaml");

/// A file of phases.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// The version of the form, 1.
    #[expect(dead_code, reason = "reading it checks it")]
    pub version: Version,
    /// Instances of the service that were behind what was measured.
    #[serde(default)]
    pub measured_instances: Count,
    /// What is known better than the program assumes or measured.
    #[serde(default, deserialize_with = "assumptions")]
    pub assume: BTreeMap<Key, Range>,
    /// The phases.
    pub phases: Vec<Phase>,
}

/// A number of users and what they are served by.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// People at it at the same time, at the peak of the day.
    pub users: Positive,
    /// Zones it is spread over.
    #[serde(default)]
    pub zones: Count,
    /// The instances of the service.
    pub api: Api,
    /// The databases.
    pub database: Database,
    /// The cache, where it is not in the process.
    pub cache: Option<Cache>,
    /// Whether a balancer stands before the instances.
    #[serde(default)]
    pub balancer: bool,
    /// The way out of a private network.
    pub nat: Option<Nat>,
    /// What else is needed.
    #[serde(default)]
    pub also: Vec<Also>,
    /// How machines are bought.
    #[serde(default, deserialize_with = "shares")]
    pub purchase: Shares,
}

/// The instances of the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// A machine of the catalogue's service `ec2`.
    pub sku: String,
    /// The least of them.
    #[serde(default)]
    pub minimum: Count,
    /// What they must survive.
    #[serde(default = "nothing")]
    pub survive: Spare,
    /// How their number follows the day; without it the peak's number runs all day.
    pub autoscale: Option<Autoscale>,
}

/// Instances that follow the day.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autoscale {
    /// From the order of an instance to its first request.
    pub lag: Lag,
}

/// The databases.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// A machine of the catalogue's service `rds-postgres`.
    pub sku: String,
    /// The least replicas of each primary.
    #[serde(default)]
    pub replicas: u64,
    /// The least primaries.
    #[serde(default)]
    pub shards: Count,
}

/// The cache.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// A machine of the catalogue's service `elasticache-redis`.
    pub sku: String,
    /// The least of them.
    #[serde(default)]
    pub nodes: Count,
    /// Copies of each.
    #[serde(default)]
    pub copies: u64,
}

/// The way out of a private network.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nat {
    /// Gateways.
    pub gateways: Count,
    /// GB a month through them.
    pub gb: Positive,
}

/// Something else that runs all month.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// What it is for.
    pub r#for: String,
    /// The service of the catalogue.
    pub service: String,
    /// What of it.
    pub sku: String,
    /// How many.
    #[serde(default)]
    pub count: Count,
}

const fn nothing() -> Spare {
    Spare::Nothing
}

/// A number of things, from 1 to a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u64);

impl Default for Count {
    fn default() -> Self {
        Self(1)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = u64::deserialize(deserializer)?;
        if (1..=1_000_000).contains(&count) {
            return Ok(Self(count));
        }
        Err(D::Error::custom(format!("{count} must be a whole number from 1 to 1000000")))
    }
}

/// A number above 0 and at most ten thousand million.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Positive(pub f64);

fn positive<E: Error>(number: f64) -> Result<f64, E> {
    if number > 0.0 && number <= 1e10 {
        return Ok(number);
    }
    Err(E::custom(format!("{number} must be a number above 0, at most 10000000000")))
}

impl<'de> Deserialize<'de> for Positive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        positive(f64::deserialize(deserializer)?).map(Self)
    }
}

/// A time of at most six hours, in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag(pub usize);

impl<'de> Deserialize<'de> for Lag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length = record::unit::parse_duration(&text).map_err(D::Error::custom)?;
        let minutes = (length.as_secs_f64() / 60.0).ceil() as usize;
        if minutes <= 360 {
            Ok(Self(minutes))
        } else {
            Err(D::Error::custom(format!("`{text}` must be at most 6h")))
        }
    }
}

/// The form's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version;

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(D::Error::custom(format!("version {other} is not known here; write `version: 1`"))),
        }
    }
}

fn shares<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Shares, D::Error> {
    let shares = Shares::deserialize(deserializer)?;
    shares.wrong().map_or(Ok(shares), |wrong| Err(D::Error::custom(wrong)))
}

/// Reads values by key and holds each against what makes sense of it, where its place is still known.
fn assumptions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Key, Range>, D::Error> {
    struct Values;
    impl<'de> Visitor<'de> for Values {
        type Value = BTreeMap<Key, Range>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("values by name, such as `peak_over_mean: 2`")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut values = BTreeMap::new();
            while let Some(key) = map.next_key::<Key>()? {
                let range: Range = map.next_value()?;
                let (low, high) = key.bounds();
                if range.low < low || range.high > high {
                    let message = format!("`{}` must be from {low} to {high}", key.name());
                    return Err(A::Error::custom(message));
                }
                if values.insert(key, range).is_some() {
                    return Err(A::Error::custom(format!("`{}` is written twice", key.name())));
                }
            }
            Ok(values)
        }
    }
    deserializer.deserialize_map(Values)
}

/// A value, and between which it may lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The lowest.
    pub low: f64,
    /// The one to plan by.
    pub mid: f64,
    /// The highest.
    pub high: f64,
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Range;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or { low, mid, high }")
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Range, E> {
                let number = positive(number)?;
                Ok(Range { low: number, mid: number, high: number })
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Range, E> {
                self.visit_f64(number as f64)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Range, E> {
                self.visit_f64(number as f64)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Range, A::Error> {
                let (mut low, mut mid, mut high) = (None, None, None);
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value::<Positive>()?.0;
                    match key.as_str() {
                        "low" => low = Some(value),
                        "mid" => mid = Some(value),
                        "high" => high = Some(value),
                        other => {
                            return Err(A::Error::custom(format!("`{other}` is none of low, mid, high")));
                        }
                    }
                }
                match (low, mid, high) {
                    (Some(low), Some(mid), Some(high)) if low <= mid && mid <= high => {
                        Ok(Range { low, mid, high })
                    }
                    (Some(_), Some(_), Some(_)) => Err(A::Error::custom("low, mid and high must not fall")),
                    _ => Err(A::Error::custom("a range needs low, mid and high")),
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Phases {
    /// The phases of `path`, in YAML, JSON or (by the name's end) TOML; those that the program brings without one.
    ///
    /// # Errors
    /// Not to be read, or not as it must be: with file, line and column.
    pub fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return parse(BUILT_IN, false)
                .map_err(|(at, message)| Failure::internal(format!("phases.yaml{at}: {message}")));
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read the phases {}: {error}", path.display())))?;
        let toml = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("toml"));
        parse(&text, toml)
            .map_err(|(at, message)| Failure::usage(format!("{}{at}: {message}", path.display())))
    }
}

/// Most phases that a page can hold.
const MOST: usize = 12;

fn parse(text: &str, toml: bool) -> Result<Phases, (String, String)> {
    let phases: Phases = if toml { of_toml(text) } else { of_yaml(text) }?;
    if phases.phases.is_empty() || phases.phases.len() > MOST {
        return Err((String::new(), format!("holds {} phases; write 1 to {MOST}", phases.phases.len())));
    }
    let falls = phases.phases.windows(2).find(|pair| pair[1].users.0 <= pair[0].users.0);
    if let Some([before, after]) = falls {
        let message = format!(
            "phase `{}` has {} users and follows `{}` with {}; write phases in order of users",
            after.name, after.users.0, before.name, before.users.0
        );
        return Err((String::new(), message));
    }
    Ok(phases)
}

fn of_yaml(text: &str) -> Result<Phases, (String, String)> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let at = error.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
        let text = error.without_snippet().to_string();
        (at, text.split(" at line ").next().unwrap_or_default().to_owned())
    })
}

fn of_toml(text: &str) -> Result<Phases, (String, String)> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or_else(String::new, |span| {
            let before = text.get(..span.start).unwrap_or_default();
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!(":{}:{column}", before.matches('\n').count() + 1)
        });
        (at, error.message().to_owned())
    })
}

#[cfg(test)]
#[path = "phases_tests.rs"]
mod tests;
