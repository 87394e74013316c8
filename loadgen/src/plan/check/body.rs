//! Bodies. JSON is written once as text with placeholders, so that making a request only fills it in.

use super::{
    Check,
    names::{Miss, Scope},
};
use crate::{
    flow::template::{Escape, Template, Value, lone_placeholder},
    plan::{
        de::At,
        file::{self, GraphQl},
        forms::Scalar,
        model::Body,
        problem::Span,
        shapes::Json,
    },
};

impl Check<'_> {
    /// The body of a request and its content type.
    pub fn body(&mut self, step: &At<file::Step>, scope: &Scope) -> (Option<Body>, Option<String>) {
        let bodies = ["json", "form", "multipart", "graphql", "body"];
        let given = step.keys().into_iter().filter(|(key, _)| bodies.contains(key)).count();
        if given > 1 {
            self.problem(
                step.span,
                "a request has one body: `json`, `form`, `multipart`, `graphql` or `body`",
            );
            return (None, None);
        }
        if let Some(json) = &step.json {
            return (self.json_body(json, scope).map(Body::Text), Some("application/json".to_owned()));
        }
        if let Some(graphql) = &step.graphql {
            return (self.graphql(graphql, scope).map(Body::Text), Some("application/json".to_owned()));
        }
        if let Some(form) = &step.form {
            let pairs = form.0.iter().filter_map(|(name, value)| {
                let value = self.text(value, scope)?;
                Some((Template::literal(name), value))
            });
            let content_type = "application/x-www-form-urlencoded".to_owned();
            return (Some(Body::Form(pairs.collect())), Some(content_type));
        }
        if let Some(fields) = &step.multipart {
            let (chunks, content_type) = self.multipart(fields, scope).unzip();
            return (chunks.map(Body::Multipart), content_type);
        }
        let Some(body) = &step.body else { return (None, None) };
        (self.text(body, scope).map(Body::Text), Some("text/plain; charset=utf-8".to_owned()))
    }

    /// Text with placeholders.
    pub fn text(&mut self, text: &At<Scalar>, scope: &Scope) -> Option<Template> {
        let resolve = &mut |inside: &str| self.resolve(scope, inside).map_err(Miss::message);
        match Template::parse(&text.text, Escape::None, resolve) {
            Ok(template) => Some(template),
            Err(faults) => {
                self.faults(text.span, faults);
                None
            }
        }
    }

    /// A GraphQL request as the specification of GraphQL over HTTP has it.
    fn graphql(&mut self, graphql: &At<GraphQl>, scope: &Scope) -> Option<Template> {
        let Some(query) = &graphql.query else {
            let right = "write such as `graphql: { query: \"{ me { name } }\" }`";
            self.problem(graphql.span, format!("`query` is missing; {right}"));
            return None;
        };
        let before = self.problems.len();
        let mut out = Template::default();
        out.push_literal("{\"query\":");
        self.write_text(&query.text, query.span, scope, &mut out);
        if let Some(operation) = &graphql.operation {
            out.push_literal(",\"operationName\":");
            self.write_text(&operation.text, operation.span, scope, &mut out);
        }
        if let Some(variables) = &graphql.variables {
            if !matches!(variables.value, Json::Map(_)) {
                self.problem(variables.span, "`variables` is a map, such as `{ id: \"${id}\" }`");
            }
            out.push_literal(",\"variables\":");
            self.write_json(variables, scope, &mut out);
        }
        out.push_literal("}");
        out.fold();
        (self.problems.len() == before).then_some(out)
    }

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
                match lone_placeholder(text).map(|inside| self.resolve(scope, inside)) {
                    Some(Ok(number)) if number.is_number() => out.push_value(number, Escape::None),
                    // All values of an answer are kept as the list that they were.
                    Some(Ok(Value::List { slot, name })) => {
                        out.push_value(Value::Variable { slot, name }, Escape::None);
                    }
                    _ => self.write_text(text, json.span, scope, out),
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

    fn write_text(&mut self, text: &str, span: Span, scope: &Scope, out: &mut Template) {
        out.push_literal("\"");
        let resolve = &mut |inside: &str| self.resolve(scope, inside).map_err(Miss::message);
        if let Err(faults) = out.push_parsed(text, Escape::Json, resolve) {
            self.faults(span, faults);
        }
        out.push_literal("\"");
    }
}
