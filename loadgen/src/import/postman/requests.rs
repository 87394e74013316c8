//! Requests of a collection.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    file::{Body as Sent, Event, Pair, Request as Asked},
    place::{origin_of, split_host, url_of},
    script,
    variables::Variables,
};
use crate::import::{
    journey::{Body, Part, Request, Source},
    message::METHODS,
    naming::path_template,
    secrets::{Secrets, is_password, is_secret},
    text::Text,
};

/// Where nothing says where.
const NOWHERE: &str = "http://127.0.0.1:8080";

/// A request that was read, its variables not yet put in.
#[derive(Debug)]
pub struct Made {
    name: String,
    asked: Asked,
    url: String,
    auth: Option<Value>,
    status: Vec<String>,
    sources: Vec<(String, String)>,
    /// Postman's names of what it saves.
    pub saves: Vec<String>,
    /// Postman's names of what it uses.
    pub uses: BTreeSet<String>,
}

/// Makes requests.
#[derive(Debug)]
pub struct Maker {
    pub(super) variables: Variables,
    pub(super) notes: BTreeSet<String>,
    /// Scripts that do more than is understood.
    pub scripts: usize,
}

impl Maker {
    /// With the variables of a collection.
    pub fn new(variables: Variables) -> Self {
        Self { variables, notes: BTreeSet::new(), scripts: 0 }
    }

    /// Reads a request; nothing where it cannot be sent.
    pub fn read(
        &mut self,
        name: &str,
        request: &Value,
        auth: Option<&Value>,
        scripts: &[&Event],
    ) -> Option<Made> {
        let asked: Asked = match request {
            Value::String(url) => Asked { url: Value::String(url.clone()), ..Asked::default() },
            other => serde_json::from_value(other.clone()).ok()?,
        };
        let method = asked.method.as_deref().unwrap_or("GET").to_ascii_uppercase();
        if !METHODS.contains(&method.as_str()) {
            self.notes.insert(format!("left out requests of the method {}", method.escape_default()));
            return None;
        }
        let url = url_of(&asked.url);
        if url.trim().is_empty() {
            self.notes.insert("left out requests without a URL".to_owned());
            return None;
        }
        let mut does = script::Does::default();
        for event in scripts {
            let text = event.script.text();
            if event.listen == "test" {
                let read = script::read(&text);
                self.scripts += usize::from(read.more);
                does = read;
            } else if !text.trim().is_empty() {
                self.scripts += 1;
            }
        }
        let paths = std::mem::take(&mut does.saves);
        let right = paths.into_iter().filter(|(_, path)| serde_json_path::JsonPath::parse(path).is_ok());
        let mut saves = Vec::new();
        let mut sources = Vec::new();
        for (name, path) in right {
            // Of what is set twice, the last counts.
            if let Some(at) = saves.iter().position(|it| *it == name) {
                saves.remove(at);
                sources.remove(at);
            }
            sources.push((self.variables.save(&name), path));
            saves.push(name);
        }
        let auth = asked.auth.clone().filter(|it| !it.is_null()).or_else(|| auth.cloned());
        // The parts of a URL may make a name together that none of them holds.
        let mut uses = Variables::used(&url).collect();
        [Some(request), auth.as_ref()].into_iter().flatten().for_each(|it| Variables::used_in(it, &mut uses));
        Some(Made {
            name: name.to_owned(),
            asked: Asked { method: Some(method), ..asked },
            url,
            auth,
            status: does.status,
            sources,
            saves,
            uses,
        })
    }

    /// The origin that most requests go to.
    pub fn base_url(&mut self, folders: &[(String, Vec<Made>)]) -> String {
        let mut origins: Vec<(String, usize)> = Vec::new();
        for made in folders.iter().flat_map(|(_, made)| made) {
            let Some(origin) = origin_of(&self.variables.resolved(&made.url)) else { continue };
            match origins.iter_mut().find(|(it, _)| *it == origin) {
                Some((_, count)) => *count += 1,
                None => origins.push((origin, 1)),
            }
        }
        origins
            .into_iter()
            .reduce(|a, b| if b.1 > a.1 { b } else { a })
            .map(|(origin, _)| origin)
            .unwrap_or_else(|| {
                self.notes.insert(format!(
                    "no request says where the service is; {NOWHERE} is assumed, --target sets another"
                ));
                NOWHERE.to_owned()
            })
    }

