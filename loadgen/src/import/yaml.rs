//! YAML for people: a tree with comments, written in blocks, small things on one line. The language is small on purpose
//! (plain and double-quoted scalars, blocks, one-line collections), so that what is written is read back as it was.

mod scalar;

use std::fmt::Write;

use self::scalar::scalar;

/// Columns after which something is no longer written on one line.
const WIDTH: usize = 100;
/// Bytes of a key, its quotes and escapes not counted, from which on it is announced.
const LONGEST_KEY: usize = 150;

/// A node with what stands above it.
#[derive(Debug, Clone)]
pub struct Node {
    comment: String,
    block: bool,
    anchor: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Written as it is: a number, a truth value, nothing.
    Bare(String),
    /// Text, quoted where it has to be.
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    const fn of(kind: Kind) -> Self {
        Self { comment: String::new(), block: false, anchor: "", kind }
    }

    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(Kind::Text(text.into()))
    }

    /// A number or truth value, spelled as given.
    pub fn bare(spelling: impl Into<String>) -> Self {
        Self::of(Kind::Bare(spelling.into()))
    }

    /// A list.
    pub const fn list(items: Vec<Self>) -> Self {
        Self::of(Kind::List(items))
    }

    /// A map, in this order.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::of(Kind::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// Any JSON.
    pub fn json(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::bare("null"),
            Value::Bool(value) => Self::bare(value.to_string()),
            Value::Number(number) => Self::bare(number.to_string()),
            Value::String(text) => Self::text(text.as_str()),
            Value::Array(items) => Self::list(items.iter().map(Self::json).collect()),
            Value::Object(members) => {
                Self::map(members.iter().map(|(key, value)| (key.as_str(), Self::json(value))))
            }
        }
    }

    /// The same with a comment above it, broken into lines.
    #[must_use]
    pub fn about(mut self, comment: &str) -> Self {
        comment.clone_into(&mut self.comment);
        self
    }

    /// The same, never on one line.
    #[must_use]
    pub const fn block(mut self) -> Self {
        self.block = true;
        self
    }

    /// The same, to be referred to by `*name`; a block.
    #[must_use]
    pub const fn anchored(mut self, name: &'static str) -> Self {
        self.anchor = name;
        self.block = true;
        self
    }

    fn is_scalar(&self) -> bool {
        matches!(self.kind, Kind::Bare(_) | Kind::Text(_))
    }

    /// On one line, if nothing forbids it and it fits into `room` columns.
    fn inline(&self, room: usize) -> Option<String> {
        let mut out = String::new();
        (self.write_inline(&mut out, room) && out.chars().count() <= room).then_some(out)
    }

    fn write_inline(&self, out: &mut String, room: usize) -> bool {
        let empty = match &self.kind {
            Kind::List(items) => items.is_empty(),
            Kind::Map(entries) => entries.is_empty(),
            Kind::Bare(_) | Kind::Text(_) => false,
        };
        if (self.block && !empty) || out.len() > room.saturating_mul(4) {
            return false;
        }
        match &self.kind {
            Kind::Bare(text) => out.push_str(text),
            Kind::Text(text) => scalar(text, true, out),
            Kind::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    if !item.comment.is_empty() || !item.write_inline(out, room) {
                        return false;
                    }
                }
                out.push(']');
            }
            Kind::Map(entries) if entries.is_empty() => out.push_str("{}"),
            Kind::Map(entries) => {
                out.push_str("{ ");
                for (index, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    key_of(key, None, out);
                    out.push(' ');
                    if !value.comment.is_empty() || !value.write_inline(out, room) {
                        return false;
                    }
                }
                out.push_str(" }");
            }
        }
        true
    }
}

/// The document: a map at the top, a blank line between its long entries.
pub fn write(head: &[String], entries: &[(String, Node)]) -> String {
    let mut out = String::new();
    for line in head {
        comment(line, 0, &mut out);
    }
    let mut long = false;
    for (key, value) in entries {
        let before = out.len();
        entry(key, value, 0, &mut out);
        let was_long = std::mem::replace(&mut long, out[before..].lines().count() > 3);
        if (long || was_long) && before > 0 {
            out.insert(before, '\n');
        }
    }
    out
}

