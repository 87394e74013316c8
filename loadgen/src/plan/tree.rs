//! YAML as a tree whose every node knows where it was written. Files are merged as trees, so that an error in a
//! merged scenario still points into the file it came from.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

use super::problem::{Problem, Span};

/// A YAML node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it was written.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, with its spelling.
    Number(serde_json::Number, String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order it was written.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub key_span: Span,
    /// What it holds.
    pub value: Node,
}

impl Kind {
    /// What it is, in words.
    pub fn name(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => format!("`{value}`"),
            Self::Number(_, text) => format!("`{text}`"),
            Self::Text(text) if text.len() <= 40 => format!("`{text}`"),
            Self::Text(_) => "a text".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
        }
    }
}

/// Reads one YAML document, the file number `file` of the scenario.
///
/// # Errors
/// The syntax error, with its place.
pub fn parse(text: &str, file: usize) -> Result<Node, Problem> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
    };
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let span = error.location().map_or(Span::start_of(file), |location| Span {
            file,
            line: (location.line() as usize).max(1),
            column: (location.column() as usize).max(1),
            start: location.span().byte_offset().unwrap_or(0) as usize,
            length: 1,
        });
        Problem::at(span, plain_message(&error))
    })?;
    Ok(locate(raw, text, file))
}

/// The library's message without the place, which we print in our own way, in one line.
fn plain_message(error: &serde_saphyr::Error) -> String {
    let mut message = error.without_snippet().to_string();
    if let Some(at) = message.rfind(" at line ") {
        message.truncate(at);
    }
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("not valid YAML: {message}")
}

/// Under these keys, keys that stand for one another: where a file says one, what its base says with the others is
/// dropped.
const ALTERNATIVES: [(&str, &[&str]); 2] =
    [("load", &["users", "arrivals"]), ("think", &["constant", "uniform", "exponential", "lognormal"])];

/// Lays `own` over `base`: maps are merged key by key, everything else is replaced.
pub fn merge(base: Node, own: Node) -> Node {
    merge_at("", base, own)
}

fn merge_at(key: &str, base: Node, own: Node) -> Node {
    match (base.kind, own.kind) {
        (Kind::Map(mut entries), Kind::Map(mine)) => {
            let says = |key: &str| mine.iter().any(|entry| entry.key == key);
            let alternatives =
                ALTERNATIVES.iter().find(|(under, _)| *under == key).map_or(&[][..], |it| it.1);
            if alternatives.iter().any(|key| says(key)) {
                entries.retain(|it| says(&it.key) || !alternatives.contains(&it.key.as_str()));
            }
            for entry in mine {
                match entries.iter().position(|it| it.key == entry.key) {
                    Some(index) => {
                        let old = entries.remove(index).value;
                        let value = merge_at(&entry.key, old, entry.value);
                        entries.insert(index, Entry { value, key: entry.key, key_span: entry.key_span });
                    }
                    None => entries.push(entry),
                }
            }
            Node { span: own.span, kind: Kind::Map(entries) }
        }
        (_, kind) => Node { span: own.span, kind },
    }
}

/// A node as the YAML library gives it, before its place is worked out.
enum Raw {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn locate(raw: Spanned<Raw>, text: &str, file: usize) -> Node {
    let span = span_of(&raw.defined, text, file);
    let spelling = || text.get(span.start..span.start + span.length).unwrap_or_default().trim().to_owned();
    let kind = match raw.value {
        Raw::Null => Kind::Null,
        Raw::Bool(value) => Kind::Bool(value),
        Raw::Number(number) => {
            let spelling = spelling();
            let spelling = if spelling.is_empty() { number.to_string() } else { spelling };
            Kind::Number(number, spelling)
        }
        Raw::Text(value) => Kind::Text(value),
        Raw::List(items) => Kind::List(items.into_iter().map(|item| locate(item, text, file)).collect()),
        Raw::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    key_span: span_of(&key.defined, text, file),
                    key: key.value,
                    value: locate(value, text, file),
                })
                .collect(),
        ),
    };
    Node { span, kind }
}

fn span_of(location: &serde_saphyr::Location, text: &str, file: usize) -> Span {
    let start = (location.span().byte_offset().unwrap_or(0) as usize).min(text.len());
    let length = (location.span().byte_len().unwrap_or(0) as usize).min(text.len() - start);
    let (line, column) = ((location.line() as usize).max(1), (location.column() as usize).max(1));
    Span { file, line, column, start, length }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        // What JSON has no number for (`.inf`) stays text and fails where a number is asked for.
        Ok(serde_json::Number::from_f64(value).map_or_else(|| Raw::Text(value.to_string()), Raw::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
