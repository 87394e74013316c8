//! What is secret is masked where text is made of requests and answers: by the names that secrets go by.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;
use serde_json::Value;

/// What stands in the place of a secret.
pub const MASK: &str = "•••";

/// Parts of the names of secrets.
const NAMES: [&str; 7] = ["password", "passwd", "token", "secret", "api_key", "apikey", "api-key"];

/// Whether a member, field or path of this name holds a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

/// Whether a header of this name, in small letters, holds a secret.
pub fn is_secret_header(name: &str) -> bool {
    let named = ["authorization", "cookie", "set-cookie", "proxy-authorization"].contains(&name);
    named || is_secret(name)
}

/// Masks every member of `json` whose name is that of a secret.
pub fn json(json: &mut Value) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                if is_secret(name) {
                    *value = MASK.into();
                } else {
                    self::json(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(self::json),
        _ => {}
    }
}

/// `NAME=value`, `"NAME": "value"`, `NAME: value` and `name="NAME" … value="…"`.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let name = r"[\w.-]*(?:password|passwd|token|secret|api[_-]?key)[\w.-]*";
    let assigned = format!(r#"(?P<a>{name}(?:"|'|%22|\\")?\s*[:=]\s*)(?P<q>\\?["'])?(?:[^"'&\s,;<>\\]+)"#);
    let field = format!(
        r#"(?P<f>name\s*=\s*["']?{name}["']?(?:\s[^<>]*?)?\s(?:value|content)\s*=\s*["']?)[^"'<>\s]+"#
    );
    let field_after = format!(
        r#"(?P<v>(?:value|content)\s*=\s*["']?)[^"'<>\s]+(?P<n>["']?(?:\s[^<>]*?)?\sname\s*=\s*["']?{name})"#
    );
    Regex::new(&format!("(?i){field}|{field_after}|{assigned}")).expect("the expression is a constant")
});

/// Text that is no JSON, forms and pages among it, with what follows the name of a secret masked.
pub fn text(text: &str) -> Cow<'_, str> {
    NAMED.replace_all(text, "${a}${q}${f}${v}•••${n}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_masked_in_forms_pages_urls_and_broken_json() {
        for (given, masked) in [
            ("email=a%40b&password=hunter2&x=1", "email=a%40b&password=•••&x=1"),
            ("GET /x?access_token=hunter2&page=2", "GET /x?access_token=•••&page=2"),
            (r#"{"id":1,"accessToken": "hunter2","page":2"#, r#"{"id":1,"accessToken": "•••","page":2"#),
            (
                r#"<input type=hidden name="csrf_token" value="hunter2">"#,
                r#"<input type=hidden name="csrf_token" value="•••">"#,
            ),
            (r#"<input value='hunter2' name='csrf_token'>"#, r#"<input value='•••' name='csrf_token'>"#),
            (r#"<meta name="csrf-token" content="hunter2">"#, r#"<meta name="csrf-token" content="•••">"#),
            ("client_secret: hunter2\nscope: all", "client_secret: •••\nscope: all"),
        ] {
            assert_eq!(text(given), masked);
        }
        assert_eq!(text("nothing to hide, 3 tokens left"), "nothing to hide, 3 tokens left");
    }

    #[test]
    fn members_named_like_secrets_are_masked_however_deep() {
        let mut value = serde_json::json!({ "a": [{ "refreshToken": { "b": 1 } }], "c": "d" });
        json(&mut value);
        assert_eq!(value, serde_json::json!({ "a": [{ "refreshToken": "•••" }], "c": "d" }));
        assert!(
            is_secret_header("set-cookie") && is_secret_header("x-auth-token") && !is_secret_header("etag")
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(given in "(token|=|:|\"|name|value| |<|>|ü|[a-z]){0,40}") {
            let _ = text(&given);
        }
    }
}
