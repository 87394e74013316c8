//! The values of an answer that may come back: ids, tokens, links, and where each of them is.

use std::collections::HashSet;

use serde_json::Value;
use url::Position;

use super::{
    exchange::{Exchange, json_of},
    reuse::{Kind, LONGEST, Origin, SHORTEST},
};
use crate::{
    flow::html,
    import::{journey::Source, naming::is_id},
};

/// Every wanted value of an answer, with where it is.
pub fn answered(
    index: usize,
    exchange: &Exchange,
    wanted: &HashSet<&str>,
    tell: &mut dyn FnMut(String, Origin),
) {
    let mut tell = |value: &str, hint: &str, kind: Kind| {
        if wanted.contains(value) {
            tell(value.to_owned(), Origin { exchange: index, hint: hint.to_owned(), kind });
        }
    };
    headers(exchange, &mut tell);
    if let Some(json) = json_of(exchange) {
        let mut path = "$".to_owned();
        let mut left = 50_000;
        leaves(&json, "", &mut path, &mut left, &mut |path, key, value, number| {
            if is_link(value) || changes(value, key, number) || is_short_id(exchange, key, value) {
                tell(
                    value,
                    if is_link(value) { "link" } else { key },
                    Kind::Exactly(Source::Json(path.to_owned())),
                );
            }
        });
        return;
    }
    if exchange.mime.contains("html") || exchange.body.trim_start().starts_with('<') {
        for (element, wanted) in [("input", "value"), ("meta", "content")] {
            let mut names = HashSet::new();
            for (name, value) in html::named(&exchange.body, element, wanted) {
                // A scenario takes the first of a name.
                if names.insert(name.clone()) && changes(&value, &name, false) {
                    let source = if element == "input" { Source::Input } else { Source::Meta };
                    tell(&value, &name, Kind::Exactly(source(name.clone())));
                }
            }
        }
    }
    for (offset, word) in words(&exchange.body) {
        if changes(word, "", false) {
            tell(word, &hint_before(&exchange.body[..offset]), Kind::Text(offset));
        }
    }
}

fn headers(exchange: &Exchange, tell: &mut impl FnMut(&str, &str, Kind)) {
    const PLAIN: [&str; 14] = [
        "date",
        "server",
        "expires",
        "last-modified",
        "cache-control",
        "vary",
        "via",
        "age",
        "alt-svc",
        "connection",
        "set-cookie",
        "content-type",
        "content-length",
        "content-security-policy",
    ];
    for (name, value) in &exchange.headers {
        // Chromium joins several cookies by line breaks.
        for cookie in value.lines().filter(|_| name == "set-cookie") {
            let pair = cookie.split(';').next().and_then(|pair| pair.split_once('='));
            if let Some((cookie, value)) =
                pair.map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            {
                tell(value, cookie, Kind::Exactly(Source::Cookie(cookie.to_owned())));
            }
        }
        let right = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
        if right && !PLAIN.contains(&name.as_str()) && name != "location" && changes(value, name, false) {
            tell(value, name, Kind::Exactly(Source::Header(name.clone())));
        }
    }
    let Some(location) = &exchange.location else { return };
    let path = location
        .path()
        .split('/')
        .any(|part| is_id(part) || (part.len() >= SHORTEST && changes(part, "", false)));
    if path || location.query_pairs().any(|(key, value)| changes(&value, &key, false)) {
        let source = Kind::Exactly(Source::Header("location".to_owned()));
        tell(location.as_str(), "location", source.clone());
        tell(&location[Position::BeforePath..Position::AfterQuery], "location", source);
    }
}

/// A member of an answer that is itself a URL or a path with something particular in it.
fn is_link(value: &str) -> bool {
    (value.starts_with('/') || value.starts_with("http://") || value.starts_with("https://"))
        && value.len() > SHORTEST
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && !value.contains(char::is_whitespace)
}

