//! API keys: for programs that act for a user. Shown once, stored hashed, and they never do what an admin may.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::derived::DerivedKey;
use super::tokens::Identity;
use crate::app::App;
use crate::clock;
use crate::error::Error;
use crate::store::sessions::TokenHash;
use crate::store::users::Role;
use crate::store::{self, Timestamp};
use crate::telemetry::activity::LastNoted;

/// The header that carries one.
pub const HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// So that scanners for leaked secrets can recognise one.
const BEGINNING: &str = "hak_";
/// random (24) | user (16) | tag (8)
const RANDOM_BYTES: usize = 24;
const USER_BYTES: usize = 16;
const TAG_BYTES: usize = 8;
const SIGNED_BYTES: usize = RANDOM_BYTES + USER_BYTES;
/// Six random bytes of the key, enough to tell the keys of a user apart, and far too few to guess the others.
const SHOWN_DIGITS: usize = 8;

/// A key that was found is not looked up again for this long; the revocation list is asked each time.
pub const KNOWN_FOR: Duration = Duration::from_secs(60);
const MOST_KNOWN: u64 = 100_000;

/// What every refused key is told.
const REFUSED: Error = Error::Unauthenticated("the API key is not valid");

/// Makes and checks API keys.
pub struct ApiKeys {
    key: DerivedKey,
    known: moka::future::Cache<TokenHash, Arc<Known>>,
}

/// A key that is stored.
struct Known {
    id: Uuid,
    user_id: Uuid,
    last_noted: LastNoted,
}

/// A key that was just made.
pub struct Fresh {
    /// All of it, to be shown once.
    pub text: String,
    /// How it begins.
    pub prefix: String,
    /// What is stored.
    pub hash: TokenHash,
}

impl ApiKeys {
    /// Keys that are tagged with `secret`.
    pub fn new(secret: &[u8]) -> Self {
        let known = moka::future::Cache::builder().max_capacity(MOST_KNOWN).time_to_live(KNOWN_FOR).build();
        Self { key: DerivedKey::new(secret, "API key v1"), known }
    }

    /// A new key that speaks for `user`.
    pub fn make(&self, user: Uuid) -> Fresh {
        let mut bytes = [0; SIGNED_BYTES + TAG_BYTES];
        bytes[..RANDOM_BYTES].copy_from_slice(&clock::random_bytes::<RANDOM_BYTES>());
        bytes[RANDOM_BYTES..SIGNED_BYTES].copy_from_slice(user.as_bytes());
        let tag = self.key.tag(&bytes[..SIGNED_BYTES]);
        bytes[SIGNED_BYTES..].copy_from_slice(&tag[..TAG_BYTES]);
        let text = format!("{BEGINNING}{}", URL_SAFE_NO_PAD.encode(bytes));
        let prefix = text[..BEGINNING.len() + SHOWN_DIGITS].to_owned();
        let hash = Sha256::digest(text.as_bytes()).into();
        Fresh { text, prefix, hash }
    }

    /// Whom a key made by this service may speak for. One that was made up is told by its tag, before any database is
    /// asked.
    fn user_of(&self, text: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(BEGINNING)?).ok()?;
        let (signed, tag) = bytes.split_at_checked(SIGNED_BYTES)?;
        if tag.len() != TAG_BYTES || !self.key.matches(signed, tag) {
            return None;
        }
        Uuid::from_slice(&signed[RANDOM_BYTES..]).ok()
    }

    /// Whom the key in a header speaks for. Counts the user as active.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for anything but a live key of ours; what the store says when it is asked.
    pub async fn identify(&self, app: &App, value: &HeaderValue) -> Result<Identity, Error> {
        let text = value.to_str().map_err(|_| REFUSED)?.trim();
        let user = self.user_of(text).ok_or(REFUSED)?;
        let hash: TokenHash = Sha256::digest(text.as_bytes()).into();
        let known = self.known.try_get_with(hash, Box::pin(find(app, user, hash))).await;
        let known = known.map_err(|e: Arc<Error>| Error::clone(&e))?;
        if app.revocations.contains(known.id) {
            return Err(REFUSED);
        }
        app.activity.note(&known.last_noted, known.user_id, clock::now_s());
        Ok(Identity { user_id: known.user_id, session_id: known.id, role: Role::User })
    }

    /// Refuses the key `id` from now on, here and wherever the revocation list is shared.
    pub async fn revoke(&self, app: &App, id: Uuid) {
        let known_until = clock::now_us() + i64::try_from(2 * KNOWN_FOR.as_micros()).unwrap_or(i64::MAX);
        app.revocations.add([(id, Timestamp(known_until))]).await;
    }
}

/// Looks a key up, and notes that it is in use.
async fn find(app: &App, user: Uuid, hash: TokenHash) -> Result<Arc<Known>, Error> {
    let (id, last_used) = store::api_keys::find(&app.store, user, &hash).await?.ok_or(REFUSED)?;
    let now = Timestamp(clock::now_us());
    let grain_us = i64::try_from(KNOWN_FOR.as_micros()).unwrap_or(i64::MAX);
    if last_used.is_none_or(|last| last.0 <= now.0 - grain_us)
        && let Err(error) = store::api_keys::note_use(&app.store, user, id, now).await
    {
        // The key is good all the same.
        tracing::warn!(%error, "the use of an API key was not noted");
    }
    Ok(Arc::new(Known { id, user_id: user, last_noted: LastNoted::default() }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_names_its_user_and_one_with_any_bit_changed_names_nobody(
            user: u128, at in 0usize..48, bit in 0u8..8,
        ) {
            let keys = ApiKeys::new(b"0123456789abcdef0123456789abcdef");
            let fresh = keys.make(Uuid::from_u128(user));
            prop_assert_eq!(keys.user_of(&fresh.text), Some(Uuid::from_u128(user)));
            prop_assert!(fresh.text.starts_with(&fresh.prefix));
            let mut bytes = URL_SAFE_NO_PAD.decode(&fresh.text[BEGINNING.len()..]).unwrap();
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(keys.user_of(&format!("{BEGINNING}{}", URL_SAFE_NO_PAD.encode(bytes))), None);
        }

        #[test]
        fn nonsense_is_no_key(text in ".{0,80}") {
            prop_assert_eq!(ApiKeys::new(b"secret").user_of(&text), None);
        }
    }
}
