//! What of a recording is replayed: which entries, and what of each.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use url::Url;

use super::file::{Entry, Pair, PostData};
use crate::import::{
    journey::Part,
    message::{METHODS, Message, Payload, payload},
    options::Har,
    text::Text,
    write::count,
};

/// A request and its answer.
#[derive(Debug)]
pub struct Exchange {
    /// When it began, seconds from the beginning of the recording.
    pub start_s: f64,
    /// When it ended.
    pub end_s: f64,
    /// The page it belongs to.
    pub page: Option<String>,
    /// What was sent.
    pub sent: Message,
    /// Cookies that were sent.
    pub cookies: Vec<String>,
    /// The answer's status.
    pub status: u16,
    /// The answer's headers.
    pub headers: Vec<(String, String)>,
    /// The answer's body where it is text.
    pub body: String,
    /// Its content type, in lower case, without parameters.
    pub mime: String,
    /// Where it sent the browser.
    pub location: Option<Url>,
    /// Whether the browser showed it as a page.
    pub document: bool,
}

/// What is replayed, in the order it was sent.
#[derive(Debug, Default)]
pub struct Kept {
    /// Requests to be replayed.
    pub exchanges: Vec<Exchange>,
    /// Stretches of time in which the browser was busy with anything of the site, seconds.
    pub busy: Vec<(f64, f64)>,
    /// How many were left out, by reason.
    pub left_out: BTreeMap<String, usize>,
}

/// Headers that a browser sets of its own accord, or that loadgen does.
const OWN: [&str; 28] = [
    "host",
    "connection",
    "user-agent",
    "accept-encoding",
    "accept-language",
    "content-length",
    "cookie",
    "origin",
    "referer",
    "upgrade-insecure-requests",
    "cache-control",
    "pragma",
    "if-none-match",
    "if-modified-since",
    "te",
    "trailer",
    "transfer-encoding",
    "priority",
    "dnt",
    "keep-alive",
    "proxy-connection",
    "purpose",
    "upgrade",
    "viewport-width",
    "save-data",
    "alt-used",
    "range",
    "if-range",
];

/// The first page's origin, or else that of the first request.
pub fn home(entries: &[Entry]) -> Option<Url> {
    let http = |entry: &&Entry| {
        Url::parse(&entry.request.url).is_ok_and(|it| matches!(it.scheme(), "http" | "https"))
    };
    let page = entries.iter().filter(http).find(|entry| is_document(entry) && status(entry) > 0);
    let url = Url::parse(&page.or_else(|| entries.iter().find(http))?.request.url).ok()?;
    Url::parse(&url.origin().ascii_serialization()).ok()
}

/// Sorts out what is replayed.
pub fn keep(entries: Vec<Entry>, home: &Url, options: &Har) -> Kept {
    let mut kept = Kept::default();
    let mut last_ms = 0.0;
    let mut timed: Vec<(f64, Entry)> = entries
        .into_iter()
        .map(|entry| {
            let time = entry.started_date_time.as_deref();
            let time = time.and_then(|it| chrono::DateTime::parse_from_rfc3339(it).ok());
            // An entry without a time follows the one before it.
            last_ms = time.map_or(last_ms, |it| it.timestamp_micros() as f64 / 1000.0);
            (last_ms, entry)
        })
        .collect();
    timed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let first_ms = timed.first().map_or(0.0, |it| it.0);
    for (start_ms, entry) in timed {
        let start_s = (start_ms - first_ms) / 1000.0;
        let length_s = entry.time.filter(|it| it.is_finite() && *it > 0.0).unwrap_or(0.0) / 1000.0;
        let reason = match Url::parse(&entry.request.url) {
            Ok(url) => {
                let reason = left_out(&entry, &url, home, options);
                let own = url.origin() == home.origin();
                // What never ends, such as a stream of events, is no reason to wait.
                if own && entry.from_cache.is_none() && length_s < 10.0 {
                    kept.busy.push((start_s, start_s + length_s));
                }
                match reason {
                    None => {
                        kept.exchanges.push(exchange(entry, url, start_s, length_s, options));
                        continue;
                    }
                    Some(reason) => reason,
                }
            }
            Err(_) => "without a URL".to_owned(),
        };
        *kept.left_out.entry(reason).or_default() += 1;
    }
    kept
}

