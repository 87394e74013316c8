//! Where requests of a collection go.

use serde_json::Value;
use url::Url;

use super::file::Pair;

/// A URL as text: written so, or in its parts.
pub fn url_of(url: &Value) -> String {
    match url {
        Value::String(text) => text.clone(),
        Value::Object(parts) => {
            let mut raw = parts.get("raw").and_then(Value::as_str).unwrap_or_default().to_owned();
            if raw.is_empty() {
                let join = |key: &str, by: &str| match parts.get(key) {
                    Some(Value::Array(list)) => {
                        list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(by)
                    }
                    Some(Value::String(text)) => text.clone(),
                    _ => String::new(),
                };
                let scheme = parts.get("protocol").and_then(Value::as_str).unwrap_or("http");
                raw = format!("{scheme}://{}/{}", join("host", "."), join("path", "/"));
            }
            // `/tasks/:id`, whose value stands apart.
            let variables: Vec<Pair> = parts
                .get("variable")
                .and_then(|it| serde_json::from_value(it.clone()).ok())
                .unwrap_or_default();
            for variable in variables.iter().filter(|it| !it.key.is_empty()) {
                let value = variable.text();
                let value = if value.is_empty() { format!("{{{{{}}}}}", variable.key) } else { value };
                let (path, query) =
                    raw.split_once('?').map_or((raw.as_str(), None), |(path, query)| (path, Some(query)));
                let wanted = format!(":{}", variable.key);
                let path: Vec<&str> =
                    path.split('/').map(|part| if part == wanted { value.as_str() } else { part }).collect();
                raw = path.join("/") + &query.map_or_else(String::new, |query| format!("?{query}"));
            }
            raw
        }
        _ => String::new(),
    }
}

/// What stands before the path, and the rest.
pub fn split_host(url: &str) -> (&str, &str) {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url[begin..].find(['/', '?', '#']).map_or(url.len(), |at| begin + at);
    // A variable's own braces hold no path.
    url.split_at(end)
}

/// Scheme, host and port, if no variable hides them.
pub fn origin_of(url: &str) -> Option<String> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    if split_host(&url).0.contains("{{") || url.starts_with("http:///") {
        return None;
    }
    let url = Url::parse(&url).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
        .then(|| url.origin().ascii_serialization())
}
