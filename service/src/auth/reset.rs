//! Password-reset tokens. A token is a pure function of the secret and the id of its request, so that the mail that
//! carries it can be tried again, and neither a queue nor the database ever holds it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::derived::DerivedKey;
use crate::store::sessions::TokenHash;

/// How long a token gives leave to set a new password, in seconds.
pub const LIFE_S: i64 = 30 * 60;

/// So that scanners for leaked secrets can recognise one.
const BEGINNING: &str = "hpr_";
const USER_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

/// Makes password-reset tokens.
pub struct Resets(DerivedKey);

impl Resets {
    /// Tokens made with `secret`.
    pub fn new(secret: &[u8]) -> Self {
        Self(DerivedKey::new(secret, "password reset v1"))
    }

    /// The token of the request `reset_id` of `user`: the same each time.
    pub fn token(&self, user: Uuid, reset_id: Uuid) -> String {
        let tag = self.0.tag(&[user.into_bytes(), reset_id.into_bytes()].concat());
        format!("{BEGINNING}{}", URL_SAFE_NO_PAD.encode([&user.as_bytes()[..], &tag[..]].concat()))
    }
}

/// The hash under which a token is stored. It has 256 unpredictable bits, so that one round of SHA-256 suffices.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Whose password a token may be for, as it says itself; whether it is live, the store knows.
pub fn user_of(token: &str) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(BEGINNING)?).ok()?;
    let (user, tag) = bytes.split_at_checked(USER_BYTES)?;
    (tag.len() == TAG_BYTES).then(|| Uuid::from_slice(user).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_each_time_and_another_for_every_request_user_and_secret() {
        let resets = Resets::new(b"one secret");
        let (user, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let token = resets.token(user, Uuid::from_u128(7));
        assert_eq!(token, resets.token(user, Uuid::from_u128(7)));
        assert_eq!(user_of(&token), Some(user));
        assert_ne!(token, resets.token(user, Uuid::from_u128(8)));
        assert_ne!(token, resets.token(other, Uuid::from_u128(7)));
        assert_ne!(token, Resets::new(b"another secret").token(user, Uuid::from_u128(7)));
    }

    #[test]
    fn nonsense_names_nobody() {
        for text in ["", "hpr_", "hpr_AAAA", "hrt_AAAAAAAAAAAAAAAAAAAAAAAA", "hpr_\u{e4}"] {
            assert_eq!(user_of(text), None, "{text}");
        }
    }
}