/// Why a request is not replayed.
fn left_out(entry: &Entry, url: &Url, home: &Url, options: &Har) -> Option<String> {
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Some(format!("of the scheme {}:", url.scheme()));
    }
    if !METHODS.contains(&entry.request.method.as_str()) {
        return Some(format!("of the method {}", entry.request.method.escape_default()));
    }
    let host = url.host_str().unwrap_or_default();
    if url.origin() != home.origin() && !options.host.iter().any(|it| it.eq_ignore_ascii_case(host)) {
        return Some(format!("to {host}; --host {host} takes them in"));
    }
    if entry.from_cache.is_some() {
        return Some("answered by the browser's cache".to_owned());
    }
    if status(entry) < 200 {
        return Some("without an answer".to_owned());
    }
    let asks = |name: &str| entry.request.headers.iter().any(|it| it.name.eq_ignore_ascii_case(name));
    if entry.request.method == "OPTIONS" && asks("access-control-request-method") {
        return Some("asking before another (CORS)".to_owned());
    }
    if matches!(entry.resource_type.as_deref(), Some("websocket" | "eventsource"))
        || mime(entry) == "text/event-stream"
    {
        return Some("that stay open (events, WebSocket)".to_owned());
    }
    if !options.with_assets && is_asset(entry, url) {
        return Some("for pictures, styles, scripts or fonts; --with-assets takes them in".to_owned());
    }
    None
}

fn status(entry: &Entry) -> u16 {
    entry.response.status.map_or(0, |status| status.clamp(0.0, 999.0) as u16)
}

fn mime(entry: &Entry) -> String {
    let mime = entry.response.content.mime_type.as_deref().unwrap_or_default();
    mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_document(entry: &Entry) -> bool {
    match entry.resource_type.as_deref() {
        Some(kind) => kind.eq_ignore_ascii_case("document"),
        None => mime(entry) == "text/html",
    }
}

fn is_asset(entry: &Entry, url: &Url) -> bool {
    let kind = entry.resource_type.as_deref().unwrap_or_default().to_ascii_lowercase();
    let mime = mime(entry);
    matches!(
        kind.as_str(),
        "stylesheet" | "image" | "font" | "media" | "script" | "manifest" | "texttrack" | "ping"
    ) || ["image/", "font/", "audio/", "video/"].iter().any(|it| mime.starts_with(it))
        || matches!(
            mime.as_str(),
            "text/css"
                | "text/javascript"
                | "application/javascript"
                | "application/x-javascript"
                | "application/font-woff"
                | "application/wasm"
                | "application/manifest+json"
        )
        || (entry.request.method == "GET" && is_asset_path(url.path()))
}

/// Whether a path is that of a picture, a style, a script or a font.
pub fn is_asset_path(path: &str) -> bool {
    const ENDINGS: [&str; 22] = [
        "css",
        "js",
        "mjs",
        "map",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "ico",
        "webp",
        "avif",
        "woff",
        "woff2",
        "ttf",
        "otf",
        "eot",
        "mp4",
        "webm",
        "mp3",
        "wasm",
        "webmanifest",
    ];
    let Some((_, ending)) = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')) else {
        return false;
    };
    ending.len() <= 11 && ENDINGS.iter().any(|it| it.eq_ignore_ascii_case(ending))
}

fn exchange(entry: Entry, mut url: Url, start_s: f64, length_s: f64, options: &Har) -> Exchange {
    url.set_fragment(None);
    // Names and passwords in a URL would stand in every record.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let (document, status, mime) = (is_document(&entry), status(&entry), mime(&entry));
    let sent = pairs(&entry.request.headers);
    let value = |name: &str| sent.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
    let cookies = value("cookie").unwrap_or_default().split(';');
    let cookies = cookies.filter_map(|it| Some(it.split_once('=')?.0.trim().to_owned())).collect();
    let content_type = value("content-type").unwrap_or_default().to_owned();
    let keeps = |name: &str| options.keep_header.iter().any(|it| it.eq_ignore_ascii_case(name));
    let right = |name: &str, value: &str| {
        http::HeaderName::from_bytes(name.as_bytes()).is_ok() && http::HeaderValue::from_str(value).is_ok()
    };
    let mut headers: Vec<(String, String)> = sent
        .iter()
        .filter(|(name, value)| right(name, value) && (keeps(name) || is_the_sites_own(name, value)))
        .cloned()
        .collect();
    let headers_in = pairs(&entry.response.headers);
    let location = headers_in.iter().find(|(name, _)| name == "location").map(|(_, value)| value.as_str());
    let location = location.or(entry.response.redirect_url.as_deref()).filter(|it| !it.is_empty());
    let location = location.filter(|_| (300..400).contains(&status)).and_then(|it| url.join(it).ok());
    let body = text_of(&entry.response.content.text, &entry.response.content.encoding, &mime);
    let body_sent = entry.request.post_data.and_then(|post| sent_body(&post, &content_type));
    if body_sent.is_none() {
        // A redirect takes the header along and leaves the body behind.
        headers.retain(|(name, _)| name != "content-type");
    }
    Exchange {
        start_s,
        end_s: start_s + length_s,
        page: entry.pageref,
        cookies,
        status,
        headers: headers_in,
        body,
        mime,
        location,
        document,
        sent: Message { method: entry.request.method, body: body_sent, url, headers },
    }
}

