//! A request as somebody sent or wrote it, every value in it literal; and how it becomes one of a scenario.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::{Position, Url};

use super::{
    journey::{Body, Part, Request},
    naming::path_template,
    text::Text,
};

/// YAML takes no key of more than 1,024 characters.
const LONGEST_KEY: usize = 500;

/// A request, literally.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its method.
    pub method: String,
    /// Where it went.
    pub url: Url,
    /// Its headers, but for those that are made anew each time.
    pub headers: Vec<(String, String)>,
    /// What it carried.
    pub body: Option<Payload>,
}

/// What a request carried.
#[derive(Debug, Clone)]
pub enum Payload {
    /// JSON.
    Json(Value),
    /// Fields of a form, decoded.
    Form(Vec<(String, String)>),
    /// Parts of `multipart/form-data`.
    Multipart(Vec<Part>),
    /// Anything else that is text.
    Text(String),
}

/// Where in a request a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// The whole URL.
    Url,
    /// A segment of the path.
    Segment,
    /// The parameter of that name.
    Query(&'a str),
    /// The header of that name, or what stands behind its scheme.
    Header(&'a str),
    /// The form field or JSON member of that name.
    Field(&'a str),
    /// A word of a text.
    Word,
}

/// Says what is put in the place of a value; `None`: it stays as it is. Asked for every value, some of them twice.
pub type Put<'a> = dyn FnMut(Place<'_>, &str) -> Option<Text> + 'a;

/// The methods that scenarios have a key for.
pub const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

impl Message {
    /// The request of a scenario whose target is `base`.
    pub fn request(&self, base: &Url, put: &mut Put<'_>) -> Request {
        let (url, path, changed) = self.url(base, put);
        let mut headers = self.headers.clone();
        let body = self.body.as_ref().map(|body| self.body(body, &mut headers, put));
        let headers = headers.iter().map(|(name, value)| (name.clone(), header(name, value, put))).collect();
        let template = path_template(&path);
        let plain = !changed && template == self.url.path() && url.as_str().starts_with('/');
        let name = if plain { String::new() } else { format!("{} {template}", self.method) };
        Request { method: self.method.clone(), url, name, headers, body, ..Request::default() }
    }

    /// The URL, its path as it goes into a name, and whether a value in the path was replaced.
    fn url(&self, base: &Url, put: &mut Put<'_>) -> (Text, String, bool) {
        let home = self.url.origin() == base.origin();
        let whole = put(Place::Url, self.url.as_str())
            .or_else(|| put(Place::Url, &self.url[Position::BeforePath..Position::AfterQuery]));
        if let Some(whole) = whole {
            return (whole, self.url.path().to_owned(), true);
        }
        let mut text = if home { Text::default() } else { Text::url(&self.url[..Position::BeforePath]) };
        let (mut named, mut changed) = (String::new(), false);
        for (index, segment) in self.url.path().split('/').enumerate() {
            if index > 0 {
                text.push("/");
                named.push('/');
            }
            match put(Place::Segment, &percent_decode_str(segment).decode_utf8_lossy()) {
                Some(value) if index > 0 => {
                    text.append(&value);
                    named.push_str(":id");
                    changed = true;
                }
                _ => {
                    text.append(&Text::url(segment));
                    named.push_str(segment);
                }
            }
        }
        if let Some(query) = self.url.query().filter(|query| !query.is_empty()) {
            for (index, pair) in query.split('&').enumerate() {
                text.push(if index > 0 { "&" } else { "?" });
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                text.append(&Text::url(name));
                if pair.len() > name.len() {
                    text.push("=");
                }
                match put(Place::Query(&decoded(name)), &decoded(value)) {
                    Some(value) => text.append(&value),
                    None => text.append(&Text::url(value)),
                }
            }
        }
        (text, named, changed)
    }

    fn body(&self, body: &Payload, headers: &mut Vec<(String, String)>, put: &mut Put<'_>) -> Body {
        let mut implied = |mime: &str| {
            headers.retain(|(name, value)| {
                !(name.eq_ignore_ascii_case("content-type") && value.to_ascii_lowercase().starts_with(mime))
            });
        };
        match body {
            Payload::Json(value) => match json(value, "", put) {
                Some(made) => {
                    implied("application/json");
                    Body::Json(made)
                }
                None => {
                    let mut text = Text::default();
                    json_text(value, "", put, &mut text);
                    set_type(headers, "application/json");
                    Body::Text(text)
                }
            },
            Payload::Form(pairs) => {
                let mut seen = HashSet::new();
                if pairs.iter().any(|(name, _)| name.len() > LONGEST_KEY || !seen.insert(name)) {
                    set_type(headers, "application/x-www-form-urlencoded");
                    return Body::Text(form_text(pairs, put));
                }
                implied("application/x-www-form-urlencoded");
                let pairs = pairs
                    .iter()
                    .map(|(name, value)| (name.clone(), literal_or(Place::Field(name), value, put)));
                Body::Form(pairs.collect())
            }
            Payload::Multipart(parts) => {
                implied("multipart/form-data");
                let part = |part: &Part| match put(Place::Field(&part.name), part.value.as_str()) {
                    Some(value) if part.file_name.is_none() => Part { value, ..part.clone() },
                    _ => part.clone(),
                };
                Body::Multipart(parts.iter().map(part).collect())
            }
            Payload::Text(text) => Body::Text(words(text, put)),
        }
    }
}

fn set_type(headers: &mut Vec<(String, String)>, mime: &str) {
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), mime.to_owned()));
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn literal_or(place: Place<'_>, value: &str, put: &mut Put<'_>) -> Text {
    put(place, value).unwrap_or_else(|| Text::literal(value))
}

