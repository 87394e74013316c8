//! Where ids are: in paths, in lists, in what a list holds.

use serde_json::Value;

use super::document::Document;

/// Where in a path each `{parameter}` that is a whole segment ends.
pub fn ends_of_parameters(path: &str) -> Vec<usize> {
    let ends = path.match_indices('}').map(|(at, _)| at + 1);
    ends.filter(|end| path[..*end].rfind('{').is_some_and(|at| at > 0 && path.as_bytes()[at - 1] == b'/'))
        .collect()
}

/// `/tasks` of `/tasks/{id}`.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// `id` of `/tasks/{id}`.
pub fn parameter_name(path: &str) -> &str {
    path.rsplit('{').next().unwrap_or_default().trim_end_matches('}')
}

/// The list in an answer: itself, or the first member that is one; its JSONPath and the schema of its items.
pub fn items_in<'a>(document: &'a Document, schema: &'a Value, depth: usize) -> Option<(String, &'a Value)> {
    let schema = document.follow(schema).filter(|_| depth > 0)?;
    if let Some(items) = schema.get("items") {
        return Some(("$".to_owned(), items));
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        if let Some(found) = items_in(document, part, depth - 1) {
            return Some(found);
        }
    }
    schema.get("properties")?.as_object()?.iter().find_map(|(name, property)| {
        let items = document.follow(property)?.get("items")?;
        let mut path = "$".to_owned();
        crate::import::har::push_key(name, &mut path);
        Some((path, items))
    })
}

/// The member of an item that holds its id: called as the parameter, or `id`, or nearly so.
pub fn id_in(document: &Document, schema: &Value, parameter: &str) -> Option<String> {
    let schema = document.follow(schema)?;
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
        let wanted = plain(parameter);
        let called = |is: &dyn Fn(&str) -> bool| properties.keys().find(|name| is(&plain(name))).cloned();
        let short = wanted.trim_end_matches("id").to_owned();
        let found = called(&|name| name == wanted)
            .or_else(|| called(&|name| name == "id"))
            .or_else(|| called(&|name| name == "uuid" || name == "slug" || name == "key"))
            .or_else(|| called(&|name| !short.is_empty() && name == short));
        if found.is_some() {
            return found;
        }
    }
    let parts = ["allOf", "oneOf", "anyOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten();
    parts.filter(|part| !std::ptr::eq(*part, schema)).find_map(|part| {
        // One level: an item is not made of ever more parts.
        let part = document.follow(part)?;
        let properties = part.get("properties")?.as_object()?;
        let found = [parameter, "id"].into_iter().find(|name| properties.contains_key(*name));
        found.map(str::to_owned)
    })
}
