//! curl command lines become one flow.

mod options;
mod shell;

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use url::Url;

use super::{
    har::account,
    input,
    journey::{Flow, Journey, Load, Part, Step},
    message::{METHODS, Message, Payload, payload},
    options::Curl,
    secrets::Secrets,
    text::Text,
    write::count,
};
use crate::stop::Stop;

/// Reads command lines.
pub fn journey(options: &Curl) -> Result<Journey, Stop> {
    let text = input::read(&options.common.file)?;
    from_text(&text).map_err(|message| Stop::Usage(format!("{}: {message}", options.common.file.display())))
}

/// What is told about all commands together.
#[derive(Default)]
struct Told {
    unknown: BTreeSet<String>,
    notes: BTreeSet<String>,
}

/// The journey of a file's text.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn from_text(text: &str) -> Result<Journey, String> {
    let mut told = Told::default();
    let (mut made, mut others) = (Vec::new(), 0);
    for command in shell::commands(text)? {
        // A prompt may have been copied with the command; so may a setting before it.
        let begin = command
            .words
            .iter()
            .position(|word| word == "curl" || word.ends_with("/curl") || word == "curl.exe");
        let Some(begin) = begin else {
            others += 1;
            continue;
        };
        for words in command.words[begin + 1..].split(|word| word == "--next" || word == "-:") {
            let said = options::read(words);
            told.unknown.extend(said.unknown);
            made.extend(
                exchange(&said.options, &mut told)
                    .map_err(|message| format!("line {}: {message}", command.line))?,
            );
        }
    }
    if made.is_empty() {
        return Err("there is no curl command in it; copy one as `curl 'http://…'`".to_owned());
    }
    let home = made[0].0.url.origin();
    let home = Url::parse(&home.ascii_serialization()).map_err(|error| error.to_string())?;
    let mut secrets = Secrets::default();
    let mut steps = Vec::new();
    for (message, follows) in &made {
        let user = account::user_of(message);
        let mut request = message
            .request(&home, &mut |place, value| account::put(user.as_ref(), &mut secrets, place, value));
        request.stay = !follows;
        steps.push(Step::request(request));
    }
    let mut notes = vec![format!("{}", count(steps.len(), "request", "requests"))];
    if others > 0 {
        notes.push(format!("left out {} not curl", count(others, "command that is", "commands that are")));
    }
    if !told.unknown.is_empty() {
        let list: Vec<&str> = told.unknown.iter().map(String::as_str).collect();
        notes.push(format!("options that are not known and had no effect: {}", list.join(", ")));
    }
    notes.extend(told.notes);
    if !secrets.columns().is_empty() {
        let columns = secrets.columns().join(", ");
        notes.push(format!("what must not be in a scenario is now a row of a data file: {columns}"));
    }
    let comment = "One user for a minute, to begin with.".to_owned();
    Ok(Journey {
        about: "What curl was told to send.".to_owned(),
        base_url: home.origin().ascii_serialization(),
        data: secrets.into_data().into_iter().collect(),
        load: Load::Users { users: 1, comment },
        flows: vec![Flow { name: "as curl sent it".to_owned(), steps, ..Flow::default() }],
        notes,
        ..Journey::default()
    })
}

/// The requests of one command, a URL each, and whether redirects are followed.
fn exchange(options: &[(&'static str, String)], told: &mut Told) -> Result<Vec<(Message, bool)>, String> {
    let all = |wanted: &'static str| {
        options.iter().filter(move |(name, _)| *name == wanted).map(|(_, value)| value.as_str())
    };
    let has = |wanted: &'static str| all(wanted).next().is_some();
    let mut headers = Vec::new();
    for line in all("header") {
        match line.split_once(':') {
            Some((name, value)) if !value.trim().is_empty() => {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
            // `-H 'x-empty;'` and `-H 'accept:'` send nothing worth replaying.
            _ => {}
        }
    }
    add_headers(&mut headers, &all, told)?;
    let body = body(options, &mut headers, told);
    if has("insecure") {
        told.notes.insert("-k was given: run, once and doctor take --insecure for the same".to_owned());
    }
    for name in ["config", "proxy", "upload-file"] {
        if has(name) {
            told.notes.insert(format!("--{name} has no counterpart in a scenario and was left out"));
        }
    }
    let mut made = Vec::new();
    for url in all("url") {
        let mut url = parse_url(url)?;
        let mut headers = headers.clone();
        if !url.username().is_empty() {
            let pair = format!("{}:{}", url.username(), url.password().unwrap_or_default());
            headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair))));
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        url.set_fragment(None);
        let mut body = body.clone();
        if has("get") {
            if let Some(text) = body.take().map(|body| query_of(&body)) {
                let query = url.query().map_or_else(String::new, |query| format!("{query}&"));
                url.set_query(Some(&(query + &text)));
            }
            headers.retain(|(name, _)| name != "content-type");
        }
        for pair in all("url-query") {
            let query = url.query().map_or_else(String::new, |query| format!("{query}&"));
            url.set_query(Some(&(query + &urlencoded(pair))));
        }
        let method = match all("request").next_back() {
            Some(method) => method.to_ascii_uppercase(),
            None if has("head") => "HEAD".to_owned(),
            None if body.is_some() => "POST".to_owned(),
            None => "GET".to_owned(),
        };
        if !METHODS.contains(&method.as_str()) {
            return Err(format!(
                "the method {method} has no key in scenarios; those that have: {}",
                METHODS.join(", ")
            ));
        }
        headers.retain(|(name, value)| {
            http::HeaderName::from_bytes(name.as_bytes()).is_ok()
                && http::HeaderValue::from_str(value).is_ok()
                && !name.starts_with("sec-")
                && !matches!(
                    name.as_str(),
                    "host" | "content-length" | "connection" | "accept-encoding" | "transfer-encoding"
                )
        });
        made.push((Message { method, url, headers, body }, has("location")));
    }
    if made.is_empty() {
        return Err("a curl command without a URL".to_owned());
    }
    Ok(made)
}

