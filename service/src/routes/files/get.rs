use std::io::SeekFrom;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::range::{Wanted, wanted};
use crate::app::App;
use crate::error::Error;
use crate::files::Key;
use crate::out;

const GONE: Error = Error::NotFound("file");
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Bytes read at once.
const PIECE_BYTES: u64 = 64 * 1024;

/// A file, or a part of it. Its name is its secret: who has the link may read it.
#[utoipa::path(get, path = "/api/v1/files/{key}", tag = "files", operation_id = "getFile",
    params(
        ("key" = String, Path, description = "The file's name, as a job gave it"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Range" = Option<String>, Header, description = "The ETag that the range is of"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag the client has")),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/csv"),
        (status = 206, description = "The part of it", body = String, content_type = "text/csv"),
        (status = 304, description = "The client has it already"),
        (status = 404, description = "No such file", body = crate::error::Problem),
        (status = 416, description = "No such part", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let key: Key = key.parse().map_err(|()| GONE)?;
    let (file, bytes) = app.files.open(&key).await.map_err(Error::internal)?.ok_or(GONE)?;
    // A name is given once and what it names never changes.
    let etag = HeaderValue::from_str(&format!("\"{}\"", key.as_str())).map_err(Error::internal)?;
    let mut response = Response::default();
    if headers.get(header::IF_NONE_MATCH).is_some_and(|tags| out::matches(tags, &etag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let of_this = headers.get(header::IF_RANGE).is_none_or(|tag| *tag == etag);
        let range = headers.get(header::RANGE).filter(|_| of_this).and_then(|range| range.to_str().ok());
        let part = match wanted(range, bytes) {
            Wanted::All => 0..bytes,
            Wanted::Part(part) => {
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let place = format!("bytes {}-{}/{bytes}", part.start, part.end - 1);
                let place = HeaderValue::from_str(&place).map_err(Error::internal)?;
                response.headers_mut().insert(header::CONTENT_RANGE, place);
                part
            }
            Wanted::Nothing => return Err(Error::NoSuchRange { bytes }),
        };
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(key.content_type()));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
        let attachment = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", key.as_str()));
        response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment.map_err(Error::internal)?);
        *response.body_mut() = stream(file, part).await.map_err(Error::internal)?;
    }
    let sent = response.headers_mut();
    sent.insert(header::ETAG, etag);
    sent.insert(header::CACHE_CONTROL, IMMUTABLE);
    sent.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(response)
}

/// The bytes of `part`, read as the client takes them.
async fn stream(mut file: File, part: Range<u64>) -> std::io::Result<Body> {
    file.seek(SeekFrom::Start(part.start)).await?;
    let pieces = futures_util::stream::try_unfold((file, part.end - part.start), async |(mut file, left)| {
        if left == 0 {
            return Ok(None);
        }
        let want = left.min(PIECE_BYTES);
        let mut piece = BytesMut::zeroed(usize::try_from(want).unwrap_or(0));
        file.read_exact(&mut piece).await?;
        Ok::<_, std::io::Error>(Some((Bytes::from(piece), (file, left - want))))
    });
    Ok(Body::from_stream(pieces))
}
