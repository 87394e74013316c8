//! Made-up products.

use rand::RngExt as _;
use rand::rngs::ChaCha12Rng;
use rand::seq::IndexedRandom as _;

use super::{EPOCH_US, id_at};
use crate::store::Timestamp;
use crate::store::products::Product;

/// Shelves with the things on them and the price of the middle one, in cents.
const SHELVES: [(&str, [&str; 6], i64); 10] = [
    ("audio", ["headphones", "speaker", "turntable", "microphone", "amplifier", "radio"], 12_900),
    ("books", ["cookbook", "atlas", "novel", "dictionary", "diary", "guide"], 2_400),
    ("camping", ["tent", "stove", "lantern", "hammock", "sleeping bag", "compass"], 7_900),
    ("garden", ["spade", "watering can", "planter", "hedge shears", "hose", "bench"], 3_500),
    ("home", ["lamp", "chair", "table", "shelf", "rug", "mirror"], 8_900),
    ("kitchen", ["kettle", "toaster", "blender", "knife", "pan", "grinder"], 4_900),
    ("office", ["desk", "monitor", "keyboard", "mouse", "notebook", "printer"], 15_900),
    ("sports", ["racket", "bicycle", "helmet", "yoga mat", "kettlebell", "skates"], 6_900),
    ("toys", ["puzzle", "kite", "train set", "doll house", "robot", "blocks"], 2_900),
    ("travel", ["suitcase", "backpack", "adapter", "umbrella", "travel pillow", "wallet"], 5_900),
];
const QUALITIES: [&str; 16] = [
    "Classic", "Compact", "Deluxe", "Durable", "Elegant", "Folding", "Handmade", "Light", "Modern", "Oak",
    "Portable", "Quiet", "Recycled", "Robust", "Slim", "Steel",
];
const MAKERS: [&str; 12] = [
    "Alder", "Birch", "Cedar", "Dune", "Ember", "Fjord", "Grove", "Harbor", "Iris", "Juniper", "Kestrel",
    "Lumen",
];
/// The catalogue grew over this time.
const GROWTH_US: i64 = 365 * 24 * 3600 * 1_000_000;

/// Products number `first` to `first + count` of `all`, oldest first.
pub fn products(rng: &mut ChaCha12Rng, first: u32, count: u32, all: u32) -> Vec<Product> {
    (first..first + count)
        .map(|number| {
            let age_us = GROWTH_US / i64::from(all.max(1)) * i64::from(all - number);
            product(rng, Timestamp(EPOCH_US - age_us))
        })
        .collect()
}

fn product(rng: &mut ChaCha12Rng, at: Timestamp) -> Product {
    let (category, things, middle_cents) = SHELVES[rng.random_range(0..SHELVES.len())];
    let thing = pick(rng, &things);
    let (quality, maker) = (pick(rng, &QUALITIES), pick(rng, &MAKERS));
    let model = rng.random_range(100..1000);
    // Most things cost about as much as the middle one, a few several times that.
    let factor = (rng.random_range(-1.0..1.0f64) + rng.random_range(-1.0..1.0f64)).exp();
    let price_cents = ((middle_cents as f64 * factor) as i64 / 100 * 100 + 99).max(99);
    Product {
        id: id_at(rng, at),
        title: format!("{quality} {thing} {maker} {model}"),
        description: format!(
            "The {} {thing} by {maker}, model {model}: made for {category} and for many years of use.",
            quality.to_lowercase()
        ),
        category: category.to_owned(),
        price_cents,
        stock: rng.random_range(0..500),
        created_at: at,
        updated_at: at,
    }
}

fn pick(rng: &mut ChaCha12Rng, words: &[&'static str]) -> &'static str {
    words.choose(rng).copied().unwrap_or_default()
}
