//! The parts of a scenario file whose keys are names of the user's own: observers with the values they read, and
//! budgets about them.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::{
    de::At,
    forms::Scalar,
    problem::nearest,
    shapes::{OrMap, Pairs},
};

/// What is read of the target: a Prometheus endpoint with named values, or a response header.
#[derive(Debug)]
pub struct Observer {
    /// Its name.
    pub name: Option<At<String>>,
    /// Path under the target, or an URL, of a Prometheus endpoint.
    pub prometheus: Option<At<String>>,
    /// A response header such as `x-cache`, counted by value; `hit` and `miss` as words in it count as such.
    pub header: Option<At<String>>,
    /// Values read from the endpoint, by the names that budgets use.
    pub values: Vec<(At<String>, At<Value>)>,
}

/// How a value is computed from Prometheus series: `{ hits, all }`, `{ histogram, quantile }`, `{ rate }` or `{ gauge }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["hits", "all"]}, {"required": ["histogram"]}, {"required": ["rate"]}, {"required": ["gauge"]},
]))]
pub struct Value {
    /// The part: a running total such as `cache_requests_total{result="hit"}`.
    pub hits: Option<At<String>>,
    /// The whole: a running total.
    pub all: Option<At<String>>,
    /// A histogram's name, without `_bucket`.
    pub histogram: Option<At<String>>,
    /// Which quantile of it, 0 to 1. Default 0.95.
    pub quantile: Option<At<f64>>,
    /// A running total, shown as its growth a second.
    pub rate: Option<At<String>>,
    /// A level, shown as its mean.
    pub gauge: Option<At<String>>,
}

/// What must hold: `{ request: list tasks, p95: 100ms, p99: 1s }`.
#[derive(Debug, Deserialize)]
pub struct BudgetEntry(pub Pairs<At<Scalar>>);

const OBSERVER_KEYS: [&str; 3] = ["name", "prometheus", "header"];

impl<'de> Deserialize<'de> for Observer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObserverVisitor;

        impl<'de> Visitor<'de> for ObserverVisitor {
            type Value = Observer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map with `name` and `prometheus` or `header`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Observer, A::Error> {
                let mut observer =
                    Observer { name: None, prometheus: None, header: None, values: Vec::new() };
                while let Some(key) = map.next_key::<At<String>>()? {
                    match key.as_str() {
                        "name" => observer.name = map.next_value()?,
                        "prometheus" => observer.prometheus = map.next_value()?,
                        "header" => observer.header = map.next_value()?,
                        _ => {
                            let value: At<OrMap<String, Value>> = map.next_value()?;
                            let OrMap::Map(value_map) = value.value else {
                                return Err(de::Error::custom(not_a_value(&key)));
                            };
                            observer
                                .values
                                .push((key, At { span: value.span, key: value.key, value: value_map }));
                        }
                    }
                }
                Ok(observer)
            }
        }

        deserializer.deserialize_map(ObserverVisitor)
    }
}

fn not_a_value(key: &str) -> String {
    match nearest(key, &OBSERVER_KEYS) {
        Some(near) => format!("unknown key `{key}`; did you mean `{near}`?"),
        None => format!(
            "`{key}` is not `name`, `prometheus` or `header`, so it is a value to read: a map with `hits` and `all`, \
             `histogram`, `rate` or `gauge`"
        ),
    }
}

impl JsonSchema for Observer {
    fn schema_name() -> Cow<'static, str> {
        "Observer".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What is read of the target: a Prometheus endpoint with named values, or a response header.",
            "type": "object",
            "properties": {
                "name": { "type": "string", "description": "Its name." },
                "prometheus": {
                    "type": "string",
                    "description": "Path under the target, or an URL, of a Prometheus endpoint; asked once a second.",
                },
                "header": {
                    "type": "string",
                    "description": "A response header such as `x-cache`, counted by value; budgets use the observer's name for its share of hits. A value with the word `hit` or `miss` in it, after the last comma, counts as that: `Hit from cloudfront`, `MISS, HIT`.",
                },
            },
            "additionalProperties": generator.subschema_for::<Value>(),
            "required": ["name"],
            "oneOf": [{ "required": ["prometheus"] }, { "required": ["header"] }],
        })
    }
}

impl JsonSchema for BudgetEntry {
    fn schema_name() -> Cow<'static, str> {
        "Budget".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let time = "^\\s*(<=|>=|<|>)?\\s*[0-9].*(us|µs|ms|s|m|min|h)\\s*$";
        json_schema!({
            "description": "What must hold, such as `{ request: list tasks, p95: 100ms, p99: 1s }`.",
            "type": "object",
            "properties": {
                "request": { "type": "string", "description": "The request it is about; without it, all together." },
                "max": { "type": "string", "pattern": time, "description": "The longest response time." },
                "error_rate": {
                    "type": "string",
                    "pattern": "%\\s*$",
                    "description": "Failed requests and dropped arrivals over all, such as `0.1%`.",
                },
                "throughput": {
                    "type": "string",
                    "pattern": "/s\\s*$",
                    "description": "Requests answered as expected, such as `500/s`.",
                },
            },
            "patternProperties": {
                "^p[0-9]+(\\.[0-9]+)?$": {
                    "type": "string",
                    "pattern": time,
                    "description": "A percentile of response time, such as `200ms`.",
                },
            },
            "additionalProperties": {
                "type": ["string", "number"],
                "description": "An observed value, such as `\">= 80%\"`, `50ms`, `200/s` or a number.",
            },
            "minProperties": 1,
        })
    }
}
