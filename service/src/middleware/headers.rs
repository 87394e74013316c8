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

/// What a page of ours may ask the browser for: nothing.
const NO_FEATURES: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=()",
);
const CROSS_ORIGIN_EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const PERMITTED_CROSS_DOMAIN_POLICIES: HeaderName =
    HeaderName::from_static("x-permitted-cross-domain-policies");

/// Adds the security headers; over TLS, that the host is to be asked over TLS only, for two years.
pub fn secure(headers: &mut HeaderMap, pages: Pages, encrypted: bool) {
    let fixed = HeaderValue::from_static;
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, fixed("DENY"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(CROSS_ORIGIN_EMBEDDER_POLICY, fixed("require-corp"));
    headers.insert(CROSS_ORIGIN_OPENER_POLICY, fixed("same-origin"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, fixed("same-origin"));
    headers.insert(PERMITTED_CROSS_DOMAIN_POLICIES, fixed("none"));
    headers.insert(PERMISSIONS_POLICY, NO_FEATURES);
    if encrypted {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, fixed("max-age=63072000; includeSubDomains"));
    }
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
