use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_ENCODING};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Failure, connection::LARGEST_BODY};

/// Unpacks a body as its `content-encoding` says.
///
/// # Errors
/// The encoding is unknown, or the body damaged or `too_large`: a few kilobytes of zeros must not become this machine's
/// memory.
pub async fn decode(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Failure> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else { return Ok(body) };
    match encoding.as_bytes() {
        b"identity" | b"" => Ok(body),
        b"gzip" | b"x-gzip" => unpack(GzipDecoder::new(body.as_ref())).await,
        b"br" => unpack(BrotliDecoder::new(body.as_ref())).await,
        b"zstd" => unpack(ZstdDecoder::new(body.as_ref())).await,
        other => {
            Err(Failure::new("decode", format!("content-encoding `{}` is unknown", other.escape_ascii())))
        }
    }
}

async fn unpack(reader: impl AsyncRead + Unpin) -> Result<Bytes, Failure> {
    let mut unpacked = Vec::new();
    let read = reader.take(LARGEST_BODY + 1).read_to_end(&mut unpacked).await;
    read.map_err(|error| Failure::new("decode", format!("damaged body: {error}")))?;
    if unpacked.len() as u64 > LARGEST_BODY {
        return Err(Failure::too_large("unpacked, the body is"));
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn packed(encoding: &'static str, body: &'static [u8]) -> Result<Bytes, Failure> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, http::HeaderValue::from_static(encoding))]);
        decode(&headers, Bytes::from_static(body)).await
    }

    #[tokio::test]
    async fn a_damaged_or_unknown_encoding_is_a_failure_and_not_a_panic() {
        assert_eq!(packed("gzip", b"not gzip").await.unwrap_err().kind, "decode");
        assert!(packed("rot13", b"x").await.unwrap_err().detail.contains("rot13"));
        assert_eq!(packed("identity", b"x").await.unwrap(), "x");
    }

    #[tokio::test]
    async fn a_small_body_that_unpacks_to_a_huge_one_is_too_large() {
        use async_compression::tokio::bufread::ZstdEncoder;
        let (zeros, mut bomb) = (vec![0; LARGEST_BODY as usize + 1], Vec::new());
        ZstdEncoder::new(&zeros[..]).read_to_end(&mut bomb).await.unwrap();
        assert!(bomb.len() < 100_000);
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, http::HeaderValue::from_static("zstd"))]);
        assert_eq!(decode(&headers, bomb.into()).await.unwrap_err().kind, "too_large");
    }

    #[tokio::test]
    async fn what_was_packed_is_unpacked() {
        use async_compression::tokio::bufread::GzipEncoder;
        let mut zipped = Vec::new();
        GzipEncoder::new(&b"a body"[..]).read_to_end(&mut zipped).await.unwrap();
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, http::HeaderValue::from_static("gzip"))]);
        assert_eq!(decode(&headers, zipped.into()).await.unwrap(), "a body");
    }
}
