//! A serde deserializer over the located tree: the types of [`super::file`] say what a scenario may hold, and what
//! does not fit them is reported with its place. Unknown keys and wrong list items are collected, not fatal.

mod access;
mod at;
mod misfit;

use std::cell::RefCell;

use serde::{
    Deserializer,
    de::{self, DeserializeOwned, Visitor, value::SeqDeserializer},
    forward_to_deserialize_any,
};

pub use at::At;

use self::{
    access::{Entries, Items, Word},
    at::{LOCATED, Located},
    misfit::Misfit,
};
use super::{
    problem::{Problem, Span},
    tree::{Entry, Kind, Node},
};

/// Name by which a type asks for `[spelling, NUMBER or other]`.
pub const SCALAR: &str = "$scalar";
/// How a number without quotes is told from text.
pub const NUMBER: &str = "number";
/// Name by which a type asks for a list, or one value as a list of one.
pub const MANY: &str = "$many";
/// Name by which a type asks for a map, or a spelling as text.
pub const OR_MAP: &str = "$or_map";

/// Mistakes after which no more are looked for: each costs a reading of the whole.
const ENOUGH: usize = 100;

/// Reads `node` as a `T`, with the unknown keys that were passed over. What does not fit is cut out and the rest read
/// again, so that every mistake is found, or [`ENOUGH`] of them.
///
/// # Errors
/// Everything in it that does not fit, at least one problem.
pub fn read<T: DeserializeOwned>(mut node: Node) -> Result<(T, Vec<Problem>), Vec<Problem>> {
    let mut fits = true;
    let mut found: Vec<Problem> = Vec::new();
    loop {
        let problems = RefCell::new(Vec::new());
        let result = T::deserialize(Tree { node: &node, key: None, problems: &problems });
        for problem in problems.into_inner() {
            if !found.contains(&problem) {
                found.push(problem);
            }
        }
        match result {
            Ok(value) if fits => return Ok((value, found)),
            Ok(_) => return Err(found),
            Err(misfit) => {
                fits = false;
                let span = misfit.span.unwrap_or(node.span);
                found.push(Problem::at(span, misfit.message));
                if found.len() >= ENOUGH || !cut(&mut node, span, true) {
                    return Err(found);
                }
            }
        }
    }
}

/// Takes the innermost list item, or else the entry of the outermost map, that holds `span` out of the tree.
fn cut(node: &mut Node, span: Span, outermost: bool) -> bool {
    match &mut node.kind {
        Kind::Map(entries) => {
            let inside = entries.iter_mut().find(|entry| holds(&entry.value, span));
            if inside.is_some_and(|entry| cut(&mut entry.value, span, false)) {
                return true;
            }
            let before = entries.len();
            entries.retain(|entry| !(outermost && (entry.key_span == span || holds(&entry.value, span))));
            entries.len() < before
        }
        Kind::List(items) => {
            let Some(index) = items.iter().position(|item| holds(item, span)) else { return false };
            if !cut(&mut items[index], span, false) {
                items.remove(index);
            }
            true
        }
        _ => false,
    }
}

fn holds(node: &Node, span: Span) -> bool {
    node.span == span
        || match &node.kind {
            Kind::List(items) => items.iter().any(|item| holds(item, span)),
            Kind::Map(entries) => entries.iter().any(|it| it.key_span == span || holds(&it.value, span)),
            _ => false,
        }
}

/// A node to be read.
#[derive(Clone, Copy)]
struct Tree<'de, 'p> {
    node: &'de Node,
    /// Where the key is that the node is the value of.
    key: Option<Span>,
    problems: &'p RefCell<Vec<Problem>>,
}

impl<'de, 'p> Tree<'de, 'p> {
    fn child(self, node: &'de Node, key: Option<Span>) -> Self {
        Self { node, key, ..self }
    }