    /// The request.
    pub fn request(&mut self, made: Made, base: &str) -> Request {
        let Made { name, asked, url, auth, status, sources, .. } = made;
        let method = asked.method.unwrap_or_default();
        let (mut url, path) = self.url(&url, base);
        let mut headers = self.headers(&asked.header);
        if let Some(auth) = &auth {
            self.authorize(auth, &mut headers, &mut url);
        }
        let body = asked.body.filter(|it| !it.disabled).and_then(|body| self.body(body, &mut headers));
        let name = if name.trim().is_empty() {
            format!("{method} {}", path_template(&path))
        } else {
            name.trim().to_owned()
        };
        let save = sources.into_iter().map(|(name, path)| (name, Source::Json(path))).collect();
        // A name is the same for every user.
        let name =
            if crate::flow::template::has_placeholder(&name) { name.replace("${", "$ {") } else { name };
        Request { method, url, name, headers, body, status, save, ..Request::default() }
    }

    /// The URL as a scenario writes it, and its path.
    fn url(&mut self, url: &str, base: &str) -> (Text, String) {
        let url = url.trim();
        let resolved = self.variables.resolved(url);
        let home = origin_of(&resolved).is_some_and(|origin| origin == base);
        // The part up to the path, which may be a variable or several.
        let (host, rest) = split_host(url);
        let host = self.variables.resolved(host);
        let path_of_host = split_host(&host).1.to_owned();
        let mut text = if home || origin_of(&resolved).is_none() {
            Text::default()
        } else {
            Text::url(&origin_of(&resolved).unwrap_or_default())
        };
        let path = format!("{path_of_host}{rest}");
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        text.append(&self.variables.text(&path, Text::url));
        let named = path.split('?').next().unwrap_or_default().replace("{{", ":").replace("}}", "");
        (text, named)
    }

    fn headers(&mut self, header: &Value) -> Vec<(String, Text)> {
        let pairs: Vec<Pair> = serde_json::from_value(header.clone()).unwrap_or_default();
        let mut made = Vec::new();
        for pair in pairs.iter().filter(|it| !it.disabled) {
            let name = pair.key.trim().to_ascii_lowercase();
            let value = pair.text();
            let ours = ["host", "content-length", "connection", "accept-encoding"].contains(&name.as_str());
            let resolved = self.variables.resolved(&value);
            let right = http::HeaderName::from_bytes(name.as_bytes()).is_ok()
                && http::HeaderValue::from_str(&resolved).is_ok();
            if ours || !right {
                continue;
            }
            let value = if is_secret(&name) && !value.contains("{{") {
                self.variables.secrets.keep(&name, &value)
            } else {
                self.variables.text(&value, Text::literal)
            };
            made.retain(|(known, _)| *known != name);
            made.push((name, value));
        }
        made
    }

    fn field(&mut self, name: &str, value: &str) -> Text {
        if is_password(name) && !value.contains("{{") && !value.is_empty() {
            return self.variables.secrets.keep(name, value);
        }
        self.variables.text(value, Text::literal)
    }

