//! What is kept of an answer.

use std::borrow::Cow;

use http::header::SET_COOKIE;
use rand::{RngExt, rngs::ChaCha8Rng};
use regex::bytes::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::{expect::Answer, html};

/// A value of an answer: where it is, which one of many, and what stands for it when there is none.
#[derive(Debug, Clone)]
pub struct Extract {
    /// Where.
    pub place: Place,
    /// Which.
    pub pick: Pick,
    /// What it is when the answer holds none.
    pub default: Option<String>,
}

/// Where in an answer values are.
#[derive(Debug, Clone)]
pub enum Place {
    /// The nodes that a JSONPath (RFC 9535) finds: text as it is, everything else as JSON; `null` is nothing.
    Json(JsonPath),
    /// The response headers of a name.
    Header(http::HeaderName),
    /// The cookies of a name that the answer sets.
    Cookie(String),
    /// The first group of a regular expression over the body, or all that matches if it has none.
    Regex(Regex),
    /// The `value` of the `<input>` elements of a name.
    Input(String),
    /// The `content` of the `<meta>` elements of a name.
    Meta(String),
    /// The status, a number.
    Status,
    /// The body, as it is.
    Body,
}

/// Which of many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The n-th, from 0.
    Nth(usize),
    /// The last.
    Last,
    /// Any, equally likely.
    Random,
    /// All of them, as a JSON list; an empty one if there are none.
    All,
}

impl Extract {
    /// The first value of a place.
    pub const fn first(place: Place) -> Self {
        Self { place, pick: Pick::Nth(0), default: None }
    }

    /// Whether it looks into the body.
    pub const fn reads_body(&self) -> bool {
        match self.place {
            Place::Json(_) | Place::Regex(_) | Place::Input(_) | Place::Meta(_) | Place::Body => true,
            Place::Header(_) | Place::Cookie(_) | Place::Status => false,
        }
    }

    /// The value, if the answer holds it or there is a default. Draws from `rng` for [`Pick::Random`] alone.
    pub fn apply(&self, answer: &Answer<'_>, rng: &mut ChaCha8Rng) -> Option<String> {
        let found = self.place.values(answer, |values| match self.pick {
            Pick::Nth(index) => values.nth(index).map(text_of),
            Pick::Last => values.last().map(text_of),
            Pick::Random => {
                let mut all: Vec<_> = values.collect();
                let index = (!all.is_empty()).then(|| rng.random_range(0..all.len()))?;
                Some(text_of(all.swap_remove(index)))
            }
            Pick::All => {
                let all: Vec<_> = values.map(Cow::into_owned).collect();
                (!all.is_empty()).then(|| Value::Array(all).to_string())
            }
        });
        match self.pick {
            _ if found.is_some() => found,
            Pick::All => {
                Some(self.default.clone().map_or_else(
                    || "[]".to_owned(),
                    |text| Value::Array(vec![Value::String(text)]).to_string(),
                ))
            }
            _ => self.default.clone(),
        }
    }
}

