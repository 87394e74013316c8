//! What is kept of an answer.

use http::header::SET_COOKIE;
use regex::bytes::Regex;
use serde_json_path::JsonPath;

use super::expect::Answer;

/// Where in an answer a variable's value is.
#[derive(Debug, Clone)]
pub enum Extract {
    /// The first node that a JSONPath (RFC 9535) finds: text as it is, everything else as JSON; `null` is nothing.
    Json(JsonPath),
    /// A response header, the first of its name.
    Header(http::HeaderName),
    /// A cookie that the answer sets.
    Cookie(String),
    /// The first group of a regular expression over the body, or all that matches if it has none.
    Regex(Regex),
}

impl Extract {
    /// Whether it looks into the body.
    pub const fn reads_body(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Regex(_))
    }

    /// The value, if the answer holds it.
    pub fn apply(&self, answer: &Answer<'_>) -> Option<String> {
        match self {
            Self::Json(path) => match path.query(answer.json()?).first()? {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
            Self::Header(name) => text(answer.headers.get(name)?.as_bytes()),
            Self::Cookie(name) => answer.headers.get_all(SET_COOKIE).iter().find_map(|header| {
                let (key, value) = header.to_str().ok()?.split(';').next()?.split_once('=')?;
                (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
            }),
            Self::Regex(regex) => {
                let found = regex.captures(answer.body)?;
                text(found.get(1).or_else(|| found.get(0))?.as_bytes())
            }
        }
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    fn apply(extract: &Extract) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_static("theme=dark; Path=/"));
        headers.append(SET_COOKIE, HeaderValue::from_static("sid=\"a1=b\"; HttpOnly"));
        headers.append("location", HeaderValue::from_static("/tasks/7"));
        let body = br#"{"items":[{"id":41,"title":"x \"y\"","due":null}]}"#;
        extract.apply(&Answer::new(StatusCode::OK, &headers, body, Duration::ZERO))
    }

    fn json(path: &str) -> Option<String> {
        apply(&Extract::Json(JsonPath::parse(path).unwrap()))
    }

    #[test]
    fn a_path_finds_text_as_it_is_and_the_rest_as_json() {
        assert_eq!(json("$.items[0].title").as_deref(), Some("x \"y\""));
        assert_eq!(json("$.items[0].id").as_deref(), Some("41"));
        assert_eq!(json("$.items[*]['id','due']").as_deref(), Some("41"));
        assert_eq!(json("$.items[0]").as_deref(), Some(r#"{"id":41,"title":"x \"y\"","due":null}"#));
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        assert_eq!(json("$.items[5].id"), None);
        assert_eq!(json("$.items[0].due"), None);
        assert_eq!(apply(&Extract::Cookie("nope".into())), None);
        assert_eq!(apply(&Extract::Header(http::header::ETAG)), None);
        assert_eq!(apply(&Extract::Regex(Regex::new("zzz").unwrap())), None);
    }

    #[test]
    fn headers_cookies_and_groups_are_found() {
        assert_eq!(apply(&Extract::Header(http::header::LOCATION)).as_deref(), Some("/tasks/7"));
        assert_eq!(apply(&Extract::Cookie("sid".into())).as_deref(), Some("a1=b"));
        assert_eq!(apply(&Extract::Regex(Regex::new(r#""id":(\d+)"#).unwrap())).as_deref(), Some("41"));
        assert_eq!(apply(&Extract::Regex(Regex::new(r"\d+").unwrap())).as_deref(), Some("41"));
    }
}
