//! A value that a schema allows: its example, its default, or one made up.

use serde_json::{Map, Value, json};

use super::document::Document;
use crate::import::text::Text;

/// Schemas nested deeper than this are cut.
const DEEPEST: usize = 8;

/// A value for a parameter or a media type, which may have examples of its own, with the texts of scenarios in it: what is
/// made up is another each time.
pub fn of_holder(document: &Document, holder: &Map<String, Value>, name: &str) -> Option<Value> {
    if let Some(example) = own_example(document, holder) {
        return Some(literal(&example));
    }
    let schema = holder.get("schema")?;
    Some(made(document, schema, name, DEEPEST, &mut 2_000))
}

fn own_example(document: &Document, holder: &Map<String, Value>) -> Option<Value> {
    if let Some(example) = holder.get("example") {
        return Some(example.clone());
    }
    match holder.get("examples")? {
        Value::Array(list) => list.first().cloned(),
        Value::Object(named) => document.follow(named.values().next()?)?.get("value").cloned(),
        _ => None,
    }
}

/// Literal JSON as scenarios write it.
pub fn literal(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(Text::literal(text).to_string()),
        Value::Array(items) => items.iter().map(literal).collect(),
        Value::Object(members) => Value::Object(
            members.iter().map(|(key, value)| (Text::literal(key).to_string(), literal(value))).collect(),
        ),
        other => other.clone(),
    }
}

fn made(document: &Document, schema: &Value, name: &str, depth: usize, left: &mut usize) -> Value {
    let Some(Value::Object(schema)) = document.follow(schema) else { return Value::Null };
    if depth == 0 || *left == 0 {
        return Value::Null;
    }
    *left -= 1;
    if let Some(example) = own_example(document, schema).or_else(|| schema.get("default").cloned()) {
        return literal(&example);
    }
    if let Some(fixed) = schema.get("const").or_else(|| schema.get("enum").and_then(|it| it.get(0))) {
        return literal(fixed);
    }
    for key in ["oneOf", "anyOf"] {
        let choices = schema.get(key).and_then(Value::as_array);
        let real =
            choices.into_iter().flatten().find(|it| it.get("type").and_then(Value::as_str) != Some("null"));
        if let Some(choice) = real {
            return made(document, choice, name, depth - 1, left);
        }
    }
    match kind(schema) {
        "object" => object(document, schema, depth, left),
        "array" => {
            let item = schema.get("items").map(|items| made(document, items, name, depth - 1, left));
            item.filter(|item| !item.is_null()).map_or_else(|| json!([]), |item| json!([item]))
        }
        "integer" => whole(schema),
        "number" => match (bound(schema, "minimum"), bound(schema, "maximum")) {
            (Some(low), Some(high)) => json!((low + high) / 2.0),
            (Some(low), None) => json!(low.max(1.0)),
            (None, Some(high)) => json!(high.min(1.0)),
            (None, None) => json!(1.5),
        },
        "boolean" => json!(true),
        "null" => Value::Null,
        _ => Value::String(text(schema, name)),
    }
}

/// The schema's type: said, or told from what else it says. Of several, the first that is not `null`.
fn kind(schema: &Map<String, Value>) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|it| *it != "null").unwrap_or("null")
        }
        _ if schema.contains_key("properties") || schema.contains_key("allOf") => "object",
        _ if schema.contains_key("items") => "array",
        _ => "string",
    }
}

/// Required members, and those with an example or a default of their own.
fn object(document: &Document, schema: &Map<String, Value>, depth: usize, left: &mut usize) -> Value {
    let mut members = Map::new();
    let parts = schema.get("allOf").and_then(Value::as_array);
    for part in parts.into_iter().flatten() {
        if let Value::Object(more) = made(document, part, "", depth - 1, left) {
            members.extend(more);
        }
    }
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let Some(property) = document.follow(property) else { continue };
        let said = ["example", "default", "const"].iter().any(|key| property.get(key).is_some());
        let ours = property.get("readOnly") != Some(&Value::Bool(true));
        if ours && (said || required.contains(&name.as_str())) && name.len() < 500 {
            members.insert(Text::literal(name).to_string(), made(document, property, name, depth - 1, left));
        }
    }
    Value::Object(members)
}

