//! A serde deserializer over the located tree: the types of [`super::file`] say what a scenario may hold, and what
//! does not fit them is reported with its place. Unknown keys and wrong list items are collected, not fatal.

use std::{cell::RefCell, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
        VariantAccess, Visitor, value::SeqDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{
    problem::{Problem, Span, suggest},
    tree::{Entry, Kind, Node},
};

/// Name by which a type asks for `[spelling, NUMBER or other]`.
pub const SCALAR: &str = "$scalar";
/// How a number without quotes is told from text.
pub const NUMBER: &str = "number";
/// Name by which a type asks for a list, or one value as a list of one.
pub const MANY: &str = "$many";
const LOCATED: &str = "$located";
const LOCATED_FIELDS: &[&str] = &["span", "value"];

/// A value with the place where it was written.
#[derive(Debug, Clone)]
pub struct At<T> {
    /// Where it was written.
    pub span: Span,
    /// Where its key was written, if it is the value of a key; else where it was itself.
    pub key: Span,
    /// The value.
    pub value: T,
}

impl<T> std::ops::Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Reads `node` as a `T`, with the unknown keys that were passed over. What does not fit is cut out and the rest read
/// again, so that every mistake is found.
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
                if !cut(&mut node, span, true) {
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
            if let Some(inside) = entries.iter_mut().find(|entry| holds(&entry.value, span)) {
                if cut(&mut inside.value, span, false) {
                    return true;
                }
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

/// What does not fit, as serde reports it.
#[derive(Debug)]
pub struct Misfit {
    span: Option<Span>,
    message: String,
}

impl Misfit {
    /// Says where, unless that is known already.
    fn or_at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

impl std::error::Error for Misfit {}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { span: None, message: message.to_string() }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(unknown_key(field, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!("unknown value `{variant}`{}", suggest(variant, expected.iter().copied())))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("`{field}` is missing"))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("{length} items, but expected {expected}"))
    }
}

fn unknown_key(key: &str, known: &[&str]) -> String {
    format!("unknown key `{key}`{}", suggest(key, known.iter().copied()))
}

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

struct Items<'de, 'p> {
    tree: Tree<'de, 'p>,
    items: std::slice::Iter<'de, Node>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        let Some(node) = self.items.next() else { return Ok(None) };
        seed.deserialize(self.tree.child(node, None)).map(Some).map_err(|error| error.or_at(node.span))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'de, 'p> {
    tree: Tree<'de, 'p>,
    entries: std::slice::Iter<'de, Entry>,
    current: Option<&'de Entry>,
    last_key: Option<Span>,
    known: Option<&'static [&'static str]>,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        self.last_key = None;
        let entry = loop {
            let Some(entry) = self.entries.next() else { return Ok(None) };
            match self.known {
                Some(known) if !known.contains(&entry.key.as_str()) => {
                    let problem = Problem::at(entry.key_span, unknown_key(&entry.key, known));
                    self.tree.problems.borrow_mut().push(problem);
                }
                _ => break entry,
            }
        };
        self.current = Some(entry);
        self.last_key = Some(entry.key_span);
        let key = KeyText { entry };
        seed.deserialize(key).map(Some).map_err(|error| error.or_at(entry.key_span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some(entry) = self.current.take() else { return Err(de::Error::custom("a value without a key")) };
        let value = self.tree.child(&entry.value, Some(entry.key_span));
        seed.deserialize(value).map_err(|error| error.or_at(entry.value.span))
    }
}

#[derive(Clone, Copy)]
struct KeyText<'de> {
    entry: &'de Entry,
}

impl<'de> Deserializer<'de> for KeyText<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_str(&self.entry.key)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_map(LocatedKey { key: self, next: 0 })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Gives an [`At`] of a node its two fields.
struct Located<'de, 'p> {
    tree: Tree<'de, 'p>,
    next: usize,
}

impl<'de> MapAccess<'de> for Located<'de, '_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let key = LOCATED_FIELDS.get(self.next).map(|key| key.into_deserializer());
        self.next += 1;
        key.map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        match self.next {
            1 => {
                let span = self.tree.node.span;
                seed.deserialize(place(span, self.tree.key.unwrap_or(span)).into_deserializer())
            }
            _ => seed.deserialize(self.tree),
        }
    }
}

/// Gives an [`At`] of a key its two fields.
struct LocatedKey<'de> {
    key: KeyText<'de>,
    next: usize,
}

impl<'de> MapAccess<'de> for LocatedKey<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let key = LOCATED_FIELDS.get(self.next).map(|key| key.into_deserializer());
        self.next += 1;
        key.map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        match self.next {
            1 => {
                let span = self.key.entry.key_span;
                seed.deserialize(place(span, span).into_deserializer())
            }
            _ => seed.deserialize(self.key),
        }
    }
}

/// Both spans as ten numbers, which is what serde can carry.
fn place(span: Span, key: Span) -> Vec<usize> {
    [span, key].into_iter().flat_map(|it| [it.file, it.line, it.column, it.start, it.length]).collect()
}

fn span_of([file, line, column, start, length]: [usize; 5]) -> Span {
    Span { file, line, column, start, length }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AtVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of the located tree")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<At<T>, A::Error> {
                let short = || de::Error::custom("only the located tree gives places");
                type Ten = (usize, usize, usize, usize, usize, usize, usize, usize, usize, usize);
                let (_, (a, b, c, d, e, f, g, h, i, j)): (de::IgnoredAny, Ten) =
                    map.next_entry()?.ok_or_else(short)?;
                let (span, key) = (span_of([a, b, c, d, e]), span_of([f, g, h, i, j]));
                let (_, value): (de::IgnoredAny, T) = map.next_entry()?.ok_or_else(short)?;
                Ok(At { span, key, value })
            }
        }

        deserializer.deserialize_struct(LOCATED, LOCATED_FIELDS, AtVisitor(std::marker::PhantomData))
    }
}

/// A word that names a variant.
struct Word<'de>(&'de str);

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Misfit> {
        let variant = seed.deserialize(IntoDeserializer::<Misfit>::into_deserializer(self.0))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _seed: T) -> Result<T::Value, Misfit> {
        Err(de::Error::custom(format!("`{}` takes a value", self.0)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Misfit> {
        Err(de::Error::custom(format!("`{}` takes a list", self.0)))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Misfit> {
        Err(de::Error::custom(format!("`{}` takes a map", self.0)))
    }
}
