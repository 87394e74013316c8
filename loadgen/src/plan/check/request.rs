//! Requests.

use std::sync::OnceLock;

use http::{HeaderName, HeaderValue, Method, header::CONTENT_TYPE};

use super::{
    Check,
    names::{Miss, Scope},
    target::{characters, path_or_url},
};
use crate::{
    flow::template::{Escape, Template, has_placeholder},
    plan::{
        de::At,
        file,
        forms::Scalar,
        model::{Request, RequestId},
        shapes::Pairs,
    },
};

impl Check<'_> {
    /// The request of a step.
    pub fn request(&mut self, step: &At<file::Step>, scope: &Scope) -> Option<Request> {
        let (method, place) = Self::method(step)?;
        let url = self.url(place, scope);
        let id = self.request_name(step, &method, place);
        let (body, content_type) = self.body(step, scope);
        let headers = self.headers(step, scope, content_type);
        let mut expect = step.expect.as_ref().map(|expect| self.expect(expect)).unwrap_or_default();
        if let Some(graphql) = &step.graphql {
            if method != Method::POST {
                self.problem(graphql.key, "`graphql` goes with `post`");
            }
            let paths = step.expect.iter().flat_map(|expect| &expect.json).flat_map(|json| &json.0);
            let errors = ["$.errors", "$['errors']", "$[\"errors\"]"];
            expect.no_graphql_errors =
                !paths.into_iter().any(|(path, _)| errors.iter().any(|it| path.trim().starts_with(it)));
        }
        let save = step.save.as_ref().map(|save| self.save(save)).unwrap_or_default();
        let reads_body = expect.reads_body() || save.iter().any(|(_, extract)| extract.reads_body());
        let defaults = &self.defaults;
        let timeout = step.timeout.as_ref().or(defaults.timeout.as_ref()).map(|it| (it.span, it.0));
        let follow_redirects =
            step.follow_redirects.as_ref().map(|it| it.value).or(defaults.follow_redirects).unwrap_or(true);
        if let Some((span, _)) = timeout.filter(|(_, time)| time.is_zero()) {
            self.problem(span, "a timeout of nothing lets nothing pass; write such as `10s`");
        }
        Some(Request {
            id: id?,
            method,
            url: url?,
            headers,
            body,
            expect,
            save,
            reads_body,
            follow_redirects,
            timeout: timeout.map(|(_, time)| time),
            fixed: OnceLock::new(),
        })
    }

    /// The one method that the step has.
    fn method(step: &file::Step) -> Option<(Method, &At<String>)> {
        // That there is one and only one was found before.
        [
            (Method::GET, &step.get),
            (Method::POST, &step.post),
            (Method::PUT, &step.put),
            (Method::PATCH, &step.patch),
            (Method::DELETE, &step.delete),
            (Method::HEAD, &step.head),
            (Method::OPTIONS, &step.options),
        ]
        .into_iter()
        .find_map(|(method, place)| Some((method, place.as_ref()?)))
    }

    fn url(&mut self, place: &At<String>, scope: &Scope) -> Option<Template> {
        let url =
            Template::parse_url(place, &mut |inside| self.resolve(scope, inside).map_err(Miss::message));
        let url = match url {
            Ok(url) => url,
            Err(faults) => {
                self.faults(place.span, faults);
                return None;
            }
        };
        let right = match url.as_static() {
            Some(text) => path_or_url(text),
            // A placeholder at the start gives the path or URL itself.
            None if url.prefix().is_empty() => Ok(()),
            None if url.prefix().starts_with("http") => characters(url.prefix()),
            None => path_or_url(url.prefix()),
        };
        self.keep(place.span, right)?;
        Some(url)
    }

    /// What the request is called in every result.
    fn request_name(
        &mut self,
        step: &At<file::Step>,
        method: &Method,
        place: &At<String>,
    ) -> Option<RequestId> {
        let name = match &step.name {
            Some(name) => {
                let name = self.fixed_name(name)?;
                if self.blocks.contains(name) {
                    let message =
                        format!("`{name}` is the name of a block (`parallel`); name the request otherwise");
                    self.problem(step.name.as_ref().map_or(step.span, |it| it.span), message);
                }
                name.to_owned()
            }
            None => {
                let path = place.split('?').next().unwrap_or_default();
                if has_placeholder(path) {
                    let message = "a path with a variable needs a fixed `name:` for its results, such as \
                                   `name: one task`";
                    self.problem(place.span, message);
                    return None;
                }
                format!("{method} {path}")
            }
        };
        Some(self.requests.insert_full(name).0)
    }

    /// What the time of a block is called in every result.
    pub fn block_name(&mut self, name: &At<String>) -> Option<RequestId> {
        let text = self.fixed_name(name)?;
        if self.requests.contains(text) && !self.blocks.contains(text) {
            let message = format!("`{text}` is the name of a request; name the block otherwise");
            self.problem(name.span, message);
            return None;
        }
        self.blocks.insert(text.to_owned());
        Some(self.requests.insert_full(text.to_owned()).0)
    }

    fn fixed_name<'n>(&mut self, name: &'n At<String>) -> Option<&'n str> {
        let wrong = if name.trim().is_empty() {
            "an empty name"
        } else if has_placeholder(name) {
            "a name that changes makes a result of every request; write a fixed one"
        } else {
            return Some(name);
        };
        self.problem(name.span, wrong);
        None
    }

    /// The defaults and the step's own, and the content type of the body unless one of them says it.
    fn headers(
        &mut self,
        step: &At<file::Step>,
        scope: &Scope,
        content_type: Option<String>,
    ) -> Vec<(HeaderName, Template)> {
        let own = step.headers.as_ref().map(|own| self.header_list(own, scope, false)).unwrap_or_default();
        let defaults = self.defaults.headers.clone().unwrap_or_default();
        let mut headers = self.header_list(&defaults, scope, true);
        headers.retain(|(name, _)| !own.iter().any(|(it, _)| it == name));
        headers.extend(own);
        let mut headers: Vec<_> =
            headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        if let Some(content_type) =
            content_type.filter(|_| !headers.iter().any(|(name, _)| name == CONTENT_TYPE))
        {
            headers.push((CONTENT_TYPE, Template::literal(&content_type)));
        }
        headers
    }

    /// Names and values; no value where a header is dropped. A default that uses a variable which nothing has set yet
    /// is left out.
    fn header_list(
        &mut self,
        headers: &Pairs<At<Option<Scalar>>>,
        scope: &Scope,
        defaults: bool,
    ) -> Vec<(HeaderName, Option<Template>)> {
        let mut list = Vec::new();
        for (name, value) in &headers.0 {
            let Some(header) = self.header_name(name) else { continue };
            let Some(text) = &value.value else {
                list.push((header, None));
                continue;
            };
            let mut too_early = false;
            let template = Template::parse(&text.text, Escape::None, &mut |inside| {
                self.resolve(scope, inside).map_err(|miss| {
                    too_early |= matches!(miss, Miss::NotYet(_));
                    miss.message()
                })
            });
            match template {
                Ok(template) => {
                    if template.as_static().is_some_and(|text| HeaderValue::from_str(text).is_err()) {
                        self.problem(
                            value.span,
                            "a header's value holds no line breaks or control characters",
                        );
                    }
                    list.push((header, Some(template)));
                }
                Err(_) if defaults && too_early => {}
                Err(faults) => self.faults(value.span, faults),
            }
        }
        list
    }

    /// A header's name, reported if it is none.
    pub fn header_name(&mut self, name: &At<String>) -> Option<HeaderName> {
        let right = "use letters, digits and `-`, such as `x-request-id`";
        let header = HeaderName::from_bytes(name.as_bytes());
        self.keep(name.span, header.map_err(|_| format!("`{}` is not a header name; {right}", name.value)))
    }
}
