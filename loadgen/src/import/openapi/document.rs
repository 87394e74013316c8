//! An OpenAPI document as far as it is looked at, its references followed.

use serde_json::{Map, Value};

/// References deeper than this lead in circles.
const DEEPEST: usize = 24;

/// The document.
#[derive(Debug)]
pub struct Document {
    root: Value,
}

/// An operation.
#[derive(Debug)]
pub struct Operation<'a> {
    /// The path with its `{parameters}`.
    pub path: &'a str,
    /// In capital letters.
    pub method: String,
    /// What it says itself.
    pub body: &'a Map<String, Value>,
    /// Its parameters and those of its path, references followed.
    pub parameters: Vec<&'a Map<String, Value>>,
}

impl Document {
    /// Reads JSON or YAML.
    ///
    /// # Errors
    /// It is neither, or not OpenAPI 3.
    pub fn read(text: &str) -> Result<Self, String> {
        let root: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?
        } else {
            let read =
                serde_saphyr::from_str_with_options(text, serde_saphyr::options! { with_snippet: false });
            read.map_err(|error| format!("not YAML: {error}"))?
        };
        match root.get("openapi").and_then(Value::as_str) {
            Some(version) if version.starts_with("3.") => Ok(Self { root }),
            Some(version) => Err(format!("OpenAPI {version}; 3.0 and 3.1 are read")),
            None if root.get("swagger").is_some() => {
                Err("Swagger 2.0; convert it to OpenAPI 3 first, editor.swagger.io does".to_owned())
            }
            None => Err("not an OpenAPI document: it has no `openapi: 3.…`".to_owned()),
        }
    }

    /// What stands at the top under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.root.get(key)
    }

    /// What a value stands for: itself, or what it refers to in this document. Nothing where that is not there.
    pub fn follow<'a>(&'a self, value: &'a Value) -> Option<&'a Value> {
        let mut value = value;
        for _ in 0..DEEPEST {
            let Some(Value::String(reference)) = value.get("$ref") else { return Some(value) };
            value = self.root.pointer(reference.strip_prefix('#')?)?;
        }
        None
    }

    /// What stands under `key` of `value`, followed.
    pub fn member<'a>(&'a self, value: &'a Value, key: &str) -> Option<&'a Value> {
        self.follow(self.follow(value)?.get(key)?)
    }

    /// Every operation, in the order of the document.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let mut found = Vec::new();
        let paths = self.root.get("paths").and_then(Value::as_object);
        for (path, item) in paths.into_iter().flatten().filter(|(path, _)| path.starts_with('/')) {
            let Some(Value::Object(item)) = self.follow(item) else { continue };
            for (method, operation) in item {
                let method = method.to_ascii_uppercase();
                let Value::Object(body) = operation else { continue };
                if !crate::import::message::METHODS.contains(&method.as_str()) {
                    continue;
                }
                found.push(Operation { path, method, body, parameters: self.parameters(item, body) });
            }
        }
        found
    }

    /// The operation's parameters; one of the path's is replaced by one of the same name and place.
    fn parameters<'a>(
        &'a self,
        item: &'a Map<String, Value>,
        body: &'a Map<String, Value>,
    ) -> Vec<&'a Map<String, Value>> {
        let mut found: Vec<&Map<String, Value>> = Vec::new();
        for list in [item, body] {
            let list = list.get("parameters").and_then(Value::as_array);
            for parameter in list.into_iter().flatten() {
                let Some(Value::Object(parameter)) = self.follow(parameter) else { continue };
                found.retain(|it| {
                    (it.get("name"), it.get("in")) != (parameter.get("name"), parameter.get("in"))
                });
                found.push(parameter);
            }
        }
        found
    }
}

impl<'a> Operation<'a> {
    /// What is called: the name in results.
    pub fn name(&self) -> String {
        let text =
            |key: &str| self.body.get(key).and_then(Value::as_str).map(str::trim).filter(|it| !it.is_empty());
        match text("summary").filter(|it| it.chars().count() <= 60) {
            Some(summary) => summary.trim_end_matches('.').to_owned(),
            None => {
                text("operationId").map_or_else(|| format!("{} {}", self.method, self.path), str::to_owned)
            }
        }
    }

    /// Which flow it belongs to: its first tag, or the first word of its path that says something.
    pub fn tag(&self) -> String {
        let tag = self.body.get("tags").and_then(|tags| tags.get(0)).and_then(Value::as_str);
        let path =
            || self.path.split('/').find(|it| !it.is_empty() && !it.starts_with('{') && !is_version(it));
        tag.or_else(path).unwrap_or("root").to_owned()
    }

    /// Parameters of this place: `path`, `query`, `header`, `cookie`.
    pub fn parameters_in(
        &self,
        place: &'static str,
    ) -> impl Iterator<Item = (&'a str, &'a Map<String, Value>)> {
        self.parameters.iter().filter_map(move |it| {
            (it.get("in")?.as_str()? == place).then_some(())?;
            Some((it.get("name")?.as_str()?, *it))
        })
    }

    /// The status that is promised for success, and what the answer then holds.
    pub fn success(&self, document: &'a Document) -> (Option<String>, Option<&'a Value>) {
        let responses = self.body.get("responses").and_then(Value::as_object);
        let good = responses.into_iter().flatten().find(|(status, _)| status.starts_with(['2', '3']));
        let Some((status, response)) = good else { return (None, None) };
        let schema = document.follow(response).and_then(|it| json_content(it.get("content")?)?.get("schema"));
        (Some(status.to_ascii_lowercase()), schema)
    }
}

/// `v1`, `api`.
fn is_version(part: &str) -> bool {
    part == "api"
        || (part.starts_with('v')
            && part.len() > 1
            && part[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// The media type of a `content` map that is JSON.
pub fn json_content(content: &Value) -> Option<&Value> {
    let content = content.as_object()?;
    let json = |name: &str| {
        let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        name == "application/json" || name.ends_with("+json") || name == "*/*"
    };
    content.iter().find(|(name, _)| json(name)).map(|(_, media)| media)
}