    fn list<V: Visitor<'de>>(self, items: &'de [Node], visitor: V) -> Result<V::Value, Misfit> {
        visitor
            .visit_seq(Items { tree: self, items: items.iter() })
            .map_err(|error| error.or_at(self.node.span))
    }

    fn map<V: Visitor<'de>>(
        self,
        entries: &'de [Entry],
        known: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let mut access =
            Entries { tree: self, entries: entries.iter(), current: None, last_key: None, known };
        visitor.visit_map(&mut access).map_err(|error| {
            // What a visitor says in the middle of a map is about the key it has just read.
            error.or_at(access.last_key.unwrap_or(self.node.span))
        })
    }

    fn wrong<V: Visitor<'de>>(self, visitor: &V) -> Misfit {
        self.unexpected(&(visitor as &dyn de::Expected).to_string())
    }

    /// serde's words for a wrong type name Rust types; ours name what people write.
    fn unexpected(self, expected: &str) -> Misfit {
        let expected = match expected {
            "f64" => "a number",
            "u64" | "usize" => "a whole number, 0 or more",
            "a boolean" => "true or false",
            "a string" => "text",
            "a sequence" => "a list",
            other => other,
        };
        let message = format!("expected {expected}, found {}", self.node.kind.name());
        Misfit { span: Some(self.node.span), message }
    }
}

impl<'de> Deserializer<'de> for Tree<'de, '_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let expected = (&visitor as &dyn de::Expected).to_string();
        let span = self.node.span;
        let result = match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Number(number, _) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), ..) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (.., value) => visitor.visit_f64(value.unwrap_or(f64::NAN)),
            },
            Kind::Text(text) => visitor.visit_str(text),
            Kind::List(items) => return self.list(items, visitor),
            Kind::Map(entries) => return self.map(entries, None, visitor),
        };
        result.map_err(|error: Misfit| {
            if error.message.starts_with("invalid type") || error.message.starts_with("invalid value") {
                return self.unexpected(&expected);
            }
            error.or_at(span)
        })
    }

    // A scalar asked for as text is its spelling: `1.10`, `007`.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let result = match &self.node.kind {
            Kind::Number(_, text) | Kind::Text(text) => visitor.visit_str(text),
            Kind::Bool(value) => visitor.visit_str(if *value { "true" } else { "false" }),
            _ => return Err(self.wrong(&visitor)),
        };
        result.map_err(|error: Misfit| error.or_at(self.node.span))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.node.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if name == LOCATED {
            return visitor.visit_map(Located { tree: self, next: 0 });
        }
        match &self.node.kind {
            Kind::Map(entries) => self.map(entries, Some(fields), visitor),
            other => {
                let keys: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
                let message = format!("expected a map with {}; found {}", keys.join(", "), other.name());
                Err(Misfit { span: Some(self.node.span), message })
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let Kind::Text(text) = &self.node.kind else { return Err(self.wrong(&visitor)) };
        visitor.visit_enum(Word(text)).map_err(|error| error.or_at(self.node.span))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match (name, &self.node.kind) {
            (MANY, Kind::List(items)) => self.list(items, visitor),
            (MANY, _) => self.list(std::slice::from_ref(self.node), visitor),
            (OR_MAP, Kind::Map(entries)) => self.map(entries, None, visitor),
            (OR_MAP, Kind::Number(..) | Kind::Text(_) | Kind::Bool(_)) => self.deserialize_str(visitor),
            (SCALAR, Kind::Number(_, text)) => {
                visitor.visit_seq(SeqDeserializer::new([text.as_str(), NUMBER].into_iter()))
            }
            (SCALAR, Kind::Text(text)) => {
                visitor.visit_seq(SeqDeserializer::new([text.as_str()].into_iter()))
            }
            (SCALAR, Kind::Bool(value)) => {
                visitor.visit_seq(SeqDeserializer::new([value.to_string()].into_iter()))
            }
            _ => Err(self.wrong(&visitor)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        map identifier ignored_any
    }
}
