//! One error, one JSON shape (RFC 9457). An internal cause is logged, never sent.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request was not answered as asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Not even readable: broken JSON, a broken cursor, a header that cannot be parsed.
    #[error("{0}")]
    Malformed(String),
    /// Readable, but some fields are not acceptable.
    #[error("{} field(s) are not acceptable", .0.len())]
    Invalid(Vec<FieldError>),
    /// No valid credentials.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Valid credentials that do not suffice.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No such object, or one of another user.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The path exists, the method does not; with those that do.
    #[error("this path does not answer that method")]
    MethodNotAllowed(HeaderValue),
    /// It contradicts what is stored.
    #[error("{0}")]
    Conflict(&'static str),
    /// The body is larger than this many bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The body did not come in time.
    #[error("the body did not arrive within {0} ms")]
    TooSlow(u64),
    /// The body is not declared as JSON.
    #[error("the body must be JSON: send Content-Type: application/json")]
    UnsupportedMediaType,
    /// A part of a file that has only so many bytes.
    #[error("the range is not within the file's {bytes} bytes")]
    NoSuchRange {
        /// The file's size.
        bytes: u64,
    },
    /// A rate limit.
    #[error("too many requests; try again in {retry_after_s} s")]
    RateLimited {
        /// When the next request is admitted.
        retry_after_s: u64,
    },
    /// Overload: nothing wrong with the request.
    #[error("{0}")]
    Busy(&'static str),
    /// A fault of the service.
    #[error("something went wrong on our side; the request id helps to find it")]
    Internal(Arc<anyhow::Error>),
}

/// One field that was not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Path of the field in the body or name of the query parameter.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl FieldError {
    /// A message about one field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// The body of every error response: `application/problem+json`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// What kind of problem, as a URN.
    #[serde(rename = "type")]
    #[schema(example = "urn:headroom:problem:invalid")]
    pub kind: &'static str,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status code.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// The fields that were not acceptable, if that was it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Error {
    /// An internal error from any cause.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(Arc::new(cause.into()))
    }

    /// One unacceptable field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, message)])
    }

    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed(_) => {
                (StatusCode::BAD_REQUEST, "urn:headroom:problem:malformed", "Malformed request")
            }
            Self::Invalid(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "urn:headroom:problem:invalid", "Invalid fields")
            }
            Self::Unauthenticated(_) => {
                (StatusCode::UNAUTHORIZED, "urn:headroom:problem:unauthenticated", "Not authenticated")
            }
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "urn:headroom:problem:forbidden", "Not allowed"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "urn:headroom:problem:not-found", "Not found"),
            Self::MethodNotAllowed(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "urn:headroom:problem:method-not-allowed",
                "Method not allowed",
            ),
            Self::Conflict(_) => (StatusCode::CONFLICT, "urn:headroom:problem:conflict", "Conflict"),
            Self::TooLarge(_) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "urn:headroom:problem:too-large", "Body too large")
            }
            Self::TooSlow(_) => {
                (StatusCode::REQUEST_TIMEOUT, "urn:headroom:problem:too-slow", "Request too slow")
            }
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "urn:headroom:problem:media-type",
                "Unsupported media type",
            ),
            Self::NoSuchRange { .. } => {
                (StatusCode::RANGE_NOT_SATISFIABLE, "urn:headroom:problem:range", "No such range")
            }
            Self::RateLimited { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "urn:headroom:problem:rate-limited", "Too many requests")
            }
            Self::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "urn:headroom:problem:busy", "Overloaded"),
            Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "urn:headroom:problem:internal", "Internal error")
            }
        }
    }

    /// The body of the response to a request for `instance`.
    pub fn problem(&self, instance: &str) -> Problem {
        let (status, kind, title) = self.kind();
        Problem {
            kind,
            title,
            status: status.as_u16(),
            detail: self.to_string(),
            instance: instance.to_owned(),
            errors: if let Self::Invalid(errors) = self { errors.clone() } else { Vec::new() },
        }
    }

    /// The whole response to a request for `instance`.
    pub fn respond(&self, instance: &str) -> Response {
        // A problem holds strings and a number, which always serialise.
        let body = serde_json::to_vec(&self.problem(instance)).unwrap_or_default();
        let mut response = (self.kind().0, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Unauthenticated(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::NoSuchRange { bytes } => {
                if let Ok(size) = HeaderValue::from_str(&format!("bytes */{bytes}")) {
                    headers.insert(header::CONTENT_RANGE, size);
                }
            }
            Self::RateLimited { retry_after_s } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_s));
            }
            Self::MethodNotAllowed(allow) => {
                headers.insert(header::ALLOW, allow.clone());
            }
            // The rest of the body would be taken for the next request.
            Self::TooSlow(_) => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::Busy(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(1u64));
            }
            _ => {}
        }
        response
    }
}

/// The error rides along in the response's extensions; the middleware, which knows the path, writes the body.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.kind().0.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_cause_never_reaches_the_client() {
        let error = Error::internal(anyhow::anyhow!("password of the database"));
        let body = serde_json::to_string(&error.problem("/api/v1/tasks")).unwrap();
        assert!(!body.contains("password"), "{body}");
        assert!(body.contains("\"status\":500") && body.contains("\"instance\":\"/api/v1/tasks\""), "{body}");
    }

    #[test]
    fn invalid_fields_are_listed_by_name() {
        let problem = Error::field("title", "must not be empty").problem("/x");
        assert_eq!(problem.status, 422);
        assert_eq!(problem.errors, vec![FieldError::new("title", "must not be empty")]);
    }
}
