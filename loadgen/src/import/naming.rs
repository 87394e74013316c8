//! Names: of requests, by a path without its ids; of variables, by where their value was found.

use std::collections::HashSet;

/// The path with every segment that looks like an id replaced by `:id`, such as `/tasks/:id/comments`.
pub fn path_template(path: &str) -> String {
    if !path.bytes().any(|byte| byte.is_ascii_digit()) {
        return path.to_owned();
    }
    let mut made = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        made.push_str(if index > 0 { "/" } else { "" });
        made.push_str(if is_id(segment) { ":id" } else { segment });
    }
    made
}

/// Whether a path segment names one thing of many: a number, a UUID, a hash, a long random word, a date.
pub fn is_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    match (digits, letters) {
        (0, _) => false,
        // Numbers, dates and the like: 42, 2026-11-21, -7, 1.5, 12,13
        (_, 0) => bytes.iter().all(|byte| byte.is_ascii_digit() || b"-_.,:".contains(byte)),
        _ => {
            let hex = bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
            let word = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(byte));
            let parts = segment.split(['-', '_']).filter(|part| part.len() < 20).count();
            // A hash, a UUID; a random word such as a nanoid, which has no more than one dash or so.
            (hex && segment.len() >= 8 && digits >= 2)
                || (word && segment.len() >= 16 && digits >= 3 && parts <= 3)
                || (word && segment.len() >= 26 && digits >= 2 && parts <= 1)
                || mixed_prefix(segment)
        }
    }
}

/// `usr_8Fk2`, `task-123`: a word, a separator, an id.
fn mixed_prefix(segment: &str) -> bool {
    let Some((word, rest)) = segment.rsplit_once(['-', '_']) else { return false };
    word.len() <= 12
        && word.bytes().all(|byte| byte.is_ascii_lowercase())
        && rest.len() >= 3
        && rest.bytes().all(|byte| byte.is_ascii_digit())
}

/// Names of variables, no two alike.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// A name that scenarios allow, as like `hint` as can be.
    pub fn variable(&mut self, hint: &str) -> String {
        // Names of generators, and words of conditions.
        const TAKEN: [&str; 14] = [
            "user",
            "uuid",
            "now",
            "iteration",
            "date",
            "unix",
            "unix_ms",
            "name",
            "email",
            "word",
            "and",
            "or",
            "not",
            "true",
        ];
        let mut base = identifier(hint);
        if TAKEN.contains(&base.as_str()) {
            base.push_str("_value");
        }
        let mut name = base.clone();
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        name
    }
}

/// `hint` as lower-case words joined by `_`.
pub fn identifier(hint: &str) -> String {
    let mut made = String::new();
    let mut lower = false;
    for c in hint.chars().take(40) {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && lower {
                made.push('_');
            }
            lower = c.is_ascii_lowercase() || c.is_ascii_digit();
            made.push(c.to_ascii_lowercase());
        } else if !made.is_empty() && !made.ends_with('_') {
            made.push('_');
            lower = false;
        }
    }
    let made = made.trim_end_matches('_');
    match made {
        "" => "value".to_owned(),
        _ if made.starts_with(|c: char| c.is_ascii_digit()) => format!("v{made}"),
        _ => made.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_leave_the_path_and_words_stay() {
        for (path, template) in [
            ("/tasks/42", "/tasks/:id"),
            (
                "/api/v1/tasks/0190b7a0-0000-7000-8000-000000000001/comments/7",
                "/api/v1/tasks/:id/comments/:id",
            ),
            ("/files/d41d8cd98f00b204e9800998ecf8427e", "/files/:id"),
            ("/u/V1StGXR8_Z5jdHi6B-myT", "/u/:id"),
            ("/archive/2026-11-21", "/archive/:id"),
            ("/orders/ord_12345", "/orders/:id"),
            ("/api/v2/oauth2/token", "/api/v2/oauth2/token"),
            ("/blog/10-things-to-do-in-spring-2026", "/blog/10-things-to-do-in-spring-2026"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(path_template(path), template);
        }
    }

    #[test]
    fn names_of_variables_are_allowed_and_differ() {
        let mut names = Names::default();
        let hints = [
            "X-CSRF-Token",
            "csrfToken",
            "x_csrf_token",
            "user",
            "",
            "3rd",
            "ünï",
            "__RequestVerificationToken",
        ];
        let made: Vec<String> = hints.iter().map(|hint| names.variable(hint)).collect();
        assert_eq!(
            made,
            [
                "x_csrf_token",
                "csrf_token",
                "x_csrf_token_2",
                "user_value",
                "value",
                "v3rd",
                "n",
                "request_verification_token"
            ]
        );
    }
}
