//! How serde goes through lists and maps of the tree.

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor},
    forward_to_deserialize_any,
};

use super::{
    Tree,
    at::LocatedKey,
    misfit::{Misfit, unknown_key},
};
use crate::plan::{
    problem::{Problem, Span},
    tree::{Entry, Node},
};

/// The items of a list.
pub struct Items<'de, 'p> {
    /// The list.
    pub tree: Tree<'de, 'p>,
    /// What is left of it.
    pub items: std::slice::Iter<'de, Node>,
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

/// The entries of a map; those whose key is not known are reported and passed over.
pub struct Entries<'de, 'p> {
    /// The map.
    pub tree: Tree<'de, 'p>,
    /// What is left of it.
    pub entries: std::slice::Iter<'de, Entry>,
    /// The entry whose value comes next.
    pub current: Option<&'de Entry>,
    /// The key read last, until the end is reached.
    pub last_key: Option<Span>,
    /// The keys there may be; none: any.
    pub known: Option<&'static [&'static str]>,
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

/// A key.
#[derive(Clone, Copy)]
pub struct KeyText<'de> {
    /// Its entry.
    pub entry: &'de Entry,
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

/// A word that names a variant.
pub struct Word<'de>(pub &'de str);

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
