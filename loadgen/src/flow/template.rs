//! Text with placeholders: `${name}` is put in when a request is made, `$${` stands for `${`.

mod escape;
mod pieces;

use std::{borrow::Cow, fmt::Write};

pub use self::{
    escape::Escape,
    pieces::{escape_literal, has_placeholder, lone_placeholder},
};
use self::{
    escape::Sink,
    pieces::{Piece, pieces},
};
use super::{data::DataSet, generate::Generator, session::Session};
use crate::plan::model::{Plan, Slot};

/// Text with placeholders, every name in it resolved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Value(Value, Escape),
}

/// What a placeholder stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Always the same.
    Constant {
        /// The value.
        text: String,
        /// Whether it is a number.
        number: bool,
    },
    /// A variable saved from an answer.
    Variable {
        /// Its place in the session.
        slot: Slot,
        /// Its name, for the message when it is not set.
        name: Box<str>,
    },
    /// A variable that holds all values of an answer, as a JSON list; as text they stand side by side with commas between.
    List {
        /// Its place in the session.
        slot: Slot,
        /// Its name, for the message when it is not set.
        name: Box<str>,
    },
    /// A cell of the user's row of a data set.
    Cell {
        /// Index of the data set.
        set: usize,
        /// Index of the column.
        column: usize,
    },
    /// Made up anew each time.
    Made(Generator),
}

impl Value {
    /// Whether it is certain to be a number.
    pub const fn is_number(&self) -> bool {
        match self {
            Self::Constant { number, .. } => *number,
            Self::Made(generator) => generator.is_number(),
            Self::Variable { .. } | Self::List { .. } | Self::Cell { .. } => false,
        }
    }

    /// The value as text, of a list the list; nothing when it is not set.
    pub fn text<'v>(&'v self, data: &'v [DataSet], session: &'v mut Session) -> Option<Cow<'v, str>> {
        Some(match self {
            Self::Constant { text, .. } => Cow::Borrowed(text),
            Self::Variable { slot, .. } | Self::List { slot, .. } => {
                Cow::Borrowed(session.slots[*slot].as_deref()?)
            }
            Self::Cell { set, column } => Cow::Borrowed(data[*set].cell(session.rows[*set], *column)),
            Self::Made(generator) => {
                let mut text = String::new();
                generator.write(data, session, &mut text).ok()?;
                Cow::Owned(text)
            }
        })
    }
}

/// The values of a list as it is kept in a variable: texts as they are, all else as JSON.
pub fn values_of(list: &str) -> Vec<String> {
    let values: Vec<serde_json::Value> = serde_json::from_str(list).unwrap_or_default();
    let text = |value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    values.into_iter().map(text).collect()
}

