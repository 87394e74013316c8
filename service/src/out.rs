//! How responses leave: tags, conditional requests, compression, `X-Cache`.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use crate::cache::{COMPRESS_ABOVE_BYTES, Outcome, Page};
use crate::error::Error;

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
/// Room for the headers of a response, those of the middleware included: the map grows once.
const HEADERS: usize = 20;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An encoding the client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    #[cfg(feature = "br")]
    Brotli,
}

/// What the client said about the form it wants.
pub struct Wants {
    encoding: Encoding,
    if_none_match: Option<HeaderValue>,
}

impl<S: Sync> FromRequestParts<S> for Wants {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self {
            encoding: parts.headers.get(header::ACCEPT_ENCODING).map_or(Encoding::Identity, accepted),
            if_none_match: parts.headers.get(header::IF_NONE_MATCH).cloned(),
        })
    }
}

/// Who may keep a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Only the user's own client, which asks again each time.
    Private,
    /// Anybody, who asks again each time: the catalogue.
    Public,
}

/// Sends a page from the cache or the database, or 304 when the client has it.
pub fn page(page: &Page, outcome: Outcome, wants: &Wants, audience: Audience) -> Response {
    let unchanged = wants.if_none_match.as_ref().is_some_and(|tags| matches(tags, &page.etag));
    let (encoding, body) = match wants.encoding {
        _ if unchanged => (None, Bytes::new()),
        #[cfg(feature = "br")]
        Encoding::Brotli if page.body.len() > COMPRESS_ABOVE_BYTES => (Some("br"), page.brotli()),
        Encoding::Gzip if page.body.len() > COMPRESS_ABOVE_BYTES => (Some("gzip"), page.gzip()),
        _ => (None, page.body.clone()),
    };
    let mut response = Response::new(if unchanged { Body::empty() } else { Body::from(body) });
    response.headers_mut().reserve(HEADERS);
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    if !unchanged {
        headers.insert(header::CONTENT_TYPE, JSON);
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, page.etag.clone());
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(match audience {
            Audience::Private => "private, no-cache",
            Audience::Public => "public, no-cache",
        }),
    );
    headers.insert(
        X_CACHE,
        HeaderValue::from_static(match outcome {
            Outcome::Hit => "HIT",
            Outcome::Miss => "MISS",
            Outcome::Bypass => "BYPASS",
        }),
    );
    response
}

/// Sends `value` as JSON that nobody keeps.
///
/// # Errors
/// When it does not serialise, which is a fault of ours.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Response, Error> {
    Ok(json_bytes(status, serde_json::to_vec(value).map_err(Error::internal)?))
}

/// Sends bytes that are JSON already.
pub fn json_bytes(status: StatusCode, body: Vec<u8>) -> Response {
    let headers =
        [(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, body).into_response()
}

/// Sends a text of `content_type`, compressed if the client likes.
pub fn text(content_type: &'static str, body: String, wants: &Wants) -> Response {
    let (encoding, body) = match wants.encoding {
        #[cfg(feature = "br")]
        Encoding::Brotli if body.len() > COMPRESS_ABOVE_BYTES => {
            (Some("br"), crate::cache::brotli(body.as_bytes()))
        }
        Encoding::Gzip if body.len() > COMPRESS_ABOVE_BYTES => {
            (Some("gzip"), crate::cache::gzip(body.as_bytes()))
        }
        _ => (None, body.into()),
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    (headers, body).into_response()
}

/// The best encoding that an `Accept-Encoding` header takes; `q=0` refuses one.
fn accepted(value: &HeaderValue) -> Encoding {
    let text = value.to_str().unwrap_or("");
    let takes = |name: &str| {
        text.split(',').any(|item| {
            let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
            let quality =
                parameters.trim().strip_prefix("q=").map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            coding.trim().eq_ignore_ascii_case(name) && quality > 0.0
        })
    };
    #[cfg(feature = "br")]
    if takes("br") {
        return Encoding::Brotli;
    }
    if takes("gzip") { Encoding::Gzip } else { Encoding::Identity }
}

/// Weak comparison (RFC 9110 §8.8.3.2) of `etag` with a list of tags or `*`.
pub fn matches(list: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(list), Ok(etag)) = (list.to_str(), etag.to_str()) else { return false };
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    list.trim() == "*" || list.split(',').any(|tag| opaque(tag) == opaque(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "br")]
    #[test]
    fn brotli_is_preferred_and_a_refused_encoding_is_not_used() {
        for (header, expected) in [
            ("gzip, deflate, br", Encoding::Brotli),
            ("gzip;q=1.0, br;q=0", Encoding::Gzip),
            ("identity", Encoding::Identity),
            ("gzip;q=0", Encoding::Identity),
            ("", Encoding::Identity),
        ] {
            assert_eq!(accepted(&HeaderValue::from_static(header)), expected, "{header}");
        }
    }

    #[test]
    fn a_tag_matches_in_a_list_and_whether_weak_or_strong() {
        let etag = HeaderValue::from_static("W/\"abc\"");
        for list in ["W/\"abc\"", "\"abc\"", "\"x\", W/\"abc\"", "*"] {
            assert!(matches(&HeaderValue::from_static(list), &etag), "{list}");
        }
        assert!(!matches(&HeaderValue::from_static("\"abcd\""), &etag));
    }
}
