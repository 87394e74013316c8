//! The small forms that single values of a scenario take, each with how it is read and what its schema is.

use std::{borrow::Cow, fmt, time::Duration};

use record::unit::parse_duration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

use super::de::{NUMBER, SCALAR};

/// Implements [`JsonSchema`] by one schema, written where it is used.
macro_rules! inline_schema {
    ($type:ty, $schema:tt) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// No duration of a scenario is meant to be longer.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A duration such as `200ms` or `1m30s`, at most a year.
#[derive(Debug, Clone, Copy)]
pub struct Time(pub Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = spelling(deserializer, "a duration such as `200ms`")?;
        match parse_duration(&text).map_err(de::Error::custom)? {
            time if time <= LONGEST => Ok(Self(time)),
            _ => Err(de::Error::custom(format!("`{text}` is longer than a year"))),
        }
    }
}

inline_schema!(Time, {
    "type": "string",
    "pattern": "^\\s*([0-9]*\\.?[0-9]*\\s*(us|µs|ms|s|m|min|h)\\s*)+$",
    "examples": ["200ms", "10s", "1m30s"],
});

/// A rate in events a second, written `500/s`, `30/min`, `7200/h`, or a number (a second).
#[derive(Debug, Clone, Copy)]
pub struct Rate(pub f64);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = spelling(deserializer, "a rate such as `500/s`")?;
        parse_rate(&text).map(Self).map_err(de::Error::custom)
    }
}

inline_schema!(Rate, {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*/\\s*(s|min|m|h)\\s*$"},
    ],
    "examples": ["500/s", "30/min"],
});

fn parse_rate(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is not a rate; write `500/s`, `30/min` or a number a second");
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" => 1.0,
        "min" | "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let rate = number.trim().parse::<f64>().map_err(|_| wrong())? / seconds;
    if rate.is_finite() && rate >= 0.0 { Ok(rate) } else { Err(wrong()) }
}

/// A share, 0..1, written as a percentage.
#[derive(Debug, Clone, Copy)]
pub struct Share(pub f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = spelling(deserializer, "a percentage such as `50%`")?;
        let share = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        match share {
            Some(percent) if (0.0..=100.0).contains(&percent) => Ok(Self(percent / 100.0)),
            _ => Err(de::Error::custom(format!("`{text}` is not a share; write a percentage such as `50%`"))),
        }
    }
}

inline_schema!(Share, { "type": "string", "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*%\\s*$", "examples": ["50%"] });

/// Text, a number or a truth value, as it was written.
#[derive(Debug, Clone)]
pub struct Scalar {
    /// Its spelling.
    pub text: String,
    /// Whether it is a number as JSON writes it, without quotes.
    pub number: bool,
}

inline_schema!(Scalar, { "type": ["string", "number", "boolean"] });

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;

        impl<'de> Visitor<'de> for ScalarVisitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a number, true or false")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Scalar, A::Error> {
                let text: String = parts.next_element()?.unwrap_or_default();
                let kind: Option<String> = parts.next_element()?;
                // Not every number of YAML is one of JSON: `0x1F`, `+5`.
                let number = kind.as_deref() == Some(NUMBER) && text.parse::<serde_json::Number>().is_ok();
                Ok(Scalar { text, number })
            }
        }

        deserializer.deserialize_tuple_struct(SCALAR, 2, ScalarVisitor)
    }
}

/// A scalar as it was written, whatever it looks like.
fn spelling<'de, D: Deserializer<'de>>(deserializer: D, expected: &'static str) -> Result<String, D::Error> {
    struct Spelling(&'static str);

    impl Visitor<'_> for Spelling {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
    }

    deserializer.deserialize_str(Spelling(expected))
}

/// A status or a class of them: `200`, `2xx`.
#[derive(Debug, Clone)]
pub struct StatusText(pub String);

impl<'de> Deserialize<'de> for StatusText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        spelling(deserializer, "a status such as `200` or `2xx`").map(Self)
    }
}

inline_schema!(StatusText, {
    "anyOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": "^[1-5]([0-9][0-9]|xx)$"},
    ],
});

/// A version of HTTP: `auto`, `1` or `2`.
#[derive(Debug, Clone)]
pub struct HttpText(pub String);

impl<'de> Deserialize<'de> for HttpText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        spelling(deserializer, "`auto`, `1` or `2`").map(Self)
    }
}

inline_schema!(HttpText, { "enum": ["auto", 1, 2, "1", "2"] });

/// How often: a number, a constant under `vars`, or `${int(1,5)}`.
#[derive(Debug, Clone)]
pub struct TimesText(pub String);

impl<'de> Deserialize<'de> for TimesText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        spelling(deserializer, "a number, or `${int(1,5)}`").map(Self)
    }
}

inline_schema!(TimesText, { "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}] });

/// Which of many: `first`, `last`, `random`, `all`, or a number from 1.
#[derive(Debug, Clone)]
pub struct PickText(pub String);

impl<'de> Deserialize<'de> for PickText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        spelling(deserializer, "`first`, `last`, `random`, `all`, or a number from 1").map(Self)
    }
}

inline_schema!(PickText, {
    "anyOf": [
        {"enum": ["first", "last", "random", "all"]},
        {"type": "integer", "minimum": 1},
    ],
});
