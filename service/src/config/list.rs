//! Lists that are a TOML array in a file and `a,b,c` in a variable.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// Deserialises a sequence of strings or one comma-separated string; each element is parsed by `FromStr`.
pub fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: Display,
{
    struct Items<T>(std::marker::PhantomData<T>);

    impl<'de, T> Visitor<'de> for Items<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list, or one string with commas")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| item.parse().map_err(|e| E::custom(format!("`{item}`: {e}"))))
                .collect()
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = seq.next_element::<String>()? {
                items.push(item.parse().map_err(|e| A::Error::custom(format!("`{item}`: {e}")))?);
            }
            Ok(items)
        }
    }

    deserializer.deserialize_any(Items(std::marker::PhantomData))
}
