//! Request ids: 16 hexadecimal digits, unique within a process and unlikely to meet elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, in both directions.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 64;
/// Odd, so that counting in its steps visits every number once (the golden ratio in 64 bits).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Makes request ids.
pub struct RequestIds(AtomicU64);

impl Default for RequestIds {
    fn default() -> Self {
        Self(AtomicU64::new(u64::from_le_bytes(crate::clock::random_bytes())))
    }
}

impl RequestIds {
    /// The id that the client sent, if it is up to 64 letters, digits, `-`, `_` or `.`; else a new one.
    pub fn of(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(HEADER) {
            Some(id) if is_sane(id.as_bytes()) => id.clone(),
            _ => self.next(),
        }
    }

    fn next(&self) -> HeaderValue {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let n = self.0.fetch_add(STEP, Ordering::Relaxed);
        let digits: [u8; 16] = std::array::from_fn(|at| HEX[(n >> (60 - 4 * at)) as usize & 15]);
        HeaderValue::from_bytes(&digits).expect("hexadecimal digits are a header value")
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_anything_else_replaced() {
        let ids = RequestIds::default();
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_static(value));
            ids.of(&headers).to_str().unwrap().to_owned()
        };
        assert_eq!(of("abc-1.2_3"), "abc-1.2_3");
        assert_eq!(of("a b").len(), 16);
        assert_ne!(of(""), of(""));
    }
}
