//! Whole numbers that may be constants of the scenario.

use super::{
    Check,
    names::{Miss, Scope},
};
use crate::{
    flow::template::{Value, has_placeholder, lone_placeholder},
    plan::{de::At, forms::Scalar},
};

impl Check<'_> {
    /// A whole number, or a constant under `vars` that is one; anything else is reported.
    pub fn whole_number(&mut self, number: &At<Scalar>, scope: &Scope) -> Option<i64> {
        let text = match lone_placeholder(&number.text) {
            None if has_placeholder(&number.text) => Err(not_constant(&number.text)),
            None => Ok(number.text.clone()),
            Some(inside) => match self.resolve(scope, inside) {
                Ok(Value::Constant { text, .. }) => Ok(text),
                Ok(_) => Err(not_constant(&number.text)),
                Err(miss) => Err(Miss::message(miss)),
            },
        };
        let read = text.and_then(|text| {
            let wrong = format!("`{text}` is not a whole number; write such as `5` or `${{pages}}`");
            text.trim().parse::<i64>().map_err(|_| wrong)
        });
        self.keep(number.span, read)
    }
}

fn not_constant(text: &str) -> String {
    format!("`{text}` is known only during the run; write a number, or a constant under `vars`")
}

/// `count`, if it lies from 1 to `most`.
pub fn at_least_one(count: i64, most: i64, what: &str) -> Result<i64, String> {
    match count {
        count if count < 1 => Err(format!("{what} of {count} lets nothing happen; write a number from 1")),
        count if count > most => Err(format!("{what} of {count} is as good as endless; at most {most}")),
        count => Ok(count),
    }
}
