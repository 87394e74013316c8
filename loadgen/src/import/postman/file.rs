//! The parts of a Postman collection (format 2.1) that are looked at.

use serde::Deserialize;
use serde_json::Value;

/// A collection, or a folder of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Collection {
    pub info: Info,
    pub item: Vec<Item>,
    pub variable: Vec<Pair>,
    pub auth: Option<Value>,
    pub event: Vec<Event>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Info {
    pub name: String,
    pub schema: String,
}

/// A folder, if it has items, or a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Item {
    pub name: String,
    pub item: Option<Vec<Item>>,
    pub request: Option<Value>,
    pub auth: Option<Value>,
    pub event: Vec<Event>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pair {
    pub key: String,
    pub value: Value,
    pub disabled: bool,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Of a form's file: a path, or several.
    pub src: Value,
    #[serde(rename = "contentType")]
    pub content_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    pub listen: String,
    pub script: Script,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Script {
    /// A text, or a list of lines.
    pub exec: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Request {
    pub method: Option<String>,
    pub url: Value,
    pub header: Value,
    pub body: Option<Body>,
    pub auth: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Body {
    pub mode: Option<String>,
    pub raw: Option<String>,
    pub urlencoded: Vec<Pair>,
    pub formdata: Vec<Pair>,
    pub graphql: Option<Graphql>,
    pub options: Value,
    pub disabled: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Graphql {
    pub query: String,
    /// A text of JSON, or JSON.
    pub variables: Value,
}

impl Script {
    /// Its text.
    pub fn text(&self) -> String {
        match &self.exec {
            Value::String(text) => text.clone(),
            Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
            _ => String::new(),
        }
    }
}

impl Pair {
    /// Its value as text.
    pub fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        }
    }
}