fn add_headers<'a, I: Iterator<Item = &'a str>>(
    headers: &mut Vec<(String, String)>,
    all: &dyn Fn(&'static str) -> I,
    told: &mut Told,
) -> Result<(), String> {
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
    if let Some(user) = all("user").last() {
        if !user.contains(':') {
            return Err(
                "-u without a password, for which curl would ask; write it as -u NAME:PASSWORD".to_owned()
            );
        }
        add("authorization", format!("Basic {}", STANDARD.encode(user)));
    }
    if let Some(token) = all("bearer").last() {
        add("authorization", format!("Bearer {token}"));
    }
    for cookie in all("cookie") {
        if cookie.contains('=') {
            add("cookie", cookie.to_owned());
        } else {
            let note = "-b with a file of cookies was left out; loadgen keeps what answers set";
            told.notes.insert(note.to_owned());
        }
    }
    for (option, name) in [("user-agent", "user-agent"), ("referer", "referer")] {
        if let Some(value) = all(option).last() {
            add(name, value.to_owned());
        }
    }
    Ok(())
}

fn body(
    options: &[(&'static str, String)],
    headers: &mut Vec<(String, String)>,
    told: &mut Told,
) -> Option<Payload> {
    let (mut data, mut parts, mut json) = (Vec::new(), Vec::new(), false);
    for (name, value) in options {
        match *name {
            "form" | "form-string" => {
                let (field, value) = value.split_once('=').unwrap_or((value, ""));
                parts.push(part(field, value, *name == "form"));
            }
            "data" | "data-binary" | "json" if value.starts_with('@') => {
                told.notes.insert(
                    "a body from a file (@…) was left out; write it as `json`, `form` or `body` of its step"
                        .to_owned(),
                );
            }
            "data" => data.push(value.replace(['\r', '\n'], "")),
            "data-raw" | "data-binary" => data.push(value.clone()),
            "data-urlencode" => data.push(urlencoded(value)),
            "json" => {
                json = true;
                data.push(value.clone());
            }
            _ => {}
        }
    }
    if !parts.is_empty() {
        return Some(Payload::Multipart(parts));
    }
    if data.is_empty() {
        return None;
    }
    let mut add = |name: &str, value: &str| {
        if !headers.iter().any(|(it, _)| it == name) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    };
    if json {
        add("content-type", "application/json");
        add("accept", "application/json");
    } else {
        add("content-type", "application/x-www-form-urlencoded");
    }
    let text = if json { data.concat() } else { data.join("&") };
    let content_type = headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value);
    // JSON is sent with -d often enough, and curl then calls it a form.
    let looks = content_type.contains("urlencoded") && text.trim_start().starts_with(['{', '[']);
    let read = payload(content_type, &text);
    if looks { Some(Payload::Text(text)) } else { read }
}

/// `name=@file;type=…;filename=…`, `name=<file`, `name=value;type=…`.
fn part(field: &str, value: &str, special: bool) -> Part {
    let mut made =
        Part { name: field.to_owned(), value: Text::literal(value), file_name: None, content_type: None };
    if !special {
        return made;
    }
    let mut pieces = value.split(';');
    let first = pieces.next().unwrap_or_default();
    for piece in pieces {
        match piece.trim().split_once('=') {
            Some(("type", it)) => made.content_type = Some(it.to_owned()),
            Some(("filename", it)) => made.file_name = Some(it.trim_matches('"').to_owned()),
            _ => {}
        }
    }
    match first.strip_prefix('@') {
        Some(path) => {
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            made.file_name.get_or_insert(name);
            made.value = Text::literal(&format!("(the content of {path})"));
        }
        None => made.value = Text::literal(first),
    }
    made
}

/// `content`, `=content`, `name=content`, the content encoded.
fn urlencoded(text: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    match text.split_once('=') {
        Some(("", content)) => encode(content),
        Some((name, content)) => format!("{name}={}", encode(content)),
        None => encode(text),
    }
}

fn query_of(body: &Payload) -> String {
    match body {
        Payload::Form(pairs) => {
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        }
        Payload::Json(value) => value.to_string(),
        Payload::Text(text) => text.clone(),
        Payload::Multipart(_) => String::new(),
    }
}

/// A URL as curl takes it: without a scheme it is http.
fn parse_url(text: &str) -> Result<Url, String> {
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    match Url::parse(&full) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Ok(url) => Err(format!("a URL of the scheme {}:; http and https are loaded", url.scheme())),
        Err(error) => Err(format!("a URL that is none ({error})")),
    }
}

#[cfg(test)]
mod tests;
