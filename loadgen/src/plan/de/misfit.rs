//! What does not fit, as serde reports it.

use std::fmt;

use serde::de;

use crate::plan::problem::{Span, suggest};

/// What does not fit.
#[derive(Debug)]
pub struct Misfit {
    /// Where, if that is known yet.
    pub span: Option<Span>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Misfit {
    /// Says where, unless that is known already.
    pub fn or_at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

impl std::error::Error for Misfit {}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { span: None, message: message.to_string() }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(unknown_key(field, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!("unknown value `{variant}`{}", suggest(variant, expected.iter().copied())))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("`{field}` is missing"))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("{length} items, but expected {expected}"))
    }
}

/// Words for a key that is none of `known`.
pub fn unknown_key(key: &str, known: &[&str]) -> String {
    format!("unknown key `{key}`{}", suggest(key, known.iter().copied()))
}
