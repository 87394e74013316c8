//! Headers that every response carries (OWASP Secure Headers).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::gcra::Decision;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// What Swagger UI needs: its own files, and styles within the page.
#[cfg(feature = "docs")]
const OWN_PAGES: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
);

/// What a response may load where it is shown as a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// It is data.
    None,
    /// It is a page of ours.
    #[cfg(feature = "docs")]
    Own,
}

/// Adds the security headers.
pub fn secure(headers: &mut HeaderMap, pages: Pages) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let policy = match pages {
        Pages::None => NOTHING,
        #[cfg(feature = "docs")]
        Pages::Own => OWN_PAGES,
    };
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
}

/// Adds what is left of a rate limit.
pub fn rate_limit(headers: &mut HeaderMap, decision: &Decision) {
    headers.insert(LIMIT, HeaderValue::from(decision.limit));
    headers.insert(REMAINING, HeaderValue::from(decision.remaining));
    headers.insert(RESET, HeaderValue::from(decision.reset_s));
}
