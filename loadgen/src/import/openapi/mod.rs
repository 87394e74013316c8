//! An OpenAPI description becomes a flow of reads and one of writes for each tag.
//!
//! ```text
//! document (references followed) ─► security (who asks) ─► requests (bodies sampled, ids from lists) ─► flows
//! ```

mod document;
mod ids;
mod requests;
mod sample;
mod security;

use serde_json::Value;
use url::Url;

use self::document::Document;
use super::{
    input,
    journey::{Flow, Journey, Load},
    options::OpenApi,
    write::count,
};
use crate::stop::Stop;

/// How much more often reads are done than writes.
const READS: f64 = 9.0;

/// Reads a description.
pub fn journey(options: &OpenApi) -> Result<Journey, Stop> {
    let text = input::read(&options.common.file)?;
    from_text(&text, options)
        .map_err(|message| Stop::Usage(format!("{}: {message}", options.common.file.display())))
}

/// The journey of a file's text.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn from_text(text: &str, options: &OpenApi) -> Result<Journey, String> {
    let document = Document::read(text)?;
    let all = document.operations();
    let access = security::access(&document, &all);
    let sign_in = if access.bearer { security::sign_in(&document, &all) } else { None };
    let mut maker = requests::Maker::new(&document, &all, access);
    let on_start = maker.sign_in(sign_in.as_ref());
    let mut notes = Vec::new();
    let (mut tags, mut left_out) = (Vec::<String>::new(), 0);
    for operation in &all {
        if !tags.contains(&operation.tag()) {
            tags.push(operation.tag());
        }
        left_out += usize::from(options.read_only && !requests::reads(operation));
    }
    let mut flows: Vec<Flow> = Vec::new();
    for tag in &tags {
        let of_tag = all.iter().filter(|it| it.tag() == *tag && !security::ends_session(it));
        let of_tag: Vec<_> = of_tag
            .filter(|it| sign_in.as_ref().is_none_or(|(sign_in, _)| !std::ptr::eq(*it, *sign_in)))
            .collect();
        let (reads, writes): (Vec<_>, Vec<_>) = of_tag.into_iter().partition(|it| requests::reads(it));
        for (verb, weight, operations) in [("read", READS, reads), ("write", 1.0, writes)] {
            if verb == "write" && options.read_only {
                continue;
            }
            let steps = maker.steps(operations);
            if !steps.is_empty() {
                flows.push(Flow {
                    name: format!("{verb} {tag}"),
                    weight: Some(weight),
                    steps,
                    ..Flow::default()
                });
            }
        }
    }
    if flows.is_empty() {
        return Err("no operation in it can be made a request".to_owned());
    }
    for index in 1..flows.len() {
        if flows[..index].iter().any(|it| it.name == flows[index].name) {
            flows[index].name = format!("{} ({})", flows[index].name, index + 1);
        }
    }
    notes.push(format!(
        "{} in {}",
        count(all.len(), "operation", "operations"),
        count(flows.len(), "flow", "flows")
    ));
    if left_out > 0 {
        notes.push(format!(
            "left out {} that write (--read-only)",
            count(left_out, "operation", "operations")
        ));
    }
    let ends: Vec<String> =
        all.iter().filter(|it| security::ends_session(it)).map(document::Operation::name).collect();
    if !ends.is_empty() {
        notes.push(format!("left out what ends a session: {}", ends.join(", ")));
    }
    let (access, secrets) = maker.finish(&mut notes);
    let title =
        document.get("info").and_then(|it| it.get("title")).and_then(Value::as_str).unwrap_or_default();
    let users = if secrets.columns().is_empty() { 10 } else { 1 };
    let comment = if users == 1 {
        "As many users as the data file has rows, to begin with."
    } else {
        "Ten users for a minute, to begin with."
    };
    let mut vars = Vec::new();
    for (name, what) in access.vars {
        notes.push(format!("--var {name}=… gives {what}; the scenario holds no secrets"));
        vars.push((name.clone(), "unset".to_owned(), format!("{what}: give it with --var {name}=…")));
    }
    Ok(Journey {
        name: title.trim().to_owned(),
        about: format!("What the description of {title} offers: reads {READS} times as often as writes."),
        base_url: base_url(&document, &mut notes),
        vars,
        data: secrets.into_data().into_iter().collect(),
        load: Load::Users { users, comment: comment.to_owned() },
        headers: access.headers,
        on_start,
        flows,
        notes,
        ..Journey::default()
    })
}

/// The first server that is an absolute URL, its variables at their defaults.
fn base_url(document: &Document, notes: &mut Vec<String>) -> String {
    let servers = document.get("servers").and_then(Value::as_array);
    let mut relative = None;
    for server in servers.into_iter().flatten() {
        let Some(mut url) = server.get("url").and_then(Value::as_str).map(str::to_owned) else { continue };
        for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
            let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
            url = url.replace(&format!("{{{name}}}"), default);
        }
        match Url::parse(&url) {
            Ok(it)
                if matches!(it.scheme(), "http" | "https")
                    && it.query().is_none()
                    && it.fragment().is_none() =>
            {
                return url.trim_end_matches('/').to_owned();
            }
            _ if url.starts_with('/') && relative.is_none() => relative = Some(url),
            _ => {}
        }
    }
    let path = relative.unwrap_or_default();
    let base = format!("http://127.0.0.1:8080{}", path.trim_end_matches('/'));
    let base = Url::parse(&base).map_or_else(|_| "http://127.0.0.1:8080".to_owned(), |_| base);
    notes.push(format!(
        "the description names no server by its full URL; {base} is assumed, --target sets another"
    ));
    base
}

#[cfg(test)]
mod tests;