fn header(name: &str, value: &str, put: &mut Put<'_>) -> Text {
    if let Some(whole) = put(Place::Header(name), value) {
        return whole;
    }
    let mut text = Text::default();
    if let Some((scheme, token)) = value.split_once(' ')
        && let Some(token) = put(Place::Header(name), token)
    {
        text.push(scheme);
        text.push(" ");
        text.append(&token);
        return text;
    }
    text.push(value);
    text
}

/// JSON with its texts as scenarios write them; nothing where it has to be written as text, because a number is to be
/// replaced or a key is too long for YAML.
fn json(value: &Value, key: &str, put: &mut Put<'_>) -> Option<Value> {
    Some(match value {
        Value::String(text) => Value::String(literal_or(Place::Field(key), text, put).to_string()),
        Value::Number(number) => match put(Place::Field(key), &number.to_string()) {
            Some(_) => return None,
            None => value.clone(),
        },
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Array(items) => {
            let items: Option<Vec<Value>> = items.iter().map(|item| json(item, key, put)).collect();
            Value::Array(items?)
        }
        Value::Object(members) => {
            let mut made = serde_json::Map::new();
            for (key, value) in members {
                if key.len() > LONGEST_KEY {
                    return None;
                }
                made.insert(Text::literal(key).to_string(), json(value, key, put)?);
            }
            Value::Object(made)
        }
    })
}

fn json_text(value: &Value, key: &str, put: &mut Put<'_>, out: &mut Text) {
    match value {
        Value::String(text) => match put(Place::Field(key), text) {
            Some(value) => {
                out.push("\"");
                out.append(&value);
                out.push("\"");
            }
            None => out.push(&value.to_string()),
        },
        Value::Number(number) => match put(Place::Field(key), &number.to_string()) {
            Some(value) => out.append(&value),
            None => out.push(&number.to_string()),
        },
        Value::Null | Value::Bool(_) => out.push(&value.to_string()),
        Value::Array(items) => {
            out.push("[");
            for (index, item) in items.iter().enumerate() {
                out.push(if index > 0 { "," } else { "" });
                json_text(item, key, put, out);
            }
            out.push("]");
        }
        Value::Object(members) => {
            out.push("{");
            for (index, (key, value)) in members.iter().enumerate() {
                out.push(if index > 0 { "," } else { "" });
                out.push(&Value::from(key.as_str()).to_string());
                out.push(":");
                json_text(value, key, put, out);
            }
            out.push("}");
        }
    }
}