fn comment(text: &str, indent: usize, out: &mut String) {
    for paragraph in text.lines() {
        let mut width = usize::MAX;
        for word in paragraph.split_whitespace() {
            if width.saturating_add(word.chars().count() + 1) > WIDTH {
                if width < usize::MAX {
                    out.push('\n');
                }
                let _ = write!(out, "{:indent$}#", "");
                width = indent + 1;
            }
            out.push(' ');
            // A comment ends with its line; what would end it earlier is left out.
            out.extend(word.chars().filter(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')));
            width += word.chars().count() + 1;
        }
        out.push_str(if width < usize::MAX { "\n" } else { "" });
    }
}

fn entry(key: &str, value: &Node, indent: usize, out: &mut String) {
    comment(&value.comment, indent, out);
    let _ = write!(out, "{:indent$}", "");
    key_of(key, Some(indent), out);
    rest_of(value, indent, out);
}

/// A key with its colon; in a block one of `indent` columns. A long one has to be announced (YAML 1.2.2 §8.2.2: what is
/// not, is at most 1,024 characters long).
fn key_of(key: &str, indent: Option<usize>, out: &mut String) {
    if key.len() < LONGEST_KEY {
        scalar(key, true, out);
        out.push(':');
        return;
    }
    out.push_str("? ");
    scalar(key, true, out);
    match indent {
        Some(indent) => _ = write!(out, "\n{:indent$}:", ""),
        None => out.push_str(" :"),
    }
}

/// What stands behind `key:`.
fn rest_of(value: &Node, indent: usize, out: &mut String) {
    let column = out.len() - out.rfind('\n').map_or(0, |at| at + 1);
    match (&value.kind, value.inline(WIDTH.saturating_sub(column))) {
        (Kind::Text(text), _) => {
            out.push(' ');
            scalar(text, false, out);
            out.push('\n');
        }
        (_, Some(line)) => {
            let _ = writeln!(out, " {line}");
        }
        (Kind::Bare(text), None) => {
            let _ = writeln!(out, " {text}");
        }
        (Kind::List(items), None) if items.is_empty() => out.push_str(" []\n"),
        (Kind::Map(entries), None) if entries.is_empty() => out.push_str(" {}\n"),
        (Kind::List(_) | Kind::Map(_), None) => {
            if !value.anchor.is_empty() {
                let _ = write!(out, " &{}", value.anchor);
            }
            out.push('\n');
            block(value, indent + 2, out);
        }
    }
}

fn block(node: &Node, indent: usize, out: &mut String) {
    match &node.kind {
        Kind::Map(entries) => entries.iter().for_each(|(key, value)| entry(key, value, indent, out)),
        Kind::List(items) => items.iter().for_each(|item| self::item(item, indent, out)),
        Kind::Bare(_) | Kind::Text(_) => rest_of(node, indent, out),
    }
}

fn item(item: &Node, indent: usize, out: &mut String) {
    comment(&item.comment, indent, out);
    let _ = write!(out, "{:indent$}-", "");
    match &item.kind {
        Kind::Map(entries) if !entries.is_empty() && item.inline(WIDTH - indent.min(60) - 2).is_none() => {
            // The first key stands behind the dash, unless a comment is to stand above it.
            let (key, value) = &entries[0];
            if value.comment.is_empty() {
                out.push(' ');
                key_of(key, Some(indent + 2), out);
                rest_of(value, indent + 2, out);
            } else {
                out.push('\n');
                entry(key, value, indent + 2, out);
            }
            entries[1..].iter().for_each(|(key, value)| entry(key, value, indent + 2, out));
        }
        Kind::List(items) if !items.is_empty() && item.inline(WIDTH - indent.min(60) - 2).is_none() => {
            out.push('\n');
            block(item, indent + 2, out);
        }
        _ if item.is_scalar() => rest_of(item, indent, out),
        _ => {
            let line = item.inline(usize::MAX / 8).unwrap_or_default();
            let _ = writeln!(out, " {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn read(text: &str) -> Value {
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>(),
            "[-a-z:,#'\"{}\\[\\]&*!|>%@` $]{0,6}",
            "(?i)true|no|null|~|<<|0x1f|1e3|1_000|12:30|\\.inf|\\.5|2026-11-21|---|\\.\\.\\.| x|x |=",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e12..1e12_f64).prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((text.clone(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in any_json(), note in any::<String>(), block in any::<bool>()) {
            let mut node = Node::json(&value).about(&note);
            node.block = block;
            let text = write(&[note], &[("top".to_owned(), node.clone()), ("list".to_owned(), Node::list(vec![node]))]);
            let read = read(&text);
            prop_assert_eq!(&read["top"], &value, "{}", text);
            prop_assert_eq!(&read["list"][0], &value, "{}", text);
        }

        #[test]
        fn any_text_is_text_when_read_back(text in "[-+.0-9a-fxoXO_:eEtruflsnyi~ ]{1,8}|.{0,40}") {
            let document = write(&[], &[("a".to_owned(), Node::text(text.as_str())), ("b".to_owned(), Node::list(vec![Node::text(text.as_str())]))]);
            let read = read(&document);
            prop_assert_eq!(&read["a"], &Value::from(text.as_str()), "{}", document);
            prop_assert_eq!(&read["b"][0], &Value::from(text.as_str()), "{}", document);
        }
    }

    #[test]
    fn a_key_of_any_length_is_read_back() {
        for (letter, length) in [("x", 149), ("\u{1}", 149), ("x", 150), ("a: ", 400), ("é", 3_000)] {
            let value = serde_json::json!({ letter.repeat(length): { "b": [1, { letter.repeat(length): 2 }] }, "c": 3 });
            for block in [true, false] {
                let mut node = Node::json(&value);
                node.block = block;
                let entries = [("a".to_owned(), node.clone()), ("list".to_owned(), Node::list(vec![node]))];
                let document = write(&[], &entries);
                let read = read(&document);
                assert_eq!((&read["a"], &read["list"][0]), (&value, &value), "{document}");
            }
        }
    }

    #[test]
    fn small_things_stand_on_one_line_and_long_ones_in_blocks() {
        let step = Node::map([
            ("get", Node::text("/tasks/${id}?q=a b")),
            ("expect", Node::map([("status", Node::bare("200"))])),
        ]);
        let entries = [
            ("name".to_owned(), Node::text("a: b")),
            ("steps".to_owned(), Node::list(vec![step.block().about("first")]).block()),
        ];
        assert_eq!(
            write(&["Where from.".to_owned()], &entries),
            "# Where from.\nname: \"a: b\"\n\nsteps:\n  # first\n  - get: /tasks/${id}?q=a b\n    expect: { status: 200 }\n"
        );
    }
}