fn bound(schema: &Map<String, Value>, key: &str) -> Option<f64> {
    schema.get(key).and_then(Value::as_f64)
}

fn whole(schema: &Map<String, Value>) -> Value {
    let low = bound(schema, "minimum").or_else(|| bound(schema, "exclusiveMinimum").map(|it| it + 1.0));
    let high = bound(schema, "maximum").or_else(|| bound(schema, "exclusiveMaximum").map(|it| it - 1.0));
    match (low.map(|it| it.ceil() as i64), high.map(|it| it.floor() as i64)) {
        (Some(low), Some(high)) if low < high => Value::String(format!("${{int({low},{high})}}")),
        (Some(low), _) => json!(low.max(1)),
        (None, Some(high)) => json!(high.min(1)),
        (None, None) => json!(1),
    }
}

fn text(schema: &Map<String, Value>, name: &str) -> String {
    let length = |key: &str| schema.get(key).and_then(Value::as_u64);
    let (least, most) =
        (length("minLength").unwrap_or(0).min(5_000), length("maxLength").unwrap_or(u64::MAX));
    let name = name.to_ascii_lowercase();
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let fixed = match format {
        "uuid" => "${uuid}",
        "date-time" => "${now}",
        "date" => "2026-01-31",
        "time" => "12:00:00Z",
        "duration" => "P1D",
        "email" => "user-${uuid}@example.com",
        "uri" | "url" | "uri-reference" => "https://example.com/",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "byte" => "aGVhZHJvb20=",
        _ if name.contains("email") => "user-${uuid}@example.com",
        _ => "",
    };
    if !fixed.is_empty() {
        return fixed.to_owned();
    }
    // A sentence of three words is 5 to 26 characters long; what has to be shorter or longer is written out.
    if format.is_empty() && !schema.contains_key("pattern") && least <= 5 && most >= 30 {
        return "${sentence(3)}".to_owned();
    }
    let text: String = "headroom ".chars().cycle().take(least.clamp(8, 5_000) as usize).collect();
    let text: String = text.trim_end().chars().take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
    format!("{text:x<0$}", least as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(schema: &Value) -> Value {
        let text = json!({ "openapi": "3.1.0", "components": { "schemas": {
            "Pet": { "type": "object", "required": ["name", "owner"], "properties": {
                "name": { "type": "string", "minLength": 1, "maxLength": 200 }, "tag": { "type": "string" },
                "id": { "type": "string", "format": "uuid", "readOnly": true },
                "owner": { "$ref": "#/components/schemas/Pet" } } } } } });
        let holder = json!({ "schema": schema });
        of_holder(&Document::read(&text.to_string()).unwrap(), holder.as_object().unwrap(), "").unwrap()
    }

    #[test]
    fn what_a_schema_says_comes_before_what_is_made_up() {
        for (schema, expected) in [
            (json!({ "type": "string", "example": "a ${b}" }), json!("a $${b}")),
            (json!({ "type": ["string", "null"], "examples": ["x"] }), json!("x")),
            (json!({ "enum": ["open", "done"] }), json!("open")),
            (json!({ "const": 7 }), json!(7)),
            (json!({ "type": "integer", "minimum": 3, "maximum": 9 }), json!("${int(3,9)}")),
            (json!({ "type": "string", "format": "uuid" }), json!("${uuid}")),
            (json!({ "type": "string", "maxLength": 4 }), json!("head")),
            (json!({ "type": "array", "items": { "type": "boolean" } }), json!([true])),
            (json!({ "anyOf": [{ "type": "null" }, { "type": "integer" }] }), json!(1)),
            (
                json!({ "allOf": [{ "properties": { "a": { "default": 1 } } }, { "required": ["b"], "properties": { "b": { "type": "number" } } }] }),
                json!({ "a": 1, "b": 1.5 }),
            ),
        ] {
            assert_eq!(sample(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let pet = sample(&json!({ "$ref": "#/components/schemas/Pet" }));
        assert_eq!(pet["name"], json!("${sentence(3)}"));
        assert!(pet["owner"]["owner"].is_object() && pet.get("id").is_none() && pet.get("tag").is_none());
    }
}
