//! How requests are read: JSON bodies and queries, validated field by field, unknown fields refused.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use garde::Validate;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::app::App;
use crate::error::{Error, FieldError};

/// A JSON body that was understood and validated.
pub struct Json<T>(pub T);

impl<T> FromRequest<Arc<App>> for Json<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Error> {
        Ok(Self(parse(&body(request, app).await?)?))
    }
}

/// A JSON body like [`Json`], with the bytes it came in.
pub struct JsonAndBytes<T>(pub T, pub Bytes);

impl<T> FromRequest<Arc<App>> for JsonAndBytes<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Error> {
        let bytes = body(request, app).await?;
        Ok(Self(parse(&bytes)?, bytes))
    }
}

async fn body(request: Request, app: &App) -> Result<Bytes, Error> {
    if !is_json(request.headers()) {
        return Err(Error::UnsupportedMediaType);
    }
    let most = app.config.http.body_limit_bytes;
    let patience_ms = app.config.http.body_timeout_ms;
    let body = Limited::new(request.into_body(), most).collect();
    let Ok(body) = tokio::time::timeout(Duration::from_millis(patience_ms), body).await else {
        return Err(Error::TooSlow(patience_ms));
    };
    match body {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(e) if e.downcast_ref::<LengthLimitError>().is_some() => Err(Error::TooLarge(most)),
        Err(e) => Err(Error::Malformed(format!("the body broke off: {e}"))),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Parses and validates a JSON text.
///
/// # Errors
/// [`Error::Malformed`] when it is no JSON, [`Error::Invalid`] when a field is wrong, missing or unknown.
pub fn parse<T>(text: &[u8]) -> Result<T, Error>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value: T = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let path = e.path().to_string();
        let cause = e.into_inner();
        match cause.classify() {
            serde_json::error::Category::Data => wrong_field(&path, &without_place(&cause.to_string())),
            _ => Error::Malformed(format!("the body is not JSON: {cause}")),
        }
    })?;
    deserializer.end().map_err(|e| Error::Malformed(format!("the body is not JSON: {e}")))?;
    // serde would take a list of the fields' values in their order.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::field("", "the body must be a JSON object"));
    }
    if escapes_nul(text) {
        return Err(Error::field("", NUL));
    }
    check(&value)?;
    Ok(value)
}

/// PostgreSQL keeps no text with it, and nobody means it.
const NUL: &str = "text must not hold the character U+0000";

/// Whether a JSON text spells the character U+0000, which it can only do by an escape.
fn escapes_nul(text: &[u8]) -> bool {
    const ESCAPE: &[u8] = b"\\u0000";
    // After an odd number of other backslashes this one is escaped itself.
    let escaped = |at: usize| text[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
    text.windows(ESCAPE.len()).enumerate().any(|(at, piece)| piece == ESCAPE && !escaped(at))
}

/// serde names the field that is missing or unknown in the message only.
fn wrong_field(path: &str, message: &str) -> Error {
    let quoted = || message.split('`').nth(1).unwrap_or(path).to_owned();
    let field = match path {
        "." if message.starts_with("missing field") || message.starts_with("unknown field") => quoted(),
        "." => String::new(),
        inner => inner.to_owned(),
    };
    Error::field(field, message)
}

fn without_place(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text).to_owned()
}

fn check<T: Validate<Context = ()>>(value: &T) -> Result<(), Error> {
    value.validate().map_err(|report| {
        Error::Invalid(
            report
                .iter()
                .map(|(path, error)| FieldError::new(camel(&path.to_string()), error.message()))
                .collect(),
        )
    })
}

/// Fields are named as JSON has them.
fn camel(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut upper = false;
    for c in field.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.extend(c.to_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

/// A query string that was understood and validated.
pub struct Query<T>(pub T);

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let axum::extract::Query(value) =
            axum::extract::Query::<T>::try_from_uri(&parts.uri).map_err(|e| {
                let message =
                    std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
                let (field, reason) = match message.split_once(": ") {
                    Some((field, reason)) if !field.contains(' ') => (field.to_owned(), reason.to_owned()),
                    _ => (message.split('`').nth(1).unwrap_or("").to_owned(), message.clone()),
                };
                Error::field(field, reason)
            })?;
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Error::field("", NUL));
        }
        // Parameters keep their names, which are not JSON's.
        value.validate().map_err(|report| {
            Error::Invalid(
                report.iter().map(|(path, e)| FieldError::new(path.to_string(), e.message())).collect(),
            )
        })?;
        Ok(Self(value))
    }
}

/// The id in the path of one `what`. A text that is no id names nothing: 404.
///
/// # Errors
/// [`Error::NotFound`].
pub fn id(path: Path<String>, what: &'static str) -> Result<Uuid, Error> {
    path.0.parse().map_err(|_| Error::NotFound(what))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, Validate)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[allow(dead_code, reason = "only its reading is under test")]
    struct Sample {
        #[garde(range(min = 1))]
        price_cents: i64,
        #[garde(length(max = 3))]
        tags: Vec<u8>,
    }

    fn wrong(text: &str) -> Vec<FieldError> {
        match parse::<Sample>(text.as_bytes()) {
            Err(Error::Invalid(errors)) => errors,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_wrong_field_is_named_as_json_has_it() {
        let named = |text: &str| wrong(text).into_iter().map(|e| e.field).collect::<Vec<_>>();
        assert_eq!(named(r#"{"priceCents":0,"tags":[]}"#), ["priceCents"]);
        assert_eq!(named(r#"{"priceCents":0,"tags":[1,2,3,4]}"#), ["priceCents", "tags"]);
        assert_eq!(named(r#"{"priceCents":1,"tags":[1,"x"]}"#), ["tags[1]"]);
        assert_eq!(named(r#"{"priceCents":1}"#), ["tags"]);
        assert_eq!(named(r#"{"priceCents":1,"tags":[],"extra":1}"#), ["extra"]);
        assert_eq!(named("[1,[]]"), [""], "the values of the fields alone");
    }

    #[test]
    fn the_character_that_no_database_keeps_is_refused_and_a_text_that_spells_it_is_not() {
        for (text, refused) in [
            (&br#"{"a":"x\u0000"}"#[..], true),
            (br#"{"a":"\\\u0000"}"#, true),
            (br#"{"a":"\\u0000"}"#, false),
            (br#"{"a":"\u00001"}"#, true),
            (br#"{"a":"\u0001"}"#, false),
        ] {
            assert_eq!(escapes_nul(text), refused, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn broken_json_is_malformed_and_says_where() {
        for text in ["{", "", "{\"priceCents\":1,\"tags\":[]} x"] {
            match parse::<Sample>(text.as_bytes()) {
                Err(Error::Malformed(message)) => assert!(message.contains("line 1"), "{message}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
