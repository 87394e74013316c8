//! Keys derived from the service's secret, one per purpose, so that a tag made for one is never one of another.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The key of one purpose.
#[derive(Clone)]
pub struct DerivedKey(Hmac<Sha256>);

impl DerivedKey {
    /// The key for `purpose`, a text that no other purpose uses.
    pub fn new(secret: &[u8], purpose: &str) -> Self {
        let derived = keyed(secret).chain_update(purpose).finalize().into_bytes();
        Self(keyed(&derived))
    }

    /// HMAC-SHA256 of `text`.
    pub fn tag(&self, text: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(text).finalize().into_bytes().into()
    }

    /// Whether `tag` begins the HMAC of `text`; takes the same time wherever they differ.
    pub fn matches(&self, text: &[u8], tag: &[u8]) -> bool {
        self.0.clone().chain_update(text).verify_truncated_left(tag).is_ok()
    }
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("HMAC takes a key of any length")
}
