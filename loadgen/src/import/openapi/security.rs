//! How requests say who sends them.

use serde_json::Value;

use super::document::{Document, Operation};
use crate::import::{naming::identifier, secrets::is_password, text::Text};

/// What every request carries to be let in.
#[derive(Debug, Default)]
pub struct Access {
    /// Headers.
    pub headers: Vec<(String, Text)>,
    /// Query parameters.
    pub query: Vec<(String, Text)>,
    /// Variables that the user has to give: name and what it is for.
    pub vars: Vec<(String, String)>,
    /// Whether `${token}` is what a sign-in gives.
    pub bearer: bool,
    /// What could not be done.
    pub notes: Vec<String>,
}

/// What the document's security schemes ask for. Of alternatives the first counts.
pub fn access(document: &Document, operations: &[Operation<'_>]) -> Access {
    let mut access = Access::default();
    let schemes =
        document.get("components").and_then(|it| it.get("securitySchemes")).and_then(Value::as_object);
    let asked = asked(document, operations);
    for (name, scheme) in schemes.into_iter().flatten().filter(|(name, _)| asked.contains(&name.as_str())) {
        let Some(scheme) = document.follow(scheme) else { continue };
        let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
        match (text("type"), text("scheme").to_ascii_lowercase().as_str(), text("in")) {
            ("http", "bearer", _) | ("oauth2" | "openIdConnect", ..) => {
                if !access.bearer {
                    access.bearer = true;
                    let mut value = Text::literal("Bearer ");
                    value.append(&Text::variable("token"));
                    access.headers.push(("authorization".to_owned(), value));
                }
            }
            ("http", "basic", _) => {
                let mut value = Text::literal("Basic ");
                value.append(&Text::variable("basic"));
                access.headers.push(("authorization".to_owned(), value));
                access.vars.push(("basic".to_owned(), "NAME:PASSWORD in base64".to_owned()));
            }
            ("apiKey", _, place @ ("header" | "query" | "cookie")) => {
                let key = text("name").to_owned();
                let variable = identifier(&key);
                let value = Text::variable(&variable);
                match place {
                    "header" => access.headers.push((key, value)),
                    "query" => access.query.push((key, value)),
                    _ => {
                        let mut cookie = Text::literal(&format!("{key}="));
                        cookie.append(&value);
                        access.headers.push(("cookie".to_owned(), cookie));
                    }
                }
                if !access.vars.iter().any(|(known, _)| *known == variable) {
                    access.vars.push((variable, "the API key".to_owned()));
                }
            }
            (kind, ..) => access
                .notes
                .push(format!("the security scheme {name} ({kind}) has no counterpart in a scenario")),
        }
    }
    access.headers.retain(|(name, value)| {
        http::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && http::HeaderValue::from_str(value.as_str()).is_ok()
    });
    let mut seen = Vec::new();
    access.headers.retain(|(name, _)| {
        let name = name.to_ascii_lowercase();
        let first = !seen.contains(&name);
        seen.push(name);
        first
    });
    access
}

/// The schemes that are asked for anywhere.
fn asked<'a>(document: &'a Document, operations: &[Operation<'a>]) -> Vec<&'a str> {
    let all = document
        .get("security")
        .into_iter()
        .chain(operations.iter().filter_map(|it| it.body.get("security")));
    let first = all.filter_map(|it| it.as_array()?.first()?.as_object());
    first.flat_map(|it| it.keys()).map(String::as_str).collect()
}

/// The operation that takes a password and gives a token, and where the token is in its answer.
pub fn sign_in<'a>(
    document: &'a Document,
    operations: &'a [Operation<'a>],
) -> Option<(&'a Operation<'a>, String)> {
    operations.iter().filter(|it| it.method == "POST" && is_sign_in(it.path)).find_map(|operation| {
        let (_, answer) = operation.success(document);
        let token = token_in(document, answer?, "$", 4)?;
        let body = document.member(&Value::Object(operation.body.clone()), "requestBody").is_some();
        body.then_some((operation, token))
    })
}

fn is_sign_in(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    ["login", "signin", "sign-in", "sign_in", "authenticate", "token", "tokens", "session", "sessions"]
        .contains(&last.as_str())
}

/// Whether an operation ends a session or takes an account away.
pub fn ends_session(operation: &Operation<'_>) -> bool {
    let id = operation.body.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let words = format!("{} {id}", operation.path).to_ascii_lowercase().replace(['-', '_'], "");
    ["logout", "signout", "logoff", "revoke", "deleteaccount", "deactivate"]
        .iter()
        .any(|it| words.contains(it))
}

fn token_in(document: &Document, schema: &Value, path: &str, depth: usize) -> Option<String> {
    const NAMES: [&str; 7] =
        ["access_token", "accessToken", "token", "jwt", "id_token", "idToken", "auth_token"];
    if depth == 0 {
        return None;
    }
    let schema = document.follow(schema)?;
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        if let Some(found) = token_in(document, part, path, depth - 1) {
            return Some(found);
        }
    }
    let properties = schema.get("properties")?.as_object()?;
    let named = NAMES.iter().find(|name| properties.contains_key(**name));
    named.map(|name| format!("{path}.{name}")).or_else(|| {
        properties.iter().find_map(|(name, inner)| {
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            plain.then(|| token_in(document, inner, &format!("{path}.{name}"), depth - 1)).flatten()
        })
    })
}

/// Whether a body's member is one of the account's.
pub fn is_accounts(name: &str) -> bool {
    is_password(name) || crate::import::secrets::is_user(name)
}