/// A form as text, for names that come twice. What is put in is not encoded.
fn form_text(pairs: &[(String, String)], put: &mut Put<'_>) -> Text {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let mut out = Text::default();
    for (index, (name, value)) in pairs.iter().enumerate() {
        out.push(if index > 0 { "&" } else { "" });
        out.push(&encode(name));
        out.push("=");
        match put(Place::Field(name), value) {
            Some(value) => out.append(&value),
            None => out.push(&encode(value)),
        }
    }
    out
}

/// Text, its words looked at one by one.
fn words(text: &str, put: &mut Put<'_>) -> Text {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-.~".contains(c);
    let mut out = Text::default();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if end > 0 {
            out.append(&literal_or(Place::Word, &rest[..end], put));
        }
        let next = rest[end..].find(is_word).map_or(rest.len(), |at| end + at);
        out.push(&rest[end..next]);
        rest = &rest[next..];
    }
    out
}

/// What a body of this content type is, read from its text. `None` for nothing at all.
pub fn payload(content_type: &str, text: &str) -> Option<Payload> {
    if text.is_empty() {
        return None;
    }
    let mime = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if mime == "application/x-www-form-urlencoded" {
        return Some(Payload::Form(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()));
    }
    if (mime == "application/json" || mime.ends_with("+json"))
        && let Ok(value) = serde_json::from_str(text)
    {
        return Some(Payload::Json(value));
    }
    Some(Payload::Text(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(url: &str, body: Option<Payload>) -> Message {
        Message { method: "POST".to_owned(), url: Url::parse(url).unwrap(), headers: Vec::new(), body }
    }

    fn made(message: &Message) -> Request {
        let base = Url::parse("http://127.0.0.1:8080").unwrap();
        message.request(&base, &mut |_, value| (value == "123456").then(|| Text::variable("id")))
    }

    #[test]
    fn a_value_is_replaced_wherever_it_stands() {
        let body = Payload::Json(json!({ "task": "123456", "note": "cost: ${5}" }));
        let request =
            made(&message("http://127.0.0.1:8080/tasks/123456/x%20y?of=123456&q=a%26b", Some(body)));
        assert_eq!(request.url.as_str(), "/tasks/${id}/x%20y?of=${id}&q=a%26b");
        assert_eq!(request.name, "POST /tasks/:id/x%20y");
        assert_eq!(request.body, Some(Body::Json(json!({ "task": "${id}", "note": "cost: $${5}" }))));
    }

    #[test]
    fn a_number_that_is_replaced_stays_a_number() {
        let body = Payload::Json(json!({ "task": 123456, "title": "a \"b\"" }));
        let request = made(&message("http://127.0.0.1:8080/", Some(body)));
        let text = "{\"task\":${id},\"title\":\"a \\\"b\\\"\"}";
        assert_eq!(
            request.body.map(|body| matches!(body, Body::Text(it) if it.as_str() == text)),
            Some(true)
        );
        assert_eq!(request.headers[0].0, "content-type");
    }

    #[test]
    fn another_host_is_written_in_full_and_a_field_that_comes_twice_makes_a_text() {
        let pairs = [("a", "1 2"), ("a", "123456")].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
        let request = made(&message("https://api.example.com/x", Some(Payload::Form(pairs))));
        assert_eq!((request.url.as_str(), request.name.as_str()), ("https://api.example.com/x", "POST /x"));
        assert!(matches!(request.body, Some(Body::Text(text)) if text.as_str() == "a=1+2&a=${id}"));
    }
}
