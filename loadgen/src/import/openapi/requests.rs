//! Operations become requests: parameters and bodies sampled, ids taken from the lists that name them.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    document::{Document, Operation, json_content},
    ids::{ends_of_parameters, id_in, items_in, parameter_name, parent},
    sample,
    security::{Access, is_accounts},
};
use crate::import::{
    journey::{Body, Request, Source, Step},
    naming::Names,
    secrets::{Secrets, is_password},
    text::Text,
};

/// Whether an operation only reads.
pub fn reads(operation: &Operation<'_>) -> bool {
    matches!(operation.method.as_str(), "GET" | "HEAD" | "OPTIONS")
}

/// Makes requests of operations.
pub struct Maker<'a> {
    document: &'a Document,
    all: &'a [Operation<'a>],
    access: Access,
    secrets: Secrets,
    names: Names,
    /// What could not be sent: content type and how many operations.
    unsent: HashMap<String, usize>,
    invented: Vec<String>,
}

impl<'a> Maker<'a> {
    /// For the operations of a document.
    pub fn new(document: &'a Document, all: &'a [Operation<'a>], access: Access) -> Self {
        let mut names = Names::default();
        // These are variables already.
        ["token", "basic"].iter().for_each(|name| drop(names.variable(name)));
        access.vars.iter().for_each(|(name, _)| drop(names.variable(name)));
        let (unsent, invented) = (HashMap::new(), Vec::new());
        Self { document, all, access, secrets: Secrets::default(), names, unsent, invented }
    }

    /// What is asked of the user, and what is kept from the scenario; adds to `notes` what there is to tell.
    pub fn finish(self, notes: &mut Vec<String>) -> (Access, Secrets) {
        notes.extend(self.access.notes.iter().cloned());
        for (mime, number) in &self.unsent {
            notes.push(format!("left out {number} with a body of {mime}, which cannot be made up"));
        }
        if !self.invented.is_empty() {
            notes.push(format!(
                "no list gives an id for these; examples or made-up values stand there: {}",
                self.invented.join(", ")
            ));
        }
        (self.access, self.secrets)
    }

    /// The step that signs in, if an operation does; else a variable has to be given.
    pub fn sign_in(&mut self, sign_in: Option<&(&'a Operation<'a>, String)>) -> Vec<Step> {
        let Some((operation, token)) = sign_in else {
            if self.access.bearer {
                self.access.vars.push(("token".to_owned(), "the access token".to_owned()));
            }
            return Vec::new();
        };
        let Some(mut request) = self.request(operation, &HashMap::new()) else {
            self.access.vars.push(("token".to_owned(), "the access token".to_owned()));
            return Vec::new();
        };
        match &mut request.body {
            Some(Body::Json(Value::Object(members))) => {
                for (name, value) in members.iter_mut().filter(|(name, _)| is_accounts(name)) {
                    *value = Value::String(self.account(name, value.as_str()).to_string());
                }
            }
            Some(Body::Form(pairs)) => {
                for (name, value) in pairs.iter_mut().filter(|(name, _)| is_accounts(name)) {
                    *value = self.account(name, Some(value.as_str()));
                }
            }
            _ => {}
        }
        request.save = vec![("token".to_owned(), Source::Json(token.clone()))];
        vec![Step::request(request)]
    }

    fn account(&mut self, name: &str, example: Option<&str>) -> Text {
        let made_up = |text: &str| text.contains("${") || text.is_empty();
        let stand_in = if is_password(name) { "change-me" } else { "user@example.com" };
        self.secrets.keep(name, example.filter(|it| !made_up(it)).unwrap_or(stand_in))
    }

    /// The steps of one flow: lists before what is in them, what is made before what is changed, and taken away last.
    pub fn steps(&mut self, mut operations: Vec<&'a Operation<'a>>) -> Vec<Step> {
        let depth = |it: &Operation<'_>| it.path.matches('{').count();
        let order = |it: &Operation<'_>| {
            ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"].iter().position(|m| *m == it.method)
        };
        operations.sort_by_key(|it| {
            if it.method == "DELETE" {
                (1, usize::MAX - depth(it), 0)
            } else {
                (0, depth(it), order(it).unwrap_or(9))
            }
        });
        let mut steps: Vec<Step> = Vec::new();
        // Where a path ending in a parameter is known by: the variable that holds its value.
        let mut known: HashMap<String, String> = HashMap::new();
        let own: Vec<&str> = operations.iter().filter(|it| it.method == "POST").map(|it| it.path).collect();
        for operation in operations {
            // A list of another flow is asked here too, where nothing of this one gives the id.
            for end in ends_of_parameters(operation.path) {
                let upto = &operation.path[..end];
                if known.contains_key(upto) || own.contains(&parent(upto)) {
                    continue;
                }
                if let Some((list, source)) = self.list_of(upto)
                    && let Some(mut request) = self.request(list, &known)
                    && !std::ptr::eq(list, operation)
                {
                    let name = self.names.variable(parameter_name(upto));
                    match steps.iter_mut().find_map(|step| same_request(step, &request)) {
                        Some(there) => there.save.push((name.clone(), source)),
                        None => {
                            request.save = vec![(name.clone(), source)];
                            steps.push(Step::request(request));
                        }
                    }
                    known.insert(upto.to_owned(), name);
                }
            }
            let Some(mut request) = self.request(operation, &known) else { continue };
            let here = steps.iter_mut().find_map(|step| same_request(step, &request)).is_some();
            if here {
                continue;
            }
            if operation.method == "POST" {
                self.remember_made(operation, &mut request, &mut known);
            }
            // What is asked for by the id of a list that may be empty.
            request.condition = ends_of_parameters(operation.path)
                .last()
                .and_then(|end| known.get(&operation.path[..*end]).cloned());
            steps.push(Step::request(request));
        }
        steps
    }

    /// What a POST makes is what is changed and taken away afterwards.
    fn remember_made(
        &mut self,
        operation: &Operation<'a>,
        request: &mut Request,
        known: &mut HashMap<String, String>,
    ) {
        let item = self.all.iter().find(|it| parent(it.path) == operation.path && it.path.ends_with('}'));
        let (_, answer) = operation.success(self.document);
        let (Some(item), Some(answer)) = (item, answer) else { return };
        let Some(id) = id_in(self.document, answer, parameter_name(item.path)) else { return };
        let name = self.names.variable(&format!("new_{}", parameter_name(item.path)));
        let mut path = "$".to_owned();
        crate::import::har::push_key(&id, &mut path);
        request.save.push((name.clone(), Source::Json(path)));
        known.insert(item.path.to_owned(), name);
    }

    /// The GET of the collection that `upto`, a path ending in a parameter, is in; and where ids are in its answer.
    fn list_of(&self, upto: &str) -> Option<(&'a Operation<'a>, Source)> {
        let list =
            self.all.iter().find(|it| it.method == "GET" && it.path.trim_end_matches('/') == parent(upto))?;
        let (_, answer) = list.success(self.document);
        let (mut path, item) = items_in(self.document, answer?, 6)?;
        let id = id_in(self.document, item, parameter_name(upto))?;
        path.push_str("[0]");
        crate::import::har::push_key(&id, &mut path);
        Some((list, Source::Json(path)))
    }

    /// The request; nothing where its body cannot be made up.
    fn request(&mut self, operation: &Operation<'a>, known: &HashMap<String, String>) -> Option<Request> {
        let mut url = Text::default();
        let mut rest = operation.path;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else { break };
            url.append(&Text::url(before));
            let upto = operation.path.len() - behind.len();
            match known.get(&operation.path[..upto]) {
                Some(variable) => url.append(&Text::variable(variable)),
                None => url.append(&self.sampled(operation, "path", name).unwrap_or_else(|| Text::url("1"))),
            }
            rest = behind;
        }
        url.append(&Text::url(rest));
        let mut separator = "?";
        for (name, parameter) in operation.parameters_in("query") {
            let keyed = self.access.query.iter().any(|(key, _)| key == name);
            let said = ["example", "examples"].iter().any(|key| parameter.contains_key(*key));
            let needed = parameter.get("required") == Some(&Value::Bool(true));
            if keyed || !(said || needed) {
                continue;
            }
            let Some(value) = self.sampled(operation, "query", name) else { continue };
            url.push(separator);
            url.append(&Text::url(name));
            url.push("=");
            url.append(&value);
            separator = "&";
        }
        for (name, value) in &self.access.query {
            url.push(separator);
            url.append(&Text::url(name));
            url.push("=");
            url.append(value);
            separator = "&";
        }
        let mut headers = Vec::new();
        for (name, parameter) in operation.parameters_in("header") {
            let ours =
                ["accept", "content-type", "authorization"].contains(&name.to_ascii_lowercase().as_str());
            if !ours
                && parameter.get("required") == Some(&Value::Bool(true))
                && http::HeaderName::from_bytes(name.as_bytes()).is_ok()
            {
                headers.extend(
                    self.sampled(operation, "header", name)
                        .filter(|value| http::HeaderValue::from_str(value.as_str()).is_ok())
                        .map(|value| (name.to_owned(), value)),
                );
            }
        }
        let body = self.body(operation, &mut headers)?;
        let (status, _) = operation.success(self.document);
        let status = status.filter(|it| it.len() == 3 && (it.ends_with("xx") || it.parse::<u16>().is_ok()));
        Some(Request {
            method: operation.method.clone(),
            url,
            name: operation.name(),
            headers,
            body,
            status: status.filter(|it| !it.starts_with('3')).into_iter().collect(),
            ..Request::default()
        })
    }

