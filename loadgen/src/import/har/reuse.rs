//! Values that an answer gave and a later request sent back: form tokens, ids, session keys. Each becomes a variable,
//! saved where it first appeared.

use std::collections::{HashMap, HashSet};

use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;
use url::{Position, Url};

use super::exchange::{Exchange, json_of};
use crate::flow::html;
use crate::import::{
    journey::Source,
    message::Place,
    naming::{Names, is_id},
    text::Text,
};

/// Shorter values are too likely to be alike by chance.
const SHORTEST: usize = 6;
/// Longer ones are documents.
const LONGEST: usize = 8192;

/// What was found.
#[derive(Debug, Default)]
pub struct Reuse {
    /// For each exchange, what is saved of its answer.
    pub saves: Vec<Vec<(String, Source)>>,
    /// For each exchange, values of its request and the variables that stand for them.
    puts: Vec<HashMap<String, String>>,
    /// Values that change and could not be found by a pattern.
    pub lost: usize,
}

/// Where a value came from.
#[derive(Debug, Clone)]
struct Origin {
    exchange: usize,
    hint: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Exactly(Source),
    /// Somewhere in the text, at this offset.
    Text(usize),
}

/// A value in a request that came from an answer.
struct Use {
    exchange: usize,
    value: String,
    origin: Origin,
    /// It only follows the redirect that gave it: no reason to save it.
    follows: bool,
}

impl Reuse {
    /// Finds them. `section` says which part of the scenario an exchange belongs to: what one flow saves no other sees,
    /// but all see what section 0 saves. `target` says which exchange a redirect led to.
    pub fn find(exchanges: &[Exchange], section: &[usize], target: &[Option<usize>], home: &Url) -> Self {
        let sent: Vec<Vec<(Where, String)>> = exchanges.iter().map(|it| values_of(it, home)).collect();
        let wanted: HashSet<&str> = sent.iter().flatten().map(|(_, value)| value.as_str()).collect();
        let mut seen_sent: HashSet<&str> = HashSet::new();
        let mut known: HashMap<String, Vec<Origin>> = HashMap::new();
        let mut uses = Vec::new();
        for (index, exchange) in exchanges.iter().enumerate() {
            for (place, value) in &sent[index] {
                let origins = known.get(value).map(Vec::as_slice).unwrap_or_default();
                // One in the same part is fresher than one of the start.
                let seen = |own: bool| {
                    origins.iter().find(|it| {
                        let part = section[it.exchange];
                        if own { part == section[index] } else { part == 0 }
                    })
                };
                if let Some(origin) = seen(true).or_else(|| seen(false)).filter(|it| fits(it, *place, value))
                {
                    let follows = *place == Where::Url && target[origin.exchange] == Some(index);
                    uses.push(Use { exchange: index, value: value.clone(), origin: origin.clone(), follows });
                }
            }
            seen_sent.extend(sent[index].iter().map(|(_, value)| value.as_str()));
            answered(index, exchange, &wanted, &mut |value, origin| {
                // What was sent before any answer held it is the user's own.
                if !seen_sent.contains(value.as_str()) || known.contains_key(&value) {
                    let origins = known.entry(value).or_default();
                    if origins.iter().all(|it| section[it.exchange] != section[index]) {
                        origins.push(origin);
                    }
                }
            });
        }
        Self::name(exchanges, section, uses, target)
    }

    fn name(exchanges: &[Exchange], section: &[usize], uses: Vec<Use>, target: &[Option<usize>]) -> Self {
        let mut reuse = Self {
            saves: vec![Vec::new(); exchanges.len()],
            puts: vec![HashMap::new(); exchanges.len()],
            lost: 0,
        };
        let mut names = Names::default();
        let mut named: HashMap<(usize, String), Option<String>> = HashMap::new();
        let strong: HashSet<(usize, &str)> =
            uses.iter().filter(|it| !it.follows).map(|it| (it.origin.exchange, it.value.as_str())).collect();
        for one in &uses {
            let from = one.origin.exchange;
            if !strong.contains(&(from, one.value.as_str())) {
                continue;
            }
            let variable = named.entry((from, one.value.clone())).or_insert_with(|| {
                let source = match &one.origin.kind {
                    Kind::Exactly(Source::Json(path)) if JsonPath::parse(path).is_err() => return None,
                    Kind::Exactly(source) => source.clone(),
                    Kind::Text(offset) => Source::Regex(pattern(&exchanges[from].body, *offset, &one.value)?),
                };
                // A second place of the same source is the same variable: a URL and its path.
                if let Some((name, _)) = reuse.saves[from].iter().find(|(_, it)| *it == source) {
                    return Some(name.clone());
                }
                let name = names.variable(&one.origin.hint);
                reuse.saves[from].push((name.clone(), source));
                Some(name)
            });
            match variable {
                Some(name) => drop(reuse.puts[one.exchange].insert(one.value.clone(), name.clone())),
                None => reuse.lost += 1,
            }
        }
        // A redirect that is not followed, because something is taken from it, leads on by what it says.
        for index in 0..exchanges.len() {
            if let (Some(next), Some(location)) = (target[index], &exchanges[index].location)
                && reuse.stays(index, target)
                && (section[index] == section[next] || section[index] == 0)
            {
                let source = Source::Header("location".to_owned());
                let known =
                    reuse.saves[index].iter().find(|(_, it)| *it == source).map(|(name, _)| name.clone());
                let name = known.unwrap_or_else(|| {
                    let name = names.variable("location");
                    reuse.saves[index].push((name.clone(), source));
                    name
                });
                reuse.puts[next].insert(location.to_string(), name);
            }
        }
        reuse
    }

