//! Text as a scenario writes it: literal text that stands for itself, and placeholders.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::flow::template::escape_literal;

/// What cannot stand in the path or query of a scenario as it is; `$` is encoded too, so that none comes to stand
/// before a placeholder.
const IN_URL: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'#').add(b'$');

/// Text of a scenario with its placeholders, ready to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Text that stands for itself, whatever is in it.
    pub fn literal(text: &str) -> Self {
        let mut made = Self::default();
        made.push(text);
        made
    }

    /// A placeholder and nothing else: `${inside}`.
    pub fn variable(inside: &str) -> Self {
        Self(format!("${{{inside}}}"))
    }

    /// A part of a URL that stands for itself; what a URL cannot hold is percent-encoded.
    pub fn url(part: &str) -> Self {
        Self(utf8_percent_encode(part, IN_URL).to_string())
    }

    /// Appends text that stands for itself.
    pub fn push(&mut self, text: &str) {
        if self.0.ends_with('$') && text.starts_with('{') {
            self.0.push('$');
        }
        self.0.push_str(&escape_literal(text));
    }

    /// Appends other text with its placeholders. A `$` before a placeholder cannot be written: the placeholder would be
    /// taken for an escaped one, so the `$` is dropped.
    pub fn append(&mut self, other: &Self) {
        while other.0.starts_with("${") && self.0.ends_with('$') {
            self.0.pop();
        }
        self.0.push_str(&other.0);
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it holds a placeholder.
    #[cfg(test)]
    pub fn is_variable(&self) -> bool {
        crate::flow::template::has_placeholder(&self.0)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::template::{Escape, Template};

    proptest! {
        #[test]
        fn pieces_of_text_stand_for_themselves_together(parts in prop::collection::vec("[${}a]{0,3}", 0..6)) {
            let mut text = Text::default();
            parts.iter().for_each(|part| text.push(part));
            let read = Template::parse(text.as_str(), Escape::None, &mut |it| Err(it.to_owned())).unwrap();
            prop_assert_eq!(read.as_static().unwrap(), parts.concat());
        }

        #[test]
        fn any_text_becomes_a_part_of_a_url_that_is_allowed(text in any::<String>()) {
            let url = Text::url(&text);
            prop_assert!(!url.is_variable());
            prop_assert!(url.as_str().chars().all(|c| c.is_ascii_graphic() && !"\"<>\\^`#".contains(c)));
        }
    }
}
