//! Who asks, as a collection says it: a token, a password or a key.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{file::Pair, requests::Maker};
use crate::import::text::Text;

impl Maker {
    /// Adds what proves who asks: a header, or a part of the query.
    pub(super) fn authorize(&mut self, auth: &Value, headers: &mut Vec<(String, Text)>, url: &mut Text) {
        let kind = auth.get("type").and_then(Value::as_str).unwrap_or_default();
        let pairs: Vec<Pair> =
            serde_json::from_value(auth.get(kind).cloned().unwrap_or_default()).unwrap_or_default();
        let find = |key: &str| pairs.iter().find(|it| it.key == key).map(Pair::text).unwrap_or_default();
        let sent = match kind {
            "bearer" => find("token"),
            "apikey" if find("in") != "query" => find("value"),
            _ => String::new(),
        };
        if http::HeaderValue::from_str(&self.variables.resolved(&sent)).is_err() {
            self.notes.insert("left out an authorization that no header can hold".to_owned());
            return;
        }
        let (name, value) = match kind {
            "bearer" => {
                let mut value = Text::literal("Bearer ");
                value.append(&self.kept("token", &find("token")));
                ("authorization".to_owned(), value)
            }
            "basic" => {
                let pair = self.variables.resolved(&format!("{}:{}", find("username"), find("password")));
                if pair.contains("{{") {
                    self.notes.insert("basic authorization by a variable nothing gives: its row in the data file is to be written".to_owned());
                }
                let value = format!("Basic {}", STANDARD.encode(pair));
                ("authorization".to_owned(), self.variables.secrets.keep("authorization", &value))
            }
            "apikey" => {
                let (key, value) = (find("key"), find("value"));
                let value = self.kept(&key, &value);
                if find("in") == "query" {
                    url.push(if url.as_str().contains('?') { "&" } else { "?" });
                    url.append(&Text::url(&key));
                    url.push("=");
                    url.append(&value);
                    return;
                }
                (key.to_ascii_lowercase(), value)
            }
            "" | "noauth" => return,
            other => {
                self.notes.insert(format!(
                    "authorization of the kind {} has no counterpart in a scenario",
                    other.escape_default()
                ));
                return;
            }
        };
        if http::HeaderName::from_bytes(name.as_bytes()).is_ok() && !headers.iter().any(|(it, _)| *it == name)
        {
            headers.push((name, value));
        }
    }

    /// A secret: by its variable, or kept.
    fn kept(&mut self, hint: &str, value: &str) -> Text {
        match value {
            "" => self.variables.secrets.keep(hint, "change-me"),
            value if value.contains("{{") => self.variables.text(value, Text::literal),
            value => self.variables.secrets.keep(hint, value),
        }
    }
}
