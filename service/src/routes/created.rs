//! What the routes that create have in common: `Idempotency-Key`.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::store::Timestamp;
use crate::store::idempotency::{Claim, Outcome};

/// What the `Idempotency-Key` header says, if there is one.
#[derive(utoipa::IntoParams)]
#[into_params(
    names("Idempotency-Key"),
    parameter_in = Header
)]
pub struct IdempotencyKey(
    /// Makes a repetition harmless: 1 to 255 visible ASCII characters, with spaces between them. White space after them
    /// is HTTP's, and no part of the key.
    #[param(required = false, pattern = "^[!-~]([ -~]{0,253}[!-~])?[ \t]*$")]
    pub Option<String>,
);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        key(&parts.headers).map(Self)
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=255).contains(&key.len()) && !key.contains('\t') => Ok(Some(key.to_owned())),
        _ => Err(Error::Malformed("Idempotency-Key must be 1 to 255 visible ASCII characters".to_owned())),
    }
}

/// The claim of a request to `route` with these `bytes`, which will be answered with `response`.
pub fn claim<'a>(route: &str, key: &'a str, bytes: &[u8], response: &'a [u8], now: Timestamp) -> Claim<'a> {
    let body_hash = Sha256::new().chain_update(route).chain_update([0]).chain_update(bytes).finalize().into();
    Claim { key, body_hash, response, now }
}

/// The body to answer with.
pub struct Created {
    /// As JSON.
    pub body: Vec<u8>,
    /// Whether it is that of an earlier request.
    pub replayed: bool,
}

/// What to answer after the store decided.
///
/// # Errors
/// [`Error::Invalid`] when the key was used for another request.
pub fn settle(outcome: Outcome, fresh: &[u8]) -> Result<Created, Error> {
    match outcome {
        Outcome::Done => Ok(Created { body: fresh.to_vec(), replayed: false }),
        Outcome::Replayed(body) => Ok(Created { body, replayed: true }),
        Outcome::Mismatch => {
            Err(Error::field("Idempotency-Key", "was used for a different request within 24 hours"))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_key_is_one_to_255_visible_characters() {
        let of = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).expect("HTTP allows it");
            key(&HeaderMap::from_iter([("idempotency-key".parse().expect("a name"), value)])).ok().flatten()
        };
        let (longest, longer) = ("k".repeat(255), "k".repeat(256));
        for good in ["k", "one two", longest.as_str()] {
            assert_eq!(of(good.as_bytes()).as_deref(), Some(good));
        }
        for bad in ["", "one\ttwo", "schlüssel", longer.as_str()] {
            assert_eq!(of(bad.as_bytes()), None, "{bad:?}");
        }
        assert!(key(&HeaderMap::new()).is_ok_and(|key| key.is_none()), "nobody has to send one");
    }
}
