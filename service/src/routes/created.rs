//! What the routes that create have in common: `Idempotency-Key`.

use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::store::Timestamp;
use crate::store::idempotency::{Claim, Outcome};

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
