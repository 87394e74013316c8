//! What an answer must be.

use std::{cell::OnceCell, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use record::unit::show_us;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::mask;

/// An answer, whole.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body, unpacked; empty when nothing looks into it.
    pub body: &'a [u8],
    /// From sending to the last byte.
    pub elapsed: Duration,
    json: OnceCell<Option<Value>>,
}

impl<'a> Answer<'a> {
    /// An answer; its body is parsed when something first asks for it, and once.
    pub const fn new(status: StatusCode, headers: &'a HeaderMap, body: &'a [u8], elapsed: Duration) -> Self {
        Self { status, headers, body, elapsed, json: OnceCell::new() }
    }

    /// The body as JSON, if it is.
    pub fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(self.body).ok()).as_ref()
    }
}

/// What an answer must be. The default: any status below 400.
#[derive(Debug, Default)]
pub struct Expect {
    /// Statuses that are right, as ranges with both ends; none: any below 400.
    pub status: Vec<(u16, u16)>,
    /// What JSONPaths must find.
    pub json: Vec<(JsonPath, Wanted<Value>)>,
    /// What headers must be.
    pub headers: Vec<(HeaderName, Wanted<String>)>,
    /// Texts that the body must hold.
    pub contains: Vec<String>,
    /// Whether a JSON body must be without GraphQL `errors`.
    pub no_graphql_errors: bool,
    /// Longest time from sending to the last byte.
    pub within: Option<Duration>,
}

/// What something must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted<T> {
    /// There, whatever it is.
    Exists,
    /// Not there.
    Absent,
    /// Equal to this.
    Equal(T),
}

impl Expect {
    /// Whether it looks into the body.
    pub const fn reads_body(&self) -> bool {
        !self.json.is_empty() || !self.contains.is_empty() || self.no_graphql_errors
    }

    /// Holds an answer against it.
    ///
    /// # Errors
    /// One sentence: what was expected and what came.
    pub fn check(&self, answer: &Answer<'_>) -> Result<(), String> {
        self.check_status(answer.status.as_u16())?;
        for (name, wanted) in &self.headers {
            check_header(name, wanted, answer.headers)?;
        }
        for (path, wanted) in &self.json {
            check_json(path, wanted, answer)?;
        }
        if self.no_graphql_errors {
            check_graphql(answer)?;
        }
        for text in &self.contains {
            if !holds(answer.body, text.as_bytes()) {
                return Err(format!("expected a body that contains `{text}`, got {}", excerpt(answer.body)));
            }
        }
        match self.within {
            Some(within) if answer.elapsed > within => {
                let [within, took] = [within, answer.elapsed].map(|time| show_us(time.as_secs_f64() * 1e6));
                Err(format!("expected the answer within {within}, it took {took}"))
            }
            _ => Ok(()),
        }
    }

    fn check_status(&self, status: u16) -> Result<(), String> {
        let right = match self.status.as_slice() {
            [] => status < 400,
            ranges => ranges.iter().any(|(from, to)| (*from..=*to).contains(&status)),
        };
        if right {
            return Ok(());
        }
        let expected: Vec<String> = match self.status.as_slice() {
            [] => vec!["below 400".to_owned()],
            ranges => ranges.iter().map(|range| show_status(*range)).collect(),
        };
        Err(format!("expected status {}, got {status}", expected.join(" or ")))
    }
}

fn show_status((from, to): (u16, u16)) -> String {
    if from == to { from.to_string() } else { format!("{}xx", from / 100) }
}

fn check_header(name: &HeaderName, wanted: &Wanted<String>, headers: &HeaderMap) -> Result<(), String> {
    let mut values = headers.get_all(name).iter();
    match wanted {
        Wanted::Exists if headers.contains_key(name) => Ok(()),
        Wanted::Exists => Err(format!("expected a header `{name}`, got none")),
        Wanted::Absent => match values.next() {
            None => Ok(()),
            Some(value) => Err(format!("expected no header `{name}`, got `{}`", shown(name, value))),
        },
        Wanted::Equal(text) if values.any(|value| value.as_bytes() == text.as_bytes()) => Ok(()),
        Wanted::Equal(text) => Err(match headers.get(name) {
            None => format!("expected the header `{name}: {text}`, got none"),
            Some(value) => {
                format!("expected the header `{name}: {text}`, got `{}`", shown(name, value))
            }
        }),
    }
}

