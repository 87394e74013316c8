//! What answers must be, and what is kept of them.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::{
    de::At,
    forms::{PickText, Scalar, StatusText, Time},
    shapes::{Json, OneOrMany, Pairs},
};

/// What an answer must be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Expect {
    /// `200`, `2xx`, or a list of such.
    pub status: Option<OneOrMany<At<StatusText>>>,
    /// JSONPath → `exists`, `absent`, or the value it must have.
    pub json: Option<Pairs<At<Json>>>,
    /// Header → `exists`, `absent`, or the value it must have.
    pub header: Option<Pairs<At<Scalar>>>,
    /// What the body must be.
    pub body: Option<ExpectBody>,
    /// Longest time from sending to the last byte.
    pub within: Option<At<Time>>,
}

/// What a body must be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct ExpectBody {
    /// A text, or texts, that it must hold.
    pub contains: OneOrMany<At<Scalar>>,
}

/// Where a variable's value is taken from: exactly one of `json`, `header`, `cookie`, `regex`, `input` and `meta`; and
/// which of many, and what it is when there is none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["json"]}, {"required": ["header"]}, {"required": ["cookie"]}, {"required": ["regex"]},
    {"required": ["input"]}, {"required": ["meta"]},
]))]
pub struct Source {
    /// A JSONPath into the body; the same as the path alone.
    pub json: Option<At<String>>,
    /// A response header.
    pub header: Option<At<String>>,
    /// A cookie that the answer sets.
    pub cookie: Option<At<String>>,
    /// A regular expression over the body: its first group, or all that matches.
    pub regex: Option<At<String>>,
    /// The name of a form's `<input>`: its `value`, such as a token against forged requests.
    pub input: Option<At<String>>,
    /// The name of a page's `<meta>`: its `content`.
    pub meta: Option<At<String>>,
    /// Which one, of many: `first`, `last`, `random`, `all`, or a number from 1. Default: first.
    pub pick: Option<At<PickText>>,
    /// The value when the answer holds none. Default: the variable is not set.
    pub default: Option<At<Scalar>>,
}
