//! JSON bodies: written once as text with placeholders, so that making a request only fills them in.

use super::{
    Check,
    names::{Miss, Scope},
};
use crate::{
    flow::template::{Escape, Template, lone_placeholder},
    plan::{de::At, shapes::Json},
};

impl Check<'_> {
    /// The body as text. A text that is one placeholder for a number is written as that number.
    pub fn json_body(&mut self, json: &At<Json>, scope: &Scope) -> Option<Template> {
        let mut template = Template::default();
        let before = self.problems.len();
        self.write_json(json, scope, &mut template);
        template.fold();
        (self.problems.len() == before).then_some(template)
    }

    fn write_json(&mut self, json: &At<Json>, scope: &Scope, out: &mut Template) {
        match &json.value {
            Json::Null => out.push_literal("null"),
            Json::Bool(value) => out.push_literal(if *value { "true" } else { "false" }),
            Json::Number(number) => out.push_literal(&number.to_string()),
            Json::Text(text) => {
                if let Some(Ok(number)) = lone_placeholder(text).map(|inside| self.resolve(scope, inside))
                    && number.is_number()
                {
                    out.push_value(number, Escape::None);
                } else {
                    self.write_text(text, json.span, scope, out);
                }
            }
            Json::List(items) => {
                out.push_literal("[");
                for (index, item) in items.iter().enumerate() {
                    out.push_literal(if index > 0 { "," } else { "" });
                    self.write_json(item, scope, out);
                }
                out.push_literal("]");
            }
            Json::Map(pairs) => {
                out.push_literal("{");
                for (index, (key, value)) in pairs.0.iter().enumerate() {
                    out.push_literal(if index > 0 { "," } else { "" });
                    self.write_text(key, key.span, scope, out);
                    out.push_literal(":");
                    self.write_json(value, scope, out);
                }
                out.push_literal("}");
            }
        }
    }

    fn write_text(
        &mut self,
        text: &str,
        span: crate::plan::problem::Span,
        scope: &Scope,
        out: &mut Template,
    ) {
        out.push_literal("\"");
        let resolve = &mut |inside: &str| self.resolve(scope, inside).map_err(Miss::message);
        if let Err(faults) = out.push_parsed(text, Escape::Json, resolve) {
            self.faults(span, faults);
        }
        out.push_literal("\"");
    }
}