fn check_json(path: &JsonPath, wanted: &Wanted<Value>, answer: &Answer<'_>) -> Result<(), String> {
    let Some(json) = answer.json() else {
        return Err(format!("expected JSON, got {}", excerpt(answer.body)));
    };
    let found = path.query(json);
    match (wanted, found.first()) {
        (Wanted::Exists, Some(_)) | (Wanted::Absent, None) => Ok(()),
        (Wanted::Equal(value), Some(first)) if same(value, first) => Ok(()),
        (Wanted::Exists, None) => Err(format!("expected `{path}` in the body, found nothing")),
        (Wanted::Absent, Some(first)) => {
            Err(format!("expected no `{path}` in the body, found {}", self::found(path, first)))
        }
        (Wanted::Equal(value), None) => Err(format!("expected `{path}` = {value}, found nothing")),
        (Wanted::Equal(value), Some(first)) => {
            Err(format!("expected `{path}` = {value}, found {}", self::found(path, first)))
        }
    }
}

/// The specification of GraphQL (§7.1): `errors` is there, and not empty, only if something went wrong.
fn check_graphql(answer: &Answer<'_>) -> Result<(), String> {
    let Some(json) = answer.json() else {
        return Err(format!("expected the JSON of a GraphQL answer, got {}", excerpt(answer.body)));
    };
    match json.get("errors") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(errors)) if errors.is_empty() => Ok(()),
        Some(errors) => {
            let first = errors.get(0).and_then(|first| first.get("message"));
            Err(format!("GraphQL errors: {}", short(first.unwrap_or(errors))))
        }
    }
}

/// Equality of JSON values in which `1` and `1.0` are the same number.
fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

