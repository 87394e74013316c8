//! Which series of a Prometheus endpoint are meant: `name{label="value",other!="value"}`.

use super::model::Selector;

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!(
                "{what} in the series `{text}`; write `name` or `name{{label=\"value\",other!=\"value\"}}`"
            )
        };
        let text = text.trim();
        let (name, mut rest) = match text.find('{') {
            None => (text, ""),
            Some(at) => {
                let inside = text[at + 1..].strip_suffix('}').ok_or_else(|| wrong("no closing `}`"))?;
                (&text[..at], inside)
            }
        };
        if !is_name(name, ":") {
            return Err(wrong("no metric name"));
        }
        let mut labels = Vec::new();
        while !rest.trim().is_empty() {
            let at = rest.find(['=', '!']).ok_or_else(|| wrong("a label without `=`"))?;
            let label = rest[..at].trim();
            let (equal, after) = match rest[at..].strip_prefix("!=") {
                Some(after) => (false, after),
                None => (true, rest[at..].strip_prefix('=').ok_or_else(|| wrong("a label without `=`"))?),
            };
            if after.starts_with('~') {
                return Err(wrong("a regular expression"));
            }
            if !is_name(label, "") {
                return Err(wrong(&format!("the label name `{label}`")));
            }
            let quoted =
                after.trim_start().strip_prefix('"').ok_or_else(|| wrong("a value without quotes"))?;
            let (value, after) = unquote(quoted).ok_or_else(|| wrong("a value without closing quote"))?;
            labels.push((label.to_owned(), equal, value));
            rest = match after.trim_start() {
                "" => "",
                more => more.strip_prefix(',').ok_or_else(|| wrong("labels without `,` between them"))?,
            };
        }
        Ok(Self { name: name.to_owned(), labels })
    }
}

/// Letters, digits, `_` and `extra`, not beginning with a digit (Prometheus, data model).
fn is_name(text: &str, extra: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || extra.contains(c))
}

/// What is before the closing quote, escapes undone, and what is behind it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_selector_is_read_as_prometheus_writes_it() {
        let read = Selector::parse(r#"a:b_total{result="hit", tier!="l\"1\\",}"#).unwrap();
        assert_eq!(read.name, "a:b_total");
        let labels =
            [("result".to_owned(), true, "hit".to_owned()), ("tier".to_owned(), false, "l\"1\\".to_owned())];
        assert_eq!(read.labels, labels);
        assert!(Selector::parse("up").unwrap().labels.is_empty());
    }

    #[test]
    fn a_wrong_selector_says_what_would_be_right() {
        for wrong in
            ["", "9a", "a{", "a{x}", "a{x=hit}", "a{x=\"hit}", "a{x=~\"h.*\"}", "a{x=\"1\" y=\"2\"}", "a b"]
        {
            let error = Selector::parse(wrong).unwrap_err();
            assert!(error.contains("name{label=\"value\""), "{wrong}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), label in "[a-z]{0,3}[{}=!\"\\\\,~]{0,9}") {
            let _ = Selector::parse(&text);
            let _ = Selector::parse(&format!("a{{{label}"));
        }
    }
}
