//! Refresh tokens: opaque, stored hashed. One names its user, whose data say whether it is live: there may be several
//! databases.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::clock;
use crate::store::sessions::TokenHash;

/// So that scanners for leaked secrets can recognise one.
const PREFIX: &str = "hrt_";

const RANDOM_BYTES: usize = 32;

/// A new token of `user` and the hash to store.
pub fn new_token(user: Uuid) -> (String, TokenHash) {
    let mut bytes = clock::random_bytes::<RANDOM_BYTES>().to_vec();
    bytes.extend_from_slice(user.as_bytes());
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let hash = hash(&token);
    (token, hash)
}

/// Whose a token is if it is one of ours: its hash decides that. Those of earlier versions name nobody.
pub fn owner(token: &str) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
    Uuid::from_slice(bytes.get(RANDOM_BYTES..)?).ok()
}

/// The hash under which a token is stored. It has 256 random bits, so that one round of SHA-256 suffices.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_user_and_nonsense_names_nobody() {
        let user = Uuid::from_u128(7);
        let (token, _) = new_token(user);
        assert_eq!(owner(&token), Some(user));
        let old = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([7; RANDOM_BYTES]));
        for text in ["", "hrt_", "hrt_!", &token[1..], &token[..token.len() - 1], old.as_str()] {
            assert_eq!(owner(text), None, "{text}");
        }
    }
}