fn holds(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

/// A value for a message, what is secret in it masked.
fn short(value: &Value) -> String {
    let mut value = value.clone();
    mask::json(&mut value);
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { text.chars().take(79).chain(['…']).collect() }
}

/// The value that `path` found, for a message.
fn found(path: &JsonPath, value: &Value) -> String {
    if mask::is_secret(&path.to_string()) { mask::MASK.to_owned() } else { short(value) }
}

/// The value of a header, for a message.
fn shown(name: &HeaderName, value: &HeaderValue) -> String {
    if mask::is_secret_header(name.as_str()) {
        return mask::MASK.to_owned();
    }
    value.as_bytes().escape_ascii().to_string()
}

/// The beginning of a body, for a message; what is secret in it is masked.
fn excerpt(body: &[u8]) -> String {
    if body.is_empty() {
        return "an empty body".to_owned();
    }
    // Masked before it is cut, so that half a secret is none either.
    let text = match serde_json::from_slice(body) {
        Ok(mut json) => {
            mask::json(&mut json);
            json.to_string()
        }
        Err(_) => mask::text(&String::from_utf8_lossy(&body[..body.len().min(2_000)])).into_owned(),
    };
    let text: String = text.chars().take(80).collect();
    let more = if body.len() > 80 { "…" } else { "" };
    format!("`{}{more}`", text.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"items":[1,2],"next":null,"total":2.0,"state":"open"}"#;

    fn check(expect: &Expect) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        headers.append("x-cache", HeaderValue::from_static("HIT"));
        expect.check(&Answer::new(StatusCode::CREATED, &headers, BODY, Duration::from_millis(30)))
    }

    fn json(path: &str, wanted: Wanted<Value>) -> Result<(), String> {
        check(&Expect { json: vec![(JsonPath::parse(path).unwrap(), wanted)], ..Expect::default() })
    }

    fn header(name: &'static str, wanted: Wanted<String>) -> Result<(), String> {
        check(&Expect { headers: vec![(HeaderName::from_static(name), wanted)], ..Expect::default() })
    }

    #[test]
    fn a_message_tells_no_secret_of_the_answer() {
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", HeaderValue::from_static("sid=hunter2"));
        let path = |path: &str| JsonPath::parse(path).unwrap();
        let json: &[u8] = br#"{"accessToken":"hunter2","user":{"password":"hunter2","id":1}}"#;
        let page: &[u8] = b"<input name=csrf_token value=hunter2>";
        for (expect, body) in [
            (Expect { json: vec![(path("$.accessToken"), Wanted::Absent)], ..Expect::default() }, json),
            (Expect { json: vec![(path("$.user"), Wanted::Equal(1.into()))], ..Expect::default() }, json),
            (Expect { contains: vec!["x".into()], ..Expect::default() }, json),
            (Expect { contains: vec!["x".into()], ..Expect::default() }, page),
            (Expect { json: vec![(path("$.x"), Wanted::Exists)], ..Expect::default() }, page),
            (Expect { headers: vec![(http::header::SET_COOKIE, Wanted::Absent)], ..Expect::default() }, json),
        ] {
            let answer = Answer::new(StatusCode::OK, &headers, body, Duration::ZERO);
            let said = expect.check(&answer).unwrap_err();
            assert!(said.contains("•••") && !said.contains("hunter"), "{said}");
        }
    }

    #[test]
    fn any_status_below_400_is_right_unless_one_is_asked_for() {
        assert_eq!(check(&Expect::default()), Ok(()));
        assert_eq!(check(&Expect { status: vec![(200, 299)], ..Expect::default() }), Ok(()));
        let error = check(&Expect { status: vec![(200, 200), (400, 499)], ..Expect::default() }).unwrap_err();
        assert_eq!(error, "expected status 200 or 4xx, got 201");
        let failed = Answer::new(StatusCode::NOT_FOUND, &HeaderMap::new(), b"", Duration::ZERO).status;
        assert_eq!(
            Expect::default().check_status(failed.as_u16()).unwrap_err(),
            "expected status below 400, got 404"
        );
    }

    #[test]
    fn json_is_held_against_what_is_wanted() {
        assert_eq!(json("$.items[0]", Wanted::Exists), Ok(()));
        assert_eq!(json("$.next", Wanted::Exists), Ok(()));
        assert_eq!(json("$.nope", Wanted::Absent), Ok(()));
        assert_eq!(json("$.total", Wanted::Equal(2.into())), Ok(()));
        assert_eq!(json("$.items", Wanted::Equal(serde_json::json!([1, 2]))), Ok(()));
        assert!(json("$.nope", Wanted::Exists).unwrap_err().contains("found nothing"));
        assert!(json("$.items[0]", Wanted::Absent).unwrap_err().contains("found 1"));
        assert_eq!(
            json("$.state", Wanted::Equal("done".into())).unwrap_err(),
            r#"expected `$.state` = "done", found "open""#
        );
    }

    #[test]
    fn headers_body_and_time_are_held_against_what_is_wanted() {
        assert_eq!(header("x-cache", Wanted::Equal("HIT".into())), Ok(()));
        assert_eq!(header("x-cache", Wanted::Exists), Ok(()));
        assert_eq!(header("etag", Wanted::Absent), Ok(()));
        assert!(header("x-cache", Wanted::Equal("MISS".into())).unwrap_err().contains("got `HIT`"));
        assert!(header("x-cache", Wanted::Absent).unwrap_err().contains("got `HIT`"));
        assert!(header("etag", Wanted::Exists).unwrap_err().contains("got none"));
        let contains = |text: &str| check(&Expect { contains: vec![text.into()], ..Expect::default() });
        assert_eq!(contains("\"open\""), Ok(()));
        assert!(contains("closed").unwrap_err().contains("got `{"));
        let within = |ms| check(&Expect { within: Some(Duration::from_millis(ms)), ..Expect::default() });
        assert_eq!(within(30), Ok(()));
        assert_eq!(within(29).unwrap_err(), "expected the answer within 29 ms, it took 30 ms");
    }

    #[test]
    fn a_body_that_is_not_json_is_shown() {
        let expect =
            Expect { json: vec![(JsonPath::parse("$.a").unwrap(), Wanted::Exists)], ..Expect::default() };
        let answer =
            |body| expect.check(&Answer::new(StatusCode::OK, &HeaderMap::new(), body, Duration::ZERO));
        assert_eq!(answer(b"<html>").unwrap_err(), "expected JSON, got `<html>`");
        assert_eq!(answer(b"").unwrap_err(), "expected JSON, got an empty body");
    }
}