    /// A parameter's value as it goes into a URL or a header.
    fn sampled(&mut self, operation: &Operation<'a>, place: &'static str, name: &str) -> Option<Text> {
        let (_, parameter) = operation.parameters_in(place).find(|(it, _)| *it == name)?;
        if place == "path" {
            let told = format!("{name} of {}", operation.path);
            if !self.invented.contains(&told) {
                self.invented.push(told);
            }
        }
        let value = sample::of_holder(self.document, parameter, name)?;
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items
                .iter()
                .map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join(","),
            Value::Null | Value::Object(_) => return None,
            other => other.to_string(),
        };
        // What was made up holds a placeholder and is nothing else.
        let variable = crate::flow::template::lone_placeholder(&text).map(Text::variable);
        Some(variable.unwrap_or_else(|| {
            let literal = text.replace("$${", "${");
            if place == "header" {
                Text::literal(&literal.replace(['\r', '\n'], " "))
            } else {
                Text::url(
                    &percent_encoding::utf8_percent_encode(&literal, percent_encoding::NON_ALPHANUMERIC)
                        .to_string(),
                )
            }
        }))
    }

    /// `None`: it needs one and none can be made. `Some(None)`: it has none.
    fn body(&mut self, operation: &Operation<'a>, headers: &mut Vec<(String, Text)>) -> Option<Option<Body>> {
        let Some(body) = operation.body.get("requestBody").and_then(|it| self.document.follow(it)) else {
            return Some(None);
        };
        let Some(content) = body.get("content").and_then(Value::as_object) else { return Some(None) };
        let sampled = |media: &Value| {
            let empty = Map::new();
            sample::of_holder(self.document, media.as_object().unwrap_or(&empty), "").unwrap_or(Value::Null)
        };
        if let Some(media) = body.get("content").and_then(json_content) {
            return Some(Some(Body::Json(sampled(media))));
        }
        if let Some(media) = content.get("application/x-www-form-urlencoded") {
            let Value::Object(members) = sampled(media) else { return Some(None) };
            let plain = |value: &Value| value.as_str().map_or_else(|| Text::literal(&value.to_string()), raw);
            return Some(Some(Body::Form(
                members.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
            )));
        }
        let Some((mime, media)) = content.iter().next() else { return Some(None) };
        if mime.starts_with("text/")
            && http::HeaderValue::from_str(mime).is_ok()
            && let Value::String(text) = sampled(media)
        {
            headers.push(("content-type".to_owned(), Text::literal(mime)));
            return Some(Some(Body::Text(raw(&text))));
        }
        if body.get("required") == Some(&Value::Bool(true)) || operation.method != "GET" {
            *self.unsent.entry(mime.clone()).or_default() += 1;
            return None;
        }
        Some(None)
    }
}

/// Text that is a scenario's already.
fn raw(text: &str) -> Text {
    let mut made = Text::default();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let escaped = at > 0 && rest.as_bytes()[at - 1] == b'$';
        let end = rest[at..].find('}').map(|end| at + end);
        match end {
            Some(end) if !escaped => {
                made.push(&rest[..at]);
                made.append(&Text::variable(&rest[at + 2..end]));
                rest = &rest[end + 1..];
            }
            _ => {
                made.push(&rest[..at - usize::from(escaped)]);
                made.push("${");
                rest = &rest[at + 2..];
            }
        }
    }
    made.push(rest);
    made
}

/// The request of a step, if it is the same operation.
fn same_request<'s>(step: &'s mut Step, request: &Request) -> Option<&'s mut Request> {
    match &mut step.action {
        crate::import::journey::Action::Request(it)
            if it.method == request.method && it.url == request.url =>
        {
            Some(it)
        }
        _ => None,
    }
}
