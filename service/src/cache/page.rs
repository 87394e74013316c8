//! A response as it lies in the cache: its bytes, its tag, and its compressed forms once somebody wanted them.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Bodies up to this size are sent as they are: a packet holds them either way.
pub const COMPRESS_ABOVE_BYTES: usize = 1024;
const GZIP_LEVEL: u32 = 5;
#[cfg(feature = "br")]
const BROTLI_QUALITY: i32 = 4;
#[cfg(feature = "br")]
const BROTLI_WINDOW_BITS: i32 = 20;

/// A serialised response body.
pub struct Page {
    /// As JSON.
    pub body: Bytes,
    /// Weak, because the compressed forms share it.
    pub etag: HeaderValue,
    /// How long it may be served from the cache.
    pub ttl: Duration,
    /// The beginning of the body's SHA-256, which the tag shows.
    pub digest: [u8; 8],
    gzip: OnceLock<Bytes>,
    #[cfg(feature = "br")]
    brotli: OnceLock<Bytes>,
}

impl Page {
    /// A page of `body`.
    pub fn new(body: Vec<u8>, ttl: Duration) -> Self {
        let mut digest = [0; 8];
        digest.copy_from_slice(&Sha256::digest(&body)[..8]);
        Self::of(body.into(), digest, ttl)
    }

    /// The page of `body`, whose digest is known.
    pub fn of(body: Bytes, digest: [u8; 8], ttl: Duration) -> Self {
        let mut tag = *b"W/\"0123456789abcdef\"";
        for (at, byte) in digest.iter().enumerate() {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            tag[3 + 2 * at] = HEX[usize::from(byte >> 4)];
            tag[4 + 2 * at] = HEX[usize::from(byte & 15)];
        }
        Self {
            body,
            digest,
            etag: HeaderValue::from_bytes(&tag).expect("hexadecimal digits are a header value"),
            ttl,
            gzip: OnceLock::new(),
            #[cfg(feature = "br")]
            brotli: OnceLock::new(),
        }
    }

    /// Compressed with gzip, once per page.
    pub fn gzip(&self) -> Bytes {
        self.gzip.get_or_init(|| gzip(&self.body)).clone()
    }

    /// Compressed with brotli, once per page.
    #[cfg(feature = "br")]
    pub fn brotli(&self) -> Bytes {
        self.brotli.get_or_init(|| brotli(&self.body)).clone()
    }
}

/// `body` compressed with gzip.
pub fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
    // Writing to memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}

/// `body` compressed with brotli.
#[cfg(feature = "br")]
pub fn brotli(body: &[u8]) -> Bytes {
    let params = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW_BITS,
        size_hint: body.len(),
        ..Default::default()
    };
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = brotli::BrotliCompress(&mut &body[..], &mut out, &params);
    out.into()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_compressed_forms_hold_the_same_bytes() {
        let body: Vec<u8> = (0..5000u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let page = Page::new(body.clone(), Duration::from_secs(1));
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&page.gzip()[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, body);
        #[cfg(feature = "br")]
        {
            unpacked.clear();
            brotli::BrotliDecompress(&mut &page.brotli()[..], &mut unpacked).unwrap();
            assert_eq!(unpacked, body);
        }
    }

    #[test]
    fn the_tag_is_weak_and_follows_the_content() {
        let tag = |body: &str| Page::new(body.into(), Duration::ZERO).etag;
        assert_eq!(tag("a"), tag("a"));
        assert_ne!(tag("a"), tag("b"));
        assert!(tag("a").to_str().unwrap().starts_with("W/\""));
    }
}
