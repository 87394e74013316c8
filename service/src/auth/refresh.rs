//! Refresh tokens: opaque, stored hashed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::clock;
use crate::store::sessions::TokenHash;

/// So that scanners for leaked secrets can recognise one.
const PREFIX: &str = "hrt_";

/// A new token and the hash to store.
pub fn new_token() -> (String, TokenHash) {
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(clock::random_bytes::<32>()));
    let hash = hash(&token);
    (token, hash)
}

/// The hash under which a token is stored. It has 256 random bits, so that one round of SHA-256 suffices.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}