    fn body(&mut self, body: Sent, headers: &mut Vec<(String, Text)>) -> Option<Body> {
        match body.mode.as_deref().unwrap_or_default() {
            "raw" => self.raw(&body, headers),
            "urlencoded" => {
                let mut pairs: Vec<(String, Text)> = Vec::new();
                for pair in body.urlencoded.iter().filter(|it| !it.disabled) {
                    if pairs.iter().any(|(name, _)| *name == pair.key) || pair.key.len() > 500 {
                        self.notes.insert("a form's field that comes twice is sent once".to_owned());
                        continue;
                    }
                    pairs.push((pair.key.clone(), self.field(&pair.key, &pair.text())));
                }
                drop_type(headers, "application/x-www-form-urlencoded");
                Some(Body::Form(pairs))
            }
            "formdata" => {
                let parts = body.formdata.iter().filter(|it| !it.disabled).map(|pair| {
                    let file = pair.src.as_str().or_else(|| pair.src.get(0)?.as_str());
                    let file = file.filter(|_| pair.kind.as_deref() == Some("file"));
                    let name =
                        file.map(|path| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned());
                    let value = match file {
                        Some(_) => Text::literal("(the content of the file)"),
                        None => self.field(&pair.key, &pair.text()),
                    };
                    Part {
                        name: pair.key.clone(),
                        value,
                        file_name: name,
                        content_type: pair.content_type.clone(),
                    }
                });
                let parts: Vec<Part> = parts.collect();
                drop_type(headers, "multipart/form-data");
                (!parts.is_empty()).then_some(Body::Multipart(parts))
            }
            "graphql" => {
                let graphql = body.graphql.filter(|it| !it.query.trim().is_empty())?;
                let variables = match &graphql.variables {
                    Value::String(text) => serde_json::from_str(text).ok(),
                    Value::Null => None,
                    other => Some(other.clone()),
                };
                let variables = variables.filter(Value::is_object).map(|it| self.json(&it, ""));
                drop_type(headers, "application/json");
                Some(Body::GraphQl(self.variables.text(&graphql.query, Text::literal), variables))
            }
            "" | "none" => None,
            other => {
                self.notes.insert(format!("a body of the kind {} was left out", other.escape_default()));
                None
            }
        }
    }

    fn raw(&mut self, body: &Sent, headers: &mut Vec<(String, Text)>) -> Option<Body> {
        let text = body.raw.as_deref().filter(|it| !it.is_empty())?;
        let language = body.options.pointer("/raw/language").and_then(Value::as_str).unwrap_or_default();
        if let Ok(value) = serde_json::from_str::<Value>(text)
            && !value.is_string()
            && short_keys(&value)
        {
            drop_type(headers, "application/json");
            return Some(Body::Json(self.json(&value, "")));
        }
        let mime = match language {
            "json" => "application/json",
            "xml" => "application/xml",
            "html" => "text/html",
            "javascript" => "application/javascript",
            _ => "text/plain",
        };
        if !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".to_owned(), Text::literal(mime)));
        }
        Some(Body::Text(self.variables.text(text, Text::literal)))
    }

    fn json(&mut self, value: &Value, key: &str) -> Value {
        match value {
            Value::String(text) => Value::String(self.field(key, text).to_string()),
            Value::Array(items) => items.iter().map(|item| self.json(item, key)).collect(),
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, value)| (Text::literal(key).to_string(), self.json(value, key)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// The constants and the secrets; adds what there is to tell.
    pub fn finish(self, notes: &mut Vec<String>) -> (Vec<(String, String, String)>, Secrets) {
        let list = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        notes.extend(self.notes);
        if !self.variables.unknown.is_empty() {
            notes.push(format!(
                "variables that the collection does not give (an environment does), to be set: {}",
                list(&self.variables.unknown)
            ));
        }
        if !self.variables.made_up.is_empty() {
            notes.push(format!(
                "made-up values that have no generator here are words: {}",
                list(&self.variables.made_up)
            ));
        }
        let columns = self.variables.secrets.columns();
        if !columns.is_empty() {
            notes.push(format!(
                "what must not be in a scenario is now a row of a data file: {}",
                columns.join(", ")
            ));
        }
        (self.variables.constants(), self.variables.secrets)
    }
}

fn short_keys(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(short_keys),
        Value::Object(members) => members.iter().all(|(key, value)| key.len() < 500 && short_keys(value)),
        _ => true,
    }
}

fn drop_type(headers: &mut Vec<(String, Text)>, mime: &str) {
    headers.retain(|(name, value)| !(name == "content-type" && value.as_str().starts_with(mime)));
}
