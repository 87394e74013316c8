//! What answers must be and what is kept of them.

use regex::bytes::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::Check;
use crate::{
    flow::{
        expect::{Expect, Wanted},
        extract::{Extract, Pick, Place},
        template::has_placeholder,
    },
    plan::{
        de::At,
        file::{self, Source},
        model::Slot,
        problem::Span,
        shapes::{Json, OrMap, Pairs},
    },
};

/// Why what is expected holds no variables: it is the same for everyone.
const FIXED: &str = "`expect` takes fixed values";

impl Check<'_> {
    /// What an answer must be.
    pub fn expect(&mut self, expect: &file::Expect) -> Expect {
        let mut made = Expect { within: expect.within.as_ref().map(|it| it.0), ..Expect::default() };
        for status in expect.status.iter().flat_map(|status| &status.0) {
            made.status.extend(self.keep(status.span, status_range(&status.0)));
        }
        for (path, wanted) in expect.json.iter().flat_map(|json| &json.0) {
            let path = self.json_path(path.span, path);
            let wanted = self.literal(wanted).map(|value| match value {
                Value::String(text) if text == "exists" => Wanted::Exists,
                Value::String(text) if text == "absent" => Wanted::Absent,
                value => Wanted::Equal(value),
            });
            made.json.extend(path.zip(wanted));
        }
        for (name, value) in expect.header.iter().flat_map(|header| &header.0) {
            let wanted = match value.text.as_str() {
                "exists" => Wanted::Exists,
                "absent" => Wanted::Absent,
                text => Wanted::Equal(text.to_owned()),
            };
            self.no_placeholder(value.span, &value.text, FIXED);
            made.headers.extend(self.header_name(name).map(|name| (name, wanted)));
        }
        for text in expect.body.iter().flat_map(|body| &body.contains.0) {
            self.no_placeholder(text.span, &text.text, FIXED);
            made.contains.push(text.text.clone());
        }
        made
    }

    /// The variables that an answer sets.
    pub fn save(&mut self, save: &Pairs<At<OrMap<String, Source>>>) -> Vec<(Slot, Extract)> {
        let mut made = Vec::new();
        for (name, source) in &save.0 {
            let extract = match &source.value {
                OrMap::Short(text) => self.short(source.span, text).map(Extract::first),
                OrMap::Map(map) => self.source(source.span, map),
            };
            made.extend(self.saved.get_index_of(name.as_str()).zip(extract));
        }
        made
    }

    fn short(&mut self, span: Span, text: &str) -> Option<Place> {
        match text.trim() {
            "status" => Some(Place::Status),
            "body" => Some(Place::Body),
            _ => self.json_path(span, text).map(Place::Json),
        }
    }

    fn source(&mut self, span: Span, source: &Source) -> Option<Extract> {
        let given =
            [&source.json, &source.header, &source.cookie, &source.regex, &source.input, &source.meta];
        let place = match given {
            [Some(path), None, None, None, None, None] => self.short(path.span, path),
            [None, Some(name), None, None, None, None] => self.header_name(name).map(Place::Header),
            [None, None, Some(name), None, None, None] => Some(Place::Cookie(name.value.clone())),
            [None, None, None, Some(regex), None, None] => {
                let read = Regex::new(regex).map_err(|error| {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    format!("not a regular expression: {reason}")
                });
                self.keep(regex.span, read).map(Place::Regex)
            }
            [None, None, None, None, Some(name), None] => Some(Place::Input(name.value.clone())),
            [None, None, None, None, None, Some(name)] => Some(Place::Meta(name.value.clone())),
            _ => {
                let message = "a value is taken from exactly one of `json`, `header`, `cookie`, `regex`, `input` and `meta`";
                self.problem(span, message);
                None
            }
        };
        let pick = match &source.pick {
            Some(text) => self.keep(text.span, pick(&text.0)),
            None => Some(Pick::Nth(0)),
        };
        if let Some(default) = &source.default {
            self.no_placeholder(default.span, &default.text, "`default` is a fixed value");
        }
        let default = source.default.as_ref().map(|default| default.text.clone());
        Some(Extract { place: place?, pick: pick?, default })
    }

    fn json_path(&mut self, span: Span, path: &str) -> Option<JsonPath> {
        let read = JsonPath::parse(path).map_err(|error| {
            let right = "write such as `$.items[0].id`, `status`, or `{ header: location }`";
            format!("`{path}` is not a JSONPath ({}); {right}", error.message())
        });
        self.keep(span, read)
    }

    /// The value, which must not hold placeholders: what is expected is the same for everyone.
    fn literal(&mut self, json: &At<Json>) -> Option<Value> {
        Some(match &json.value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => Value::Number(number.clone()),
            Json::Text(text) => {
                self.no_placeholder(json.span, text, FIXED);
                Value::String(text.clone())
            }
            Json::List(items) => Value::Array(items.iter().filter_map(|item| self.literal(item)).collect()),
            Json::Map(pairs) => {
                let pairs =
                    pairs.0.iter().filter_map(|(key, value)| Some((key.value.clone(), self.literal(value)?)));
                Value::Object(pairs.collect())
            }
        })
    }

    fn no_placeholder(&mut self, span: Span, text: &str, why: &str) {
        if has_placeholder(text) {
            self.problem(span, format!("{why}; a variable cannot stand here"));
        }
    }
}

/// Which of many.
fn pick(text: &str) -> Result<Pick, String> {
    match text.trim() {
        "first" => Ok(Pick::Nth(0)),
        "last" => Ok(Pick::Last),
        "random" => Ok(Pick::Random),
        "all" => Ok(Pick::All),
        number => match number.parse::<usize>() {
            Ok(number) if number > 0 => Ok(Pick::Nth(number - 1)),
            _ => Err(format!(
                "`{text}` picks nothing; write `first`, `last`, `random`, `all`, or a number from 1"
            )),
        },
    }
}

/// `200` or `2xx` as a range with both ends.
fn status_range(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("`{text}` is not a status; write such as `200`, `2xx` or `[200, 404]`");
    if let Some(class) = text.strip_suffix("xx") {
        return match class.parse::<u16>() {
            Ok(class @ 1..=5) => Ok((class * 100, class * 100 + 99)),
            _ => Err(wrong()),
        };
    }
    match text.parse::<u16>() {
        Ok(status @ 100..=599) => Ok((status, status)),
        _ => Err(wrong()),
    }
}