/// What is wrong with a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The placeholder as written, from `${`.
    pub written: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Template {
    /// A text without placeholders.
    pub fn literal(text: &str) -> Self {
        let mut template = Self::default();
        template.push_literal(text);
        template
    }

    /// Reads `text`; `resolve` says what the inside of a placeholder stands for, or what is wrong with it.
    ///
    /// # Errors
    /// Every placeholder that is wrong.
    pub fn parse(
        text: &str,
        escape: Escape,
        resolve: &mut dyn FnMut(&str) -> Result<Value, String>,
    ) -> Result<Self, Vec<Fault>> {
        let mut template = Self::default();
        template.push_parsed(text, escape, resolve)?;
        template.fold();
        Ok(template)
    }

    /// Reads a path or URL. What is put in is percent-encoded, but for a placeholder at the very start: that is a URL or
    /// path of its own, such as a link taken from an answer.
    ///
    /// # Errors
    /// Every placeholder that is wrong.
    pub fn parse_url(
        text: &str,
        resolve: &mut dyn FnMut(&str) -> Result<Value, String>,
    ) -> Result<Self, Vec<Fault>> {
        let mut template = Self::default();
        template.push_parsed(text, Escape::Url, resolve)?;
        if let Some(Part::Value(_, escape)) = template.parts.first_mut() {
            *escape = Escape::None;
        }
        template.fold();
        Ok(template)
    }

    /// Appends text as it is.
    pub fn push_literal(&mut self, text: &str) {
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// Appends another template.
    pub fn push_all(&mut self, other: Self) {
        for part in other.parts {
            match part {
                Part::Text(text) => self.push_literal(&text),
                value => self.parts.push(value),
            }
        }
    }

    /// Appends a value.
    pub fn push_value(&mut self, value: Value, escape: Escape) {
        self.parts.push(Part::Value(value, escape));
    }

    /// Appends what [`Template::parse`] reads; literal text is escaped for JSON but not for URLs, whose encoding is the
    /// writer's own.
    ///
    /// # Errors
    /// Every placeholder that is wrong.
    pub fn push_parsed(
        &mut self,
        text: &str,
        escape: Escape,
        resolve: &mut dyn FnMut(&str) -> Result<Value, String>,
    ) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        for piece in pieces(text) {
            match piece {
                Piece::Literal(text) if escape == Escape::Json => {
                    let mut escaped = String::new();
                    // Writing into a String cannot fail.
                    let _ = Sink { out: &mut escaped, escape }.write_str(text);
                    self.push_literal(&escaped);
                }
                Piece::Literal(text) => self.push_literal(text),
                Piece::Placeholder(inside) => match resolve(inside.trim()) {
                    Ok(value) => self.push_value(value, escape),
                    Err(message) => faults.push(Fault { written: format!("${{{inside}}}"), message }),
                },
                Piece::Unclosed(rest) => faults.push(Fault {
                    written: rest.to_owned(),
                    message: "`${` without `}`; close it, or write `$${` for a literal `${`".to_owned(),
                }),
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Turns constants into text and joins what lies side by side.
    pub fn fold(&mut self) {
        for part in std::mem::take(&mut self.parts) {
            match part {
                Part::Value(Value::Constant { text, .. }, escape) => {
                    let mut escaped = String::new();
                    // Writing into a String cannot fail.
                    let _ = Sink { out: &mut escaped, escape }.write_str(&text);
                    self.push_literal(&escaped);
                }
                Part::Text(text) => self.push_literal(&text),
                value => self.parts.push(value),
            }
        }
    }

    /// The text, if it is always the same.
    pub fn as_static(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The literal text that it begins with.
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// Appends the text to `out`, everything put in. Allocates nothing beyond `out`.
    ///
    /// # Errors
    /// Names the variable that is not set.
    pub fn render(&self, plan: &Plan, session: &mut Session, out: &mut String) -> Result<(), String> {
        self.write(&plan.data, session, out)
    }

    fn write(&self, data: &[DataSet], session: &mut Session, out: &mut String) -> Result<(), String> {
        for part in &self.parts {
            let (value, escape) = match part {
                Part::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::Value(value, escape) => (value, *escape),
            };
            let mut sink = Sink { out, escape };
            let written = match value {
                Value::Constant { text, .. } => sink.write_str(text),
                Value::Variable { slot, name } => match &session.slots[*slot] {
                    Some(text) => sink.write_str(text),
                    None => return Err(not_set(name)),
                },
                Value::List { slot, name } => match &session.slots[*slot] {
                    Some(list) => sink.write_str(&values_of(list).join(",")),
                    None => return Err(not_set(name)),
                },
                Value::Cell { set, column } => sink.write_str(data[*set].cell(session.rows[*set], *column)),
                Value::Made(generator) => generator.write(data, session, &mut sink),
            };
            written.map_err(|_| "a value cannot be written".to_owned())?;
        }
        Ok(())
    }
}

fn not_set(name: &str) -> String {
    format!("the variable `{name}` is not set: no answer so far held it")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    fn session(value: Option<&str>) -> Session {
        let rng = ChaCha8Rng::seed_from_u64(1);
        Session { slots: vec![value.map(Into::into)], rows: vec![], rng, user_index: 0, iteration: 0 }
    }

    fn variable(inside: &str) -> Result<Value, String> {
        match inside {
            "x" => Ok(Value::Variable { slot: 0, name: "x".into() }),
            "page" => Ok(Value::Constant { text: "2 0".into(), number: false }),
            "iteration" => Ok(Value::Made(Generator::Iteration)),
            other => Err(format!("no `{other}`")),
        }
    }

    fn rendered(template: &Template, value: &str) -> String {
        let mut out = String::new();
        template.write(&[], &mut session(Some(value)), &mut out).unwrap();
        out
    }

    #[test]
    fn what_is_put_into_a_url_is_encoded_and_the_rest_is_not() {
        let template = Template::parse_url("/a b/${x}?q=${ page }", &mut variable).unwrap();
        assert_eq!(rendered(&template, "1/2 ü&"), "/a b/1%2F2%20%C3%BC%26?q=2%200");
    }

    #[test]
    fn a_url_taken_from_an_answer_stays_a_url() {
        let template = Template::parse_url("${x}&page=${iteration}", &mut variable).unwrap();
        assert_eq!(rendered(&template, "/next?cursor=a/b"), "/next?cursor=a/b&page=0");
    }

    #[test]
    fn a_template_of_constants_is_static() {
        let template = Template::parse_url("/tasks?limit=${page}", &mut variable).unwrap();
        assert_eq!(template.as_static(), Some("/tasks?limit=2%200"));
        assert_eq!(Template::parse_url("/${x}", &mut variable).unwrap().as_static(), None);
    }

    #[test]
    fn an_unset_variable_is_named() {
        let template = Template::parse("a${x}", Escape::None, &mut variable).unwrap();
        let error = template.write(&[], &mut session(None), &mut String::new()).unwrap_err();
        assert!(error.contains("`x` is not set"), "{error}");
    }

    #[test]
    fn every_wrong_placeholder_is_reported() {
        let faults = Template::parse("${y} ${x} ${z} ${", Escape::None, &mut variable).unwrap_err();
        let written: Vec<_> = faults.iter().map(|fault| fault.written.as_str()).collect();
        assert_eq!(written, ["${y}", "${z}", "${"]);
    }

    #[test]
    fn only_a_text_that_is_all_placeholder_is_alone() {
        assert_eq!(lone_placeholder("${ x }"), Some("x"));
        assert!(lone_placeholder("${x} ").is_none() && lone_placeholder("$${x}").is_none());
        assert!(!has_placeholder("$${x} $5 {") && has_placeholder("a ${x}") && has_placeholder("${"));
    }

    proptest! {
        #[test]
        fn an_escaped_text_stands_for_itself(text in "[${}a ]{0,12}|.*") {
            let template =
                Template::parse(&escape_literal(&text), Escape::None, &mut variable).unwrap();
            prop_assert_eq!(template.as_static(), Some(text.as_str()));
        }

        #[test]
        fn what_is_put_into_json_is_read_back(value in any::<String>(), around in any::<String>()) {
            let mut template = Template::literal("\"");
            template.push_parsed(&escape_literal(&around), Escape::Json, &mut variable).unwrap();
            template.push_parsed("${x}\"", Escape::None, &mut |_| {
                Ok(Value::Variable { slot: 0, name: "x".into() })
            }).unwrap();
            template.parts.iter_mut().for_each(|part| {
                if let Part::Value(_, escape) = part { *escape = Escape::Json }
            });
            let read: String = serde_json::from_str(&rendered(&template, &value)).unwrap();
            prop_assert_eq!(read, around + &value);
        }

        #[test]
        fn what_is_put_into_a_url_is_read_back(value in any::<String>()) {
            let template = Template::parse_url("/?v=${x}", &mut variable).unwrap();
            let url = url::Url::parse(&format!("http://h{}", rendered(&template, &value))).unwrap();
            let read = url.query_pairs().next().unwrap().1.into_owned();
            prop_assert_eq!(read, value);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = Template::parse(&text, Escape::Json, &mut variable);
        }
    }
}
