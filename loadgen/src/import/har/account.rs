//! Who signed in while it was recorded, so that another can be put in.

use serde_json::Value;

use super::exchange::Exchange;
use crate::import::{
    message::{Message, Payload, Place},
    secrets::{Secrets, is_password, is_secret, is_user},
    text::Text,
};

/// The name and the password of the sign-in, and which request carried them.
#[derive(Debug)]
pub struct SignIn {
    /// The exchange.
    pub at: usize,
    /// Who, and what the field was called.
    user: Option<(String, String)>,
}

/// The last try of the first sign-in of a recording.
pub fn sign_in(exchanges: &[Exchange]) -> Option<SignIn> {
    let is_one = |exchange: &&Exchange| {
        exchange.sent.method != "GET"
            && fields(exchange.sent.body.as_ref())
                .iter()
                .any(|(name, value)| is_password(name) && !value.is_empty())
    };
    let first = exchanges.iter().find(is_one)?;
    let same = |it: &Exchange| is_one(&it) && it.sent.url.path() == first.sent.url.path();
    let at = exchanges.iter().rposition(same)?;
    let user = fields(exchanges[at].sent.body.as_ref())
        .into_iter()
        .find(|(name, value)| is_user(name) && !value.is_empty());
    Some(SignIn { at, user })
}

/// Who signs in with this request, if it is one that carries a password.
pub fn user_of(message: &Message) -> Option<SignIn> {
    let fields = fields(message.body.as_ref());
    fields.iter().any(|(name, _)| is_password(name)).then(|| SignIn {
        at: 0,
        user: fields.into_iter().find(|(name, value)| is_user(name) && !value.is_empty()),
    })
}

/// Whether a request ends the session.
pub fn is_sign_out(exchange: &Exchange) -> bool {
    let path = exchange.sent.url.path().to_ascii_lowercase();
    ["logout", "log-out", "log_out", "logoff", "signout", "sign-out", "sign_out"]
        .iter()
        .any(|it| path.contains(it))
}

/// What stands in the place of a value that belongs to the account, or that nobody else may see.
pub fn put(sign_in: Option<&SignIn>, secrets: &mut Secrets, place: Place<'_>, value: &str) -> Option<Text> {
    if value.is_empty() {
        return None;
    }
    let user = sign_in.and_then(|it| it.user.as_ref());
    match place {
        Place::Field(name) if is_password(name) => Some(secrets.keep(last_word(name), value)),
        Place::Field(name) | Place::Query(name) => match user {
            Some((field, known)) if known == value && (is_user(name) || value.len() >= 6) => {
                Some(secrets.keep(last_word(field), value))
            }
            _ if matches!(place, Place::Query(_)) && is_secret(name) => {
                Some(secrets.keep(last_word(name), value))
            }
            _ => None,
        },
        Place::Header(name) if is_secret(name) => Some(secrets.keep(name, value)),
        Place::Segment | Place::Word => match user {
            Some((field, known)) if known == value && value.len() >= 6 => {
                Some(secrets.keep(last_word(field), value))
            }
            _ => None,
        },
        Place::Header(_) | Place::Url => None,
    }
}

/// `email` of `user[email]`.
fn last_word(name: &str) -> &str {
    name.trim_end_matches(']').rsplit(['[', '.', ':', '$']).next().filter(|it| !it.is_empty()).unwrap_or(name)
}

/// Names and values of a body's fields, at any depth.
fn fields(body: Option<&Payload>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    match body {
        Some(Payload::Form(pairs)) => found.clone_from(pairs),
        Some(Payload::Multipart(parts)) => {
            found.extend(parts.iter().map(|part| (part.name.clone(), part.value.to_string())));
        }
        Some(Payload::Json(value)) => members("", value, &mut found),
        _ => {}
    }
    found
}

fn members(key: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((key.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| members(key, item, found)),
        Value::Object(object) => object.iter().for_each(|(key, value)| members(key, value, found)),
        _ => {}
    }
}
