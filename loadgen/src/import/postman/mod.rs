//! A Postman collection: folders become flows.
//!
//! ```text
//! file ─► variables ({{…}}) ─► requests (with the scripts' checks and saves) ─► flows
//! ```

mod authorization;
mod file;
mod place;
mod requests;
mod script;
mod variables;

use std::collections::BTreeSet;

use self::{
    file::{Collection, Event, Item},
    requests::Made,
    variables::Variables,
};
use super::{
    input,
    journey::{Flow, Journey, Load, Step},
    options::Postman,
    write::count,
};
use crate::stop::Stop;

/// Folders in folders deeper than this are not opened.
const DEEPEST: usize = 32;

/// Reads a collection.
pub fn journey(options: &Postman) -> Result<Journey, Stop> {
    let text = input::read(&options.common.file)?;
    from_text(&text).map_err(|message| Stop::Usage(format!("{}: {message}", options.common.file.display())))
}

/// The journey of a file's text.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn from_text(text: &str) -> Result<Journey, String> {
    let collection: Collection = serde_json::from_str(text).map_err(|error| {
        format!("{}:{}: not a Postman collection ({error})", error.line(), error.column())
    })?;
    if collection.info.schema.contains("/v1") {
        return Err("a collection of format 1; export it as v2.1".to_owned());
    }
    let Collection { info, item, variable, auth, event } = collection;
    let mut maker = requests::Maker::new(Variables::new(&variable));
    let mut folders: Vec<(String, Vec<Made>)> = Vec::new();
    walk(&item, &info.name, auth.as_ref(), 0, &mut maker, &mut folders);
    folders.retain(|(_, made)| !made.is_empty());
    if folders.is_empty() {
        return Err(
            "there is no request in it; a collection of format 2.1 is `{ info, item: [ … ] }`".to_owned()
        );
    }
    let scripts = maker.scripts + event.iter().filter(|it| !it.script.text().trim().is_empty()).count();
    let requests: usize = folders.iter().map(|(_, made)| made.len()).sum();
    let base = maker.base_url(&folders);
    let shared = shared_variables(&folders);
    let mut early = Vec::new();
    let mut late: Vec<(String, Vec<Made>)> = Vec::new();
    for (name, made) in folders {
        // What another folder uses has to be there before any of them begins.
        let (shares, rest): (Vec<Made>, Vec<Made>) =
            made.into_iter().partition(|made| made.saves.iter().any(|it| shared.contains(it)));
        early.extend(shares);
        late.push((name, rest));
    }
    let mut known = BTreeSet::new();
    let early = in_order(early, &mut known)?;
    let mut on_start: Vec<Step> =
        early.into_iter().map(|made| Step::request(maker.request(made, &base))).collect();
    let mut flows: Vec<Flow> = Vec::new();
    for (index, (name, made)) in late.into_iter().enumerate() {
        let made = in_order(made, &mut known.clone())?;
        let steps: Vec<Step> =
            made.into_iter().map(|made| Step::request(maker.request(made, &base))).collect();
        let name = if name.trim().is_empty() { format!("folder {}", index + 1) } else { name };
        let taken = flows.iter().any(|it| it.name == name);
        let name = if taken { format!("{name} ({})", index + 1) } else { name };
        if !steps.is_empty() {
            flows.push(Flow { name, steps, ..Flow::default() });
        }
    }
    if flows.is_empty() {
        // All of it gives what the rest uses: then there is no rest.
        flows.push(Flow {
            name: "the collection".to_owned(),
            steps: std::mem::take(&mut on_start),
            ..Flow::default()
        });
    }
    let mut notes = vec![format!(
        "{} in {}",
        count(requests, "request", "requests"),
        count(flows.len(), "flow", "flows")
    )];
    if scripts > 0 {
        notes.push(format!(
            "{} that do more than look at a status or keep a member were not followed",
            count(scripts, "script", "scripts")
        ));
    }
    let (vars, secrets) = maker.finish(&mut notes);
    let alone = secrets.columns().is_empty();
    let comment = if alone {
        "Ten users for a minute, to begin with."
    } else {
        "As many users as the data file has rows, to begin with."
    };
    Ok(Journey {
        name: info.name.trim().to_owned(),
        about: format!("The requests of the collection {}.", info.name.trim()),
        base_url: base,
        vars,
        data: secrets.into_data().into_iter().collect(),
        load: Load::Users { users: if alone { 10 } else { 1 }, comment: comment.to_owned() },
        on_start,
        flows,
        notes,
        ..Journey::default()
    })
}

/// Makes the requests of a folder and of those in it.
fn walk(
    items: &[Item],
    folder: &str,
    auth: Option<&serde_json::Value>,
    depth: usize,
    maker: &mut requests::Maker,
    folders: &mut Vec<(String, Vec<Made>)>,
) {
    let at = folders.len();
    folders.push((folder.to_owned(), Vec::new()));
    for item in items {
        let auth = item.auth.as_ref().filter(|it| !it.is_null()).or(auth);
        if let Some(request) = &item.request {
            let scripts: Vec<&Event> = item.event.iter().collect();
            folders[at].1.extend(maker.read(&item.name, request, auth, &scripts));
        } else if let Some(inner) = item.item.as_ref().filter(|_| depth < DEEPEST) {
            let name = if depth == 0 { item.name.clone() } else { format!("{folder} / {}", item.name) };
            walk(inner, &name, auth, depth + 1, maker, folders);
        }
    }
}

/// Requests in an order in which each comes after those that save what it uses: a person who clicks through a collection
/// need not keep to the order it is written in. `known` are the variables saved already, and then those of `made` too.
///
/// # Errors
/// A sentence: requests wait for each other, or one for itself.
fn in_order(mut made: Vec<Made>, known: &mut BTreeSet<String>) -> Result<Vec<Made>, String> {
    let mut ordered = Vec::with_capacity(made.len());
    while !made.is_empty() {
        let waits_for = |it: &Made| {
            let mut missing = it.uses.iter().filter(|name| !known.contains(*name));
            missing.find(|name| made.iter().any(|other| other.saves.contains(*name))).cloned()
        };
        let Some(next) = made.iter().position(|it| waits_for(it).is_none()) else {
            let name = waits_for(&made[0]).unwrap_or_default();
            return Err(format!(
                "`{{{{{name}}}}}` is needed by the very requests that would save it: no order of them works; take it out \
                 of the first of them"
            ));
        };
        let next = made.remove(next);
        known.extend(next.saves.iter().cloned());
        ordered.push(next);
    }
    Ok(ordered)
}

/// Variables that one folder saves and another uses.
fn shared_variables(folders: &[(String, Vec<Made>)]) -> BTreeSet<String> {
    let mut shared = BTreeSet::new();
    for (index, (_, made)) in folders.iter().enumerate() {
        for name in made.iter().flat_map(|it| &it.saves) {
            let used = folders
                .iter()
                .enumerate()
                .any(|(other, (_, made))| other != index && made.iter().any(|it| it.uses.contains(name)));
            if used {
                shared.insert(name.clone());
            }
        }
    }
    // What is needed to save what is shared has to come before it.
    loop {
        let all = folders.iter().flat_map(|(_, made)| made);
        let needed: Vec<String> = all
            .clone()
            .filter(|it| it.saves.iter().any(|name| shared.contains(name)))
            .flat_map(|it| it.uses.iter().cloned())
            .filter(|name| !shared.contains(name) && all.clone().any(|it| it.saves.contains(name)))
            .collect();
        if needed.is_empty() {
            return shared;
        }
        shared.extend(needed);
    }
}

#[cfg(test)]
mod tests;