/// Whether a value looks as if it were another the next time: an id, a token, a random word; by its own look or by what
/// it is called.
fn changes(value: &str, key: &str, number: bool) -> bool {
    const KEYS: [&str; 22] = [
        "token",
        "csrf",
        "xsrf",
        "nonce",
        "state",
        "session",
        "cursor",
        "uuid",
        "guid",
        "key",
        "hash",
        "etag",
        "verifier",
        "ticket",
        "challenge",
        "signature",
        "secret",
        "viewstate",
        "eventvalidation",
        "sid",
        "jwt",
        "code",
    ];
    if !(SHORTEST..=LONGEST).contains(&value.len()) || value.contains(char::is_whitespace) {
        return false;
    }
    let count = |is: fn(&u8) -> bool| value.bytes().filter(is).count();
    let (digits, upper, lower) =
        (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    if number {
        return digits == value.len();
    }
    let date = value.len() >= 8
        && digits >= 6
        && value.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ+/".contains(&byte));
    if date && digits < value.len() {
        return false;
    }
    let key = key.to_ascii_lowercase();
    let named = KEYS.iter().any(|it| key.contains(it)) || key.ends_with("id");
    (named && (digits + upper > 0 || value.len() >= 16))
        || digits >= SHORTEST
        || (digits > 0 && upper + lower > 0 && value.len() >= 10)
        || (value.len() >= 16 && upper > 2 && lower > 2)
}

/// A short id in an answer: `{"id": 41}` of `/tasks`, to be found again in `/tasks/41`.
fn is_short_id(exchange: &Exchange, key: &str, value: &str) -> bool {
    let key = key.to_ascii_lowercase();
    if value.is_empty() || value.len() >= SHORTEST || !is_id(value) || !key.ends_with("id") {
        return false;
    }
    let collection = exchange.sent.url.path().split('/').rfind(|part| !part.is_empty() && !is_id(part));
    // `id` is the id of what was asked for, `task_id` says itself of what.
    key == "id" && collection.is_some() || key.len() > 3
}

fn leaves(
    value: &Value,
    key: &str,
    path: &mut String,
    left: &mut usize,
    tell: &mut impl FnMut(&str, &str, &str, bool),
) {
    if *left == 0 {
        return;
    }
    *left -= 1;
    let length = path.len();
    match value {
        Value::String(text) => tell(path, key, text, false),
        Value::Number(number) if number.is_u64() => tell(path, key, &number.to_string(), true),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                leaves(item, key, path, left, tell);
                path.truncate(length);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                push_key(key, path);
                leaves(member, key, path, left, tell);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// Appends a member to a JSONPath (RFC 9535 §2.3.1, §2.5.1.1).
pub fn push_key(key: &str, path: &mut String) {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain {
        path.push('.');
        path.push_str(key);
        return;
    }
    path.push_str("['");
    for c in key.chars() {
        match c {
            '\'' => path.push_str("\\'"),
            '\\' => path.push_str("\\\\"),
            c if c.is_control() && (c as u32) < 0x1_0000 => path.push_str(&format!("\\u{:04x}", c as u32)),
            c => path.push(c),
        }
    }
    path.push_str("']");
}

/// The words of a text that could be values, with their offsets: first what stands between quotes, then runs of the
/// characters that ids are made of.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let cut = |is_part: fn(char) -> bool| {
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = at + text[at..].find(is_part)?;
            let end = text[start..].find(|c| !is_part(c)).map_or(text.len(), |length| start + length);
            at = end;
            Some((start, &text[start..end]))
        })
    };
    let quoted = cut(|c| !c.is_whitespace() && !matches!(c, '"' | '\'' | '<' | '>'));
    let runs = cut(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '~'));
    let fits = |(_, word): &(usize, &str)| (SHORTEST..=LONGEST).contains(&word.len());
    quoted.filter(fits).chain(runs.filter(fits))
}

/// The last word before a value, which often says what it is.
fn hint_before(text: &str) -> String {
    let start = text.len().saturating_sub(40);
    let start = (start..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let mut words = text[start..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let hint = words
        .rfind(|word| word.len() > 1 && !matches!(*word, "value" | "content" | "href" | "action" | "src"));
    hint.map_or_else(|| "value".to_owned(), |hint| format!("{}_id", hint.trim_end_matches('s')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_ids_change_and_words_do_not() {
        for (value, key) in [
            ("d41d8cd98f00b204e980", ""),
            ("aGVsbG8gd29ybGQ", "csrf_token"),
            ("123456", ""),
            ("a1b2c3", "id"),
            ("QmFzZTY0VmFsdWVIZXJl", ""),
            ("dDw5OTk5OTs7Pg==", "__VIEWSTATE"),
        ] {
            assert!(changes(value, key, false), "{value}");
        }
        for (value, key) in [
            ("completed", "status"),
            ("2026-11-21", "date"),
            ("a sentence 12345678", "title"),
            ("delete", "_method"),
            ("2026-11-21T10:00:00Z", "created_at"),
            ("utf-8", ""),
            ("short", "id"),
        ] {
            assert!(!changes(value, key, false), "{value}");
        }
    }

    #[test]
    fn members_are_named_as_json_paths_are() {
        let mut path = "$".to_owned();
        for key in ["items", "a b", "it's", "x_1"] {
            push_key(key, &mut path);
        }
        assert_eq!(path, "$.items['a b']['it\\'s'].x_1");
        assert!(serde_json_path::JsonPath::parse(&path).is_ok());
    }
}
