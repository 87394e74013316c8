//! `{{variables}}`: those of the collection, those that scripts set, those that Postman makes up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::file::Pair;
use crate::import::{
    naming::{Names, identifier},
    secrets::{Secrets, is_secret, is_user},
    text::Text,
};

/// What `{{name}}` stands for.
#[derive(Debug, Default)]
pub struct Variables {
    /// Those of the collection.
    values: BTreeMap<String, String>,
    /// Names in the scenario of those that are used.
    named: BTreeMap<String, String>,
    names: Names,
    /// Those that scripts set.
    saved: BTreeSet<String>,
    /// Used and given by nothing here: an environment's.
    pub unknown: BTreeSet<String>,
    /// What must not be in the scenario.
    pub secrets: Secrets,
    /// Those that Postman would make up and no generator does.
    pub made_up: BTreeSet<String>,
}

impl Variables {
    /// Those of a collection.
    pub fn new(pairs: &[Pair]) -> Self {
        let values = pairs
            .iter()
            .filter(|it| !it.disabled && !it.key.is_empty())
            .map(|it| (it.key.clone(), it.text()));
        Self { values: values.collect(), ..Self::default() }
    }

    /// Says that a script sets it; gives its name in the scenario.
    pub fn save(&mut self, name: &str) -> String {
        self.saved.insert(name.to_owned());
        self.name(name)
    }

    fn name(&mut self, name: &str) -> String {
        let names = &mut self.names;
        self.named.entry(name.to_owned()).or_insert_with(|| names.variable(&identifier(name))).clone()
    }

    /// The text with every variable of the collection put in, for what has to be known beforehand.
    pub fn resolved(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // A value may hold variables; some levels of that are enough.
        for _ in 0..4 {
            let before = text.clone();
            text = pieces(&before)
                .map(|(literal, name)| {
                    let value = name.map(|name| {
                        self.values.get(name).cloned().unwrap_or_else(|| format!("{{{{{name}}}}}"))
                    });
                    format!("{literal}{}", value.unwrap_or_default())
                })
                .collect();
            if text == before || text.len() > 100_000 {
                break;
            }
        }
        text
    }

    /// The text as a scenario writes it. `part` writes what stands for itself.
    pub fn text(&mut self, text: &str, part: fn(&str) -> Text) -> Text {
        let mut made = Text::default();
        let found: Vec<(String, Option<String>)> =
            pieces(text).map(|(literal, name)| (literal.to_owned(), name.map(str::to_owned))).collect();
        for (literal, name) in found {
            made.append(&part(&literal));
            if let Some(name) = name {
                made.append(&self.variable(&name));
            }
        }
        made
    }

    fn variable(&mut self, name: &str) -> Text {
        if let Some(generator) = name.strip_prefix('$') {
            return self.generator(generator);
        }
        if !self.saved.contains(name)
            && let Some(value) = self.values.get(name).cloned()
        {
            if is_secret(name) || is_user(name) {
                return self.secrets.keep(name, if value.is_empty() { "change-me" } else { &value });
            }
        } else if !self.saved.contains(name) {
            self.unknown.insert(name.to_owned());
        }
        let name = self.name(name);
        Text::variable(&name)
    }

    fn generator(&mut self, name: &str) -> Text {
        Text::variable(match name {
            "guid" | "randomUUID" => "uuid",
            "isoTimestamp" | "randomDatePast" | "randomDateFuture" | "randomDateRecent" => "now",
            "timestamp" => "int(1700000000,1900000000)",
            "randomInt" => "int(0,1000)",
            "randomEmail" | "randomExampleEmail" => {
                let mut made = Text::literal("user-");
                made.append(&Text::variable("uuid"));
                made.push("@example.com");
                return made;
            }
            _ => {
                self.made_up.insert(name.to_owned());
                "sentence(2)"
            }
        })
    }

    /// Names that a text uses.
    pub fn used(text: &str) -> impl Iterator<Item = String> {
        pieces(text).filter_map(|(_, name)| name.map(str::to_owned))
    }

    /// Adds the names that the texts in `value` use to `names`.
    pub fn used_in(value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => names.extend(Self::used(text)),
            Value::Array(list) => list.iter().for_each(|it| Self::used_in(it, names)),
            Value::Object(members) => members.iter().for_each(|(key, it)| {
                names.extend(Self::used(key));
                Self::used_in(it, names);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The constants of the scenario: name, value, what it is.
    pub fn constants(&self) -> Vec<(String, String, String)> {
        let used = self.named.iter().filter(|(name, _)| !self.saved.contains(*name));
        used.map(|(name, ours)| match self.values.get(name) {
            Some(_) => (ours.clone(), self.resolved(&format!("{{{{{name}}}}}")), String::new()),
            None => (
                ours.clone(),
                "unset".to_owned(),
                format!("Not in the collection: --var {ours}=… or a value here."),
            ),
        })
        .collect()
    }
}

/// Literal text and the name behind it, to the end. A name has no braces, so `{{}/{{id}}` has one, as Postman has it.
fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let named = text.match_indices('{').find_map(|(open, _)| {
            let name = text[open + 1..].strip_prefix('{')?;
            let end = name.find(['{', '}'])?;
            name[end..].starts_with("}}").then(|| (open, &name[..end], &name[end + 2..]))
        });
        let Some((open, name, behind)) = named else {
            rest = None;
            return Some((text, None));
        };
        rest = Some(behind);
        Some((&text[..open], Some(name.trim())))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_has_no_braces() {
        let names = |text| Variables::used(text).collect::<Vec<_>>();
        assert_eq!(names("{{base}}/tasks/{{ id }}?q={{$guid}}"), ["base", "id", "$guid"]);
        assert_eq!(names("{{}/tasks/{{id}}"), ["id"]);
        assert_eq!(names("{{{id}}}"), ["id"]);
        assert_eq!(names("{{a {{b}} c}}"), ["b"]);
        assert_eq!(names("{{a}b}} {{é"), [""; 0]);
        let parts: String = pieces("x{{{id}}}y").map(|(text, _)| text).collect();
        assert_eq!(parts, "x{}y");
    }

    #[test]
    fn names_are_found_in_every_text_of_a_request() {
        let mut names = BTreeSet::new();
        let request =
            json!({ "url": ["{{a}}"], "{{b}}": { "raw": "{\"x\": \"{{c\"d}}\"}" }, "n": [1, null, true] });
        Variables::used_in(&request, &mut names);
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b", "c\"d"]);
    }
}
