//! `fields=title,priceCents`: the client says which fields of a product it wants.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::error::Error;
use crate::store::products::Product;

/// The fields of a product, as JSON has them.
const NAMES: [&str; 8] =
    ["id", "title", "description", "category", "priceCents", "stock", "createdAt", "updatedAt"];

/// A set of fields; bit `n` stands for `NAMES[n]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields(u8);

impl Fields {
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);

    /// The fields that `list` names, with commas between; all when there is no list. `id` is always among them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is no field.
    pub fn parse(list: Option<&str>) -> Result<Self, Error> {
        let Some(list) = list else { return Ok(Self::ALL) };
        let mut bits = 1;
        for name in list.split(',').map(str::trim) {
            match NAMES.iter().position(|known| *known == name) {
                Some(at) => bits |= 1 << at,
                None => {
                    let message =
                        format!("`{name}` is no field of a product; there are {}", NAMES.join(", "));
                    return Err(Error::field("fields", message));
                }
            }
        }
        Ok(Self(bits))
    }

    /// A name for this set, for cache keys.
    pub fn bits(self) -> u8 {
        self.0
    }

    fn has(self, at: usize) -> bool {
        self.0 & (1 << at) != 0
    }
}

/// A product with the wanted fields only.
pub struct Selected(pub Product, pub Fields);

impl Serialize for Selected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(product, fields) = self;
        let mut map = serializer.serialize_map(None)?;
        for (at, name) in NAMES.into_iter().enumerate().filter(|(at, _)| fields.has(*at)) {
            match at {
                0 => map.serialize_entry(name, &product.id)?,
                1 => map.serialize_entry(name, &product.title)?,
                2 => map.serialize_entry(name, &product.description)?,
                3 => map.serialize_entry(name, &product.category)?,
                4 => map.serialize_entry(name, &product.price_cents)?,
                5 => map.serialize_entry(name, &product.stock)?,
                6 => map.serialize_entry(name, &product.created_at)?,
                _ => map.serialize_entry(name, &product.updated_at)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Timestamp;

    fn product() -> Product {
        Product {
            id: uuid::Uuid::from_u128(1),
            title: "Lamp".to_owned(),
            description: "Bright".to_owned(),
            category: "home".to_owned(),
            price_cents: 1999,
            stock: 3,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn all_fields_selected_are_the_product_itself() {
        let whole = serde_json::to_value(product()).unwrap();
        assert_eq!(serde_json::to_value(Selected(product(), Fields::ALL)).unwrap(), whole);
    }

    #[test]
    fn only_the_named_fields_and_the_id_are_sent() {
        let fields = Fields::parse(Some("priceCents, title")).unwrap();
        let json = serde_json::to_string(&Selected(product(), fields)).unwrap();
        assert_eq!(json, r#"{"id":"00000000-0000-0000-0000-000000000001","title":"Lamp","priceCents":1999}"#);
    }

    #[test]
    fn a_name_that_is_no_field_is_refused() {
        assert!(matches!(Fields::parse(Some("price")), Err(Error::Invalid(_))));
    }
}
