//! What answers must be and what is kept of them.

use regex::bytes::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::Check;
use crate::{
    flow::{
        expect::{Expect, Wanted},
        extract::Extract,
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
            self.no_placeholder(value.span, &value.text);
            made.headers.extend(self.header_name(name).map(|name| (name, wanted)));
        }
        for text in expect.body.iter().flat_map(|body| &body.contains.0) {
            self.no_placeholder(text.span, &text.text);
            made.contains.push(text.text.clone());
        }
        made
    }

    /// The variables that an answer sets.
    pub fn save(&mut self, save: &Pairs<At<OrMap<String, Source>>>) -> Vec<(Slot, Extract)> {
        let mut made = Vec::new();
        for (name, source) in &save.0 {
            let extract = match &source.value {
                OrMap::Short(path) => self.json_path(source.span, path).map(Extract::Json),
                OrMap::Map(map) => self.source(source.span, map),
            };
            made.extend(self.saved.get_index_of(name.as_str()).zip(extract));
        }
        made
    }

    fn source(&mut self, span: Span, source: &Source) -> Option<Extract> {
        match (&source.json, &source.header, &source.cookie, &source.regex) {
            (Some(path), None, None, None) => self.json_path(path.span, path).map(Extract::Json),
            (None, Some(name), None, None) => self.header_name(name).map(Extract::Header),
            (None, None, Some(name), None) => Some(Extract::Cookie(name.value.clone())),
            (None, None, None, Some(regex)) => {
                let read = Regex::new(regex).map_err(|error| {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    format!("not a regular expression: {reason}")
                });
                self.keep(regex.span, read).map(Extract::Regex)
            }
            _ => {
                let message = "a value is taken from exactly one of `json`, `header`, `cookie` and `regex`";
                self.problem(span, message);
                None
            }
        }
    }

    fn json_path(&mut self, span: Span, path: &str) -> Option<JsonPath> {
        let read = JsonPath::parse(path).map_err(|error| {
            let right =
                "write such as `$.items[0].id`, or `{ header: location }` for what is not in the body";
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
                self.no_placeholder(json.span, text);
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

    fn no_placeholder(&mut self, span: Span, text: &str) {
        if has_placeholder(text) {
            self.problem(span, "`expect` takes fixed values; a variable cannot stand here");
        }
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