    /// Whether a redirect must not be followed: something is saved of it, or of one that it leads to.
    pub fn stays(&self, exchange: usize, target: &[Option<usize>]) -> bool {
        let mut at = exchange;
        while let Some(next) = target[at] {
            if !self.saves[at].is_empty() {
                return true;
            }
            at = next;
        }
        false
    }

    /// The variables that go into what this exchange sends.
    pub fn uses(&self, exchange: usize) -> impl Iterator<Item = &str> {
        self.puts[exchange].values().map(String::as_str)
    }

    /// What stands in the place of a value that this exchange sends.
    pub fn put(&self, exchange: usize, place: Place<'_>, value: &str) -> Option<Text> {
        let puts = &self.puts[exchange];
        if value.len() < SHORTEST && place != Place::Segment {
            return None;
        }
        if place != Place::Url {
            return puts.get(value).map(|name| Text::variable(name));
        }
        prefixes(value).find_map(|(start, rest)| {
            let mut text = Text::variable(puts.get(start)?);
            text.append(&Text::url(rest));
            Some(text)
        })
    }
}

/// Where a value is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Url,
    Segment,
    Elsewhere,
}

/// Whether a value from there may be meant here.
fn fits(origin: &Origin, place: Where, value: &str) -> bool {
    let from_text = matches!(origin.kind, Kind::Text(_));
    match place {
        Where::Url => matches!(&origin.kind, Kind::Exactly(Source::Header(_) | Source::Json(_))),
        Where::Segment => is_id(value) || (!from_text && value.len() >= SHORTEST),
        Where::Elsewhere => value.len() >= SHORTEST,
    }
}

/// Every value of a request that an answer may have given.
fn values_of(exchange: &Exchange, home: &Url) -> Vec<(Where, String)> {
    let mut found = Vec::new();
    exchange.sent.request(home, &mut |place, value| {
        if value.len() <= LONGEST {
            match place {
                Place::Url => found.extend(prefixes(value).map(|(start, _)| (Where::Url, start.to_owned()))),
                Place::Segment if !value.is_empty() => found.push((Where::Segment, value.to_owned())),
                _ if value.len() >= SHORTEST => found.push((Where::Elsewhere, value.to_owned())),
                _ => {}
            }
        }
        None
    });
    found
}

/// A URL, and what it begins with up to each `/` and `?`, longest first, with the rest.
fn prefixes(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let cuts = url.rmatch_indices(['/', '?']).map(|(at, _)| at).filter(|at| *at >= SHORTEST);
    std::iter::once(url.len()).chain(cuts).take(12).map(|at| url.split_at(at))
}

/// Every wanted value of an answer, with where it is.
fn answered(index: usize, exchange: &Exchange, wanted: &HashSet<&str>, tell: &mut dyn FnMut(String, Origin)) {
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
    (named && digits + upper > 0)
        || (named && value.len() >= 16)
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

/// A regular expression whose first match in `body` has `value` as its group, by what stands before it.
fn pattern(body: &str, offset: usize, value: &str) -> Option<String> {
    let stop: String = "\"'<>&/?;,".chars().filter(|c| !value.contains(*c)).collect();
    let found = |before: &str| {
        let words: Vec<String> =
            before.split(|c: char| c.is_whitespace() || c.is_control()).map(regex::escape).collect();
        let text = format!(r"{}([^{}\s]+)", words.join(r"\s+"), regex::escape(&stop));
        let found = Regex::new(&text).ok()?.captures(body)?.get(1)?.as_str() == value;
        found.then_some(text)
    };
    // From the last space or tag on, if that says enough, else by ever more of what stands before it.
    let line = body[..offset].rfind(|c: char| c.is_whitespace() || c == '<').map_or(0, |at| at + 1);
    let line = if body.is_char_boundary(line) && (4..100).contains(&(offset - line)) {
        found(&body[line..offset])
    } else {
        None
    };
    line.or_else(|| {
        [16, 32, 64, 128].into_iter().find_map(|reach| {
            let from = (offset.saturating_sub(reach)..offset).find(|at| body.is_char_boundary(*at))?;
            found(&body[from..offset])
        })
    })
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
    fn a_pattern_finds_what_it_was_made_of() {
        let body = "<a href=\"/about\">x</a> <script>var cfg = { \"nonce\": \"abc123def\" , other: 'zzz999' }</script>";
        for value in ["abc123def", "zzz999"] {
            let text = pattern(body, body.find(value).unwrap(), value).unwrap();
            let found = Regex::new(&text).unwrap().captures(body).unwrap()[1].to_owned();
            assert_eq!(found, value, "{text}");
        }
        // Two places that nothing tells apart.
        let body = format!("{0}11111111 {0}22222222", "a ".repeat(80));
        assert_eq!(pattern(&body, body.len() - 8, "22222222"), None);
    }

    #[test]
    fn a_url_is_known_by_what_it_begins_with() {
        let cut: Vec<_> = prefixes("/tasks/41/edit?x=1").collect();
        assert_eq!(
            cut,
            [
                ("/tasks/41/edit?x=1", ""),
                ("/tasks/41/edit", "?x=1"),
                ("/tasks/41", "/edit?x=1"),
                ("/tasks", "/41/edit?x=1")
            ]
        );
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
