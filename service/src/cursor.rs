//! Cursors: where the next page begins, signed so that nobody can make one up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::error::Error;

/// The key that signs cursors.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

/// Which list, in which order, a cursor belongs to; one cursor does not fit another list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum List {
    /// Tasks, newest first.
    TasksNewest = 1,
    /// Tasks, oldest first.
    TasksOldest = 2,
    /// Tasks, due soonest first.
    TasksDue = 3,
    /// Products, newest first.
    Products = 4,
    /// Favourites, newest first.
    Favorites = 5,
    /// Notifications, newest first.
    Notifications = 6,
    /// Accounts, newest first.
    Users = 7,
}

/// list (1) | sort key (8, big endian) | id (16)
const PAYLOAD_BYTES: usize = 25;
/// Half of HMAC-SHA256's output, as RFC 2104 §5 allows.
const TAG_BYTES: usize = 16;

impl CursorKey {
    /// A key derived from the service's secret, so that a cursor's tag is never a token's.
    pub fn derive(secret: &[u8]) -> Self {
        let derived = keyed(secret).chain_update(b"cursor key v1").finalize().into_bytes();
        Self(keyed(&derived))
    }

    /// The cursor of the position `(key, id)` in `list`.
    pub fn seal(&self, list: List, (key, id): (i64, Uuid)) -> String {
        let mut bytes = [0; PAYLOAD_BYTES + TAG_BYTES];
        bytes[0] = list as u8;
        bytes[1..9].copy_from_slice(&key.to_be_bytes());
        bytes[9..PAYLOAD_BYTES].copy_from_slice(id.as_bytes());
        let tag = self.0.clone().chain_update(&bytes[..PAYLOAD_BYTES]).finalize().into_bytes();
        bytes[PAYLOAD_BYTES..].copy_from_slice(&tag[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position that `cursor` names in `list`.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything that [`Self::seal`] did not make for this list.
    pub fn open(&self, list: List, cursor: &str) -> Result<(i64, Uuid), Error> {
        let wrong = || {
            Error::Malformed(
                "`cursor` is not one that this list returned; leave it out to start anew".to_owned(),
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
        let bytes: [u8; PAYLOAD_BYTES + TAG_BYTES] = bytes.try_into().map_err(|_| wrong())?;
        let (payload, tag) = bytes.split_at(PAYLOAD_BYTES);
        self.0.clone().chain_update(payload).verify_truncated_left(tag).map_err(|_| wrong())?;
        if payload[0] != list as u8 {
            return Err(wrong());
        }
        let key: [u8; 8] = payload[1..9].try_into().map_err(|_| wrong())?;
        let id = Uuid::from_slice(&payload[9..]).map_err(|_| wrong())?;
        Ok((i64::from_be_bytes(key), id))
    }
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_names_the_position_it_was_made_from(key: i64, id: u128) {
            let keys = CursorKey::derive(b"0123456789abcdef0123456789abcdef");
            let position = (key, Uuid::from_u128(id));
            let cursor = keys.seal(List::TasksDue, position);
            prop_assert_eq!(keys.open(List::TasksDue, &cursor).unwrap(), position);
            prop_assert!(keys.open(List::TasksNewest, &cursor).is_err(), "another list's cursor");
        }

        #[test]
        fn a_cursor_with_any_bit_changed_is_refused(key: i64, id: u128, at in 0usize..41, bit in 0u8..8) {
            let keys = CursorKey::derive(b"0123456789abcdef0123456789abcdef");
            let cursor = keys.seal(List::Products, (key, Uuid::from_u128(id)));
            let mut bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
            bytes[at] ^= 1 << bit;
            prop_assert!(keys.open(List::Products, &URL_SAFE_NO_PAD.encode(bytes)).is_err());
        }

        #[test]
        fn nonsense_is_refused_without_a_panic(text in ".{0,80}") {
            let keys = CursorKey::derive(b"0123456789abcdef0123456789abcdef");
            prop_assert!(keys.open(List::Products, &text).is_err());
        }
    }

    #[test]
    fn a_cursor_of_another_secret_is_refused() {
        let cursor = CursorKey::derive(b"one").seal(List::Products, (1, Uuid::nil()));
        assert!(CursorKey::derive(b"two").open(List::Products, &cursor).is_err());
    }
}
