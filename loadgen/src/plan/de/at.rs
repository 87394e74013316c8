//! Values that know where they were written.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IntoDeserializer, MapAccess, Visitor},
};

use super::{Tree, access::KeyText, misfit::Misfit};
use crate::plan::problem::Span;

/// Name by which an [`At`] asks for its fields.
pub const LOCATED: &str = "$located";
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

/// Gives an [`At`] of a node its two fields.
pub struct Located<'de, 'p> {
    /// The node.
    pub tree: Tree<'de, 'p>,
    /// The next field.
    pub next: usize,
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
pub struct LocatedKey<'de> {
    /// The key.
    pub key: KeyText<'de>,
    /// The next field.
    pub next: usize,
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