impl Place {
    /// Gives every value there is to `choose`, in order.
    fn values(
        &self,
        answer: &Answer<'_>,
        choose: impl FnOnce(&mut dyn Iterator<Item = Cow<'_, Value>>) -> Option<String>,
    ) -> Option<String> {
        let owned = |text: String| Cow::Owned(Value::String(text));
        match self {
            Self::Json(path) => {
                let found = path.query(answer.json()?);
                choose(&mut found.iter().map(|value| Cow::Borrowed(*value)).filter(|value| !value.is_null()))
            }
            Self::Header(name) => {
                let values = answer.headers.get_all(name).iter();
                choose(&mut values.filter_map(|value| text(value.as_bytes())).map(owned))
            }
            Self::Cookie(name) => {
                let values = answer.headers.get_all(SET_COOKIE).iter().filter_map(|header| {
                    let (key, value) = header.to_str().ok()?.split(';').next()?.split_once('=')?;
                    (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
                });
                choose(&mut values.map(owned))
            }
            Self::Regex(regex) => {
                let values = regex.captures_iter(answer.body).filter_map(|found| {
                    // The group may have no part in this match; the whole match always has.
                    text(found.get(1).or_else(|| found.get(0))?.as_bytes())
                });
                choose(&mut values.map(owned))
            }
            Self::Input(name) => {
                let page = String::from_utf8_lossy(answer.body);
                choose(&mut html::attributes_of(&page, "input", name, "value").map(owned))
            }
            Self::Meta(name) => {
                let page = String::from_utf8_lossy(answer.body);
                choose(&mut html::attributes_of(&page, "meta", name, "content").map(owned))
            }
            Self::Status => choose(&mut std::iter::once(owned(answer.status.as_str().to_owned()))),
            Self::Body => {
                let body = String::from_utf8_lossy(answer.body).into_owned();
                choose(&mut std::iter::once(owned(body)))
            }
        }
    }
}

fn text_of(value: Cow<'_, Value>) -> String {
    match value {
        Cow::Owned(Value::String(text)) => text,
        Cow::Borrowed(Value::String(text)) => text.clone(),
        other => other.to_string(),
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, StatusCode};
    use rand::SeedableRng;

    use super::*;

    const BODY: &[u8] = br#"{"items":[{"id":41,"title":"x \"y\"","due":null},{"id":"b,2"}]}"#;

    fn of(extract: &Extract, body: &[u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_static("theme=dark; Path=/"));
        headers.append(SET_COOKIE, HeaderValue::from_static("sid=\"a1=b\"; HttpOnly"));
        headers.append("location", HeaderValue::from_static("/tasks/7"));
        let answer = Answer::new(StatusCode::CREATED, &headers, body, Duration::ZERO);
        extract.apply(&answer, &mut ChaCha8Rng::seed_from_u64(2))
    }

    fn apply(place: Place) -> Option<String> {
        of(&Extract::first(place), BODY)
    }

    fn path(path: &str) -> Place {
        Place::Json(JsonPath::parse(path).unwrap())
    }

    fn picked(pick: Pick) -> Option<String> {
        of(&Extract { pick, ..Extract::first(path("$.items[*].id")) }, BODY)
    }

    #[test]
    fn a_path_finds_text_as_it_is_and_the_rest_as_json() {
        assert_eq!(apply(path("$.items[0].title")).as_deref(), Some("x \"y\""));
        assert_eq!(apply(path("$.items[0].id")).as_deref(), Some("41"));
        assert_eq!(apply(path("$.items[*]['id','due']")).as_deref(), Some("41"));
        assert_eq!(apply(path("$.items[0]")).as_deref(), Some(r#"{"id":41,"title":"x \"y\"","due":null}"#));
    }

    #[test]
    fn what_is_not_there_is_nothing_or_its_default() {
        assert_eq!(apply(path("$.items[5].id")), None);
        assert_eq!(apply(path("$.items[0].due")), None);
        assert_eq!(apply(Place::Cookie("nope".into())), None);
        assert_eq!(apply(Place::Header(http::header::ETAG)), None);
        assert_eq!(apply(Place::Regex(Regex::new("zzz").unwrap())), None);
        let other = Extract { default: Some("none".into()), ..Extract::first(path("$.next")) };
        assert_eq!(of(&other, BODY).as_deref(), Some("none"));
        assert_eq!(of(&other, b"not JSON").as_deref(), Some("none"));
    }

    #[test]
    fn headers_cookies_groups_and_the_status_are_found() {
        assert_eq!(apply(Place::Header(http::header::LOCATION)).as_deref(), Some("/tasks/7"));
        assert_eq!(apply(Place::Cookie("sid".into())).as_deref(), Some("a1=b"));
        assert_eq!(apply(Place::Regex(Regex::new(r#""id":(\d+)"#).unwrap())).as_deref(), Some("41"));
        assert_eq!(apply(Place::Regex(Regex::new(r"\d+").unwrap())).as_deref(), Some("41"));
        assert_eq!(apply(Place::Status).as_deref(), Some("201"));
        assert_eq!(apply(Place::Body).unwrap().as_bytes(), BODY);
    }

    #[test]
    fn form_fields_and_meta_elements_are_found_in_a_page() {
        let page = br#"<meta name="csrf-token" content="m1"><input name="csrf" value="i&amp;1">"#;
        let input = Extract::first(Place::Input("csrf".into()));
        assert_eq!(of(&input, page).as_deref(), Some("i&1"));
        assert_eq!(of(&Extract::first(Place::Meta("csrf-token".into())), page).as_deref(), Some("m1"));
    }

    #[test]
    fn of_many_values_any_can_be_picked() {
        assert_eq!(picked(Pick::Nth(1)).as_deref(), Some("b,2"));
        assert_eq!((picked(Pick::Nth(2)), picked(Pick::Last).as_deref()), (None, Some("b,2")));
        assert!(["41", "b,2"].contains(&picked(Pick::Random).unwrap().as_str()));
        let all = picked(Pick::All).unwrap();
        assert_eq!(all, r#"[41,"b,2"]"#);
        assert_eq!(super::super::template::values_of(&all), ["41", "b,2"]);
    }

    #[test]
    fn all_of_nothing_is_an_empty_list() {
        let none = Extract { pick: Pick::All, ..Extract::first(path("$.nothing[*]")) };
        assert_eq!(of(&none, BODY).as_deref(), Some("[]"));
        assert_eq!(of(&none, b"not JSON").as_deref(), Some("[]"));
        let other = Extract { default: Some("7".into()), ..none };
        assert_eq!(of(&other, BODY).as_deref(), Some(r#"["7"]"#));
    }
}