fn pairs(headers: &[Pair]) -> Vec<(String, String)> {
    let pair = |it: &Pair| (it.name.to_ascii_lowercase(), it.value.clone().unwrap_or_default());
    headers.iter().map(pair).collect()
}

/// Whether a header is one that the page asked for, not one that the browser sets.
fn is_the_sites_own(name: &str, value: &str) -> bool {
    if OWN.contains(&name) || name.starts_with(':') || name.starts_with("sec-") || name.starts_with("proxy-")
    {
        return false;
    }
    // What browsers accept for pages, pictures and styles is theirs; `application/json` is the page's.
    let any = value == "*/*" || ["text/html", "image/", "text/css"].iter().any(|it| value.starts_with(it));
    !(name == "accept" && any)
}

fn text_of(text: &Option<String>, encoding: &Option<String>, mime: &str) -> String {
    let Some(text) = text else { return String::new() };
    if encoding.as_deref() != Some("base64") {
        return text.clone();
    }
    let readable = mime.starts_with("text/") || mime.contains("json") || mime.contains("xml");
    let bytes = if readable { STANDARD.decode(text.trim()).ok() } else { None };
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

fn sent_body(post: &PostData, content_type: &str) -> Option<Payload> {
    let content_type =
        if content_type.is_empty() { post.mime_type.as_deref().unwrap_or_default() } else { content_type };
    let text = post.text.as_deref().unwrap_or_default();
    let params = post.params.as_deref().unwrap_or_default();
    let mime = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if mime == "multipart/form-data" {
        let boundary =
            content_type.split("boundary=").nth(1).map(|it| it.split(';').next().unwrap_or_default());
        let parts = match boundary.filter(|_| !text.is_empty()) {
            Some(boundary) => parts_of(text, boundary.trim().trim_matches('"')),
            None => params
                .iter()
                .map(|it| Part {
                    name: it.name.clone(),
                    value: Text::literal(it.value.as_deref().unwrap_or_default()),
                    file_name: it.file_name.clone(),
                    content_type: it.content_type.clone(),
                })
                .collect(),
        };
        return (!parts.is_empty()).then_some(Payload::Multipart(parts));
    }
    if text.is_empty() && !params.is_empty() {
        let fields = params.iter().map(|it| (it.name.clone(), it.value.clone().unwrap_or_default()));
        return Some(Payload::Form(fields.collect()));
    }
    payload(content_type, text)
}

/// The parts of a body of `multipart/form-data` (RFC 7578).
fn parts_of(text: &str, boundary: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    if boundary.is_empty() {
        return parts;
    }
    for part in text.split(&format!("--{boundary}")).skip(1) {
        let Some((head, value)) = part.split_once("\r\n\r\n").or_else(|| part.split_once("\n\n")) else {
            continue;
        };
        let parameter = |key: &str| {
            let rest = head.split(&format!("{key}=\"")).nth(1)?;
            Some(rest.split('"').next().unwrap_or_default().to_owned())
        };
        let Some(name) = parameter("; name").or_else(|| parameter(" name")) else { continue };
        let content_type = head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
        });
        let value = value.strip_suffix("\r\n").or_else(|| value.strip_suffix('\n')).unwrap_or(value);
        parts.push(Part {
            name,
            value: Text::literal(value),
            file_name: parameter("filename"),
            content_type,
        });
    }
    parts
}

/// What was left out, a line a reason.
pub fn say_left_out(left_out: &BTreeMap<String, usize>) -> impl Iterator<Item = String> {
    left_out
        .iter()
        .map(|(reason, number)| format!("left out {} {reason}", count(*number, "request", "requests")))
}

/// The body as JSON, where it is.
pub fn json_of(exchange: &Exchange) -> Option<Value> {
    let body = exchange.body.trim_start();
    (exchange.mime.contains("json") || body.starts_with(['{', '[']))
        .then(|| serde_json::from_str(body).ok())
        .flatten()
}
