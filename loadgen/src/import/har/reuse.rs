//! Values that an answer gave and a later request sent back: form tokens, ids, session keys. Each becomes a variable,
//! saved where it first appeared.

use std::collections::{HashMap, HashSet};

use serde_json_path::JsonPath;
use url::Url;

use super::{answer::answered, exchange::Exchange, pattern::pattern};
use crate::import::{
    journey::Source,
    message::Place,
    naming::{Names, is_id},
    text::Text,
};

/// Shorter values are too likely to be alike by chance.
pub const SHORTEST: usize = 6;
/// Longer ones are documents.
pub const LONGEST: usize = 8192;

/// What was found.
#[derive(Debug, Default)]
pub struct Reuse {
    /// For each exchange, what is saved of its answer.
    pub saves: Vec<Vec<(String, Source)>>,
    /// For each exchange, values of its request and the variables that stand for them.
    puts: Vec<HashMap<String, String>>,
    /// Values that change and could not be found by a pattern.
    pub lost: usize,
}

/// Where a value came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The exchange.
    pub exchange: usize,
    /// What it was called there.
    pub hint: String,
    /// Where in its answer.
    pub kind: Kind,
}

/// Where in an answer a value is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Where a scenario can take it from as it is.
    Exactly(Source),
    /// Somewhere in the text, at this offset.
    Text(usize),
}

/// A value in a request that came from an answer.
struct Use {
    exchange: usize,
    value: String,
    origin: Origin,
    /// It only follows the redirect that gave it: no reason to save it.
    follows: bool,
}

impl Reuse {
    /// Finds them. `section` says which part of the scenario an exchange belongs to: what one flow saves no other sees,
    /// but all see what section 0 saves. `target` says which exchange a redirect led to.
    pub fn find(exchanges: &[Exchange], section: &[usize], target: &[Option<usize>], home: &Url) -> Self {
        let sent: Vec<Vec<(Where, String)>> = exchanges.iter().map(|it| values_of(it, home)).collect();
        let wanted: HashSet<&str> = sent.iter().flatten().map(|(_, value)| value.as_str()).collect();
        let mut seen_sent: HashSet<&str> = HashSet::new();
        let mut known: HashMap<String, Vec<Origin>> = HashMap::new();
        let mut uses = Vec::new();
        for (index, exchange) in exchanges.iter().enumerate() {
            for (place, value) in &sent[index] {
                let origins = known.get(value).map(Vec::as_slice).unwrap_or_default();
                // One in the same part is fresher than one of the start.
                let seen = |own: bool| {
                    origins.iter().find(|it| {
                        let part = section[it.exchange];
                        if own { part == section[index] } else { part == 0 }
                    })
                };
                if let Some(origin) = seen(true).or_else(|| seen(false)).filter(|it| fits(it, *place, value))
                {
                    let follows = *place == Where::Url && target[origin.exchange] == Some(index);
                    uses.push(Use { exchange: index, value: value.clone(), origin: origin.clone(), follows });
                }
            }
            // Where a redirect leads was the answer's choice, not the user's.
            if !target.contains(&Some(index)) {
                seen_sent.extend(sent[index].iter().map(|(_, value)| value.as_str()));
            }
            answered(index, exchange, &wanted, &mut |value, origin| {
                // What was sent before any answer held it is the user's own.
                if !seen_sent.contains(value.as_str()) || known.contains_key(&value) {
                    let origins = known.entry(value).or_default();
                    if origins.iter().all(|it| section[it.exchange] != section[index]) {
                        origins.push(origin);
                    }
                }
            });
        }
        Self::name(exchanges, section, uses, target)
    }

    fn name(exchanges: &[Exchange], section: &[usize], uses: Vec<Use>, target: &[Option<usize>]) -> Self {
        let mut reuse = Self {
            saves: vec![Vec::new(); exchanges.len()],
            puts: vec![HashMap::new(); exchanges.len()],
            lost: 0,
        };
        let mut names = Names::default();
        let mut named: HashMap<(usize, String), Option<String>> = HashMap::new();
        let strong: HashSet<(usize, &str)> =
            uses.iter().filter(|it| !it.follows).map(|it| (it.origin.exchange, it.value.as_str())).collect();
        for one in &uses {
            let from = one.origin.exchange;
            if !strong.contains(&(from, one.value.as_str())) {
                continue;
            }
            let variable = named.entry((from, one.value.clone())).or_insert_with(|| {
                let source = match &one.origin.kind {
                    Kind::Exactly(Source::Json(path)) if JsonPath::parse(path).is_err() => return None,
                    Kind::Exactly(source) => source.clone(),
                    Kind::Text(offset) => Source::Regex(pattern(&exchanges[from].body, *offset, &one.value)?),
                };
                // A second place of the same source is the same variable: a URL and its path.
                if let Some((name, _)) = reuse.saves[from].iter().find(|(_, it)| *it == source) {
                    return Some(name.clone());
                }
                let name = names.variable(&one.origin.hint);
                reuse.saves[from].push((name.clone(), source));
                Some(name)
            });
            match variable {
                Some(name) => drop(reuse.puts[one.exchange].insert(one.value.clone(), name.clone())),
                None => reuse.lost += 1,
            }
        }
        // A redirect that is not followed, because something is taken from it, leads on by what it says.
        for index in 0..exchanges.len() {
            if let (Some(next), Some(location)) = (target[index], &exchanges[index].location)
                && reuse.stays(index, target)
                && (section[index] == section[next] || section[index] == 0)
            {
                let source = Source::Header("location".to_owned());
                let known =
                    reuse.saves[index].iter().find(|(_, it)| *it == source).map(|(name, _)| name.clone());
                let name = known.unwrap_or_else(|| {
                    let name = names.variable("location");
                    reuse.saves[index].push((name.clone(), source));
                    name
                });
                reuse.puts[next].insert(location.to_string(), name);
            }
        }
        reuse
    }

    /// Whether a redirect must not be followed: something is saved of it, or of one that it leads to.
    pub fn stays(&self, exchange: usize, target: &[Option<usize>]) -> bool {
        let mut at = exchange;
        while let Some(next) = target[at] {
            if !self.saves[at].is_empty() {
                return true;
            }
            at = next;
        }
        false
    }

    /// The variables that go into what this exchange sends.
    pub fn uses(&self, exchange: usize) -> impl Iterator<Item = &str> {
        self.puts[exchange].values().map(String::as_str)
    }

    /// What stands in the place of a value that this exchange sends.
    pub fn put(&self, exchange: usize, place: Place<'_>, value: &str) -> Option<Text> {
        let puts = &self.puts[exchange];
        if value.len() < SHORTEST && place != Place::Segment {
            return None;
        }
        if place != Place::Url {
            return puts.get(value).map(|name| Text::variable(name));
        }
        prefixes(value).find_map(|(start, rest)| {
            let mut text = Text::variable(puts.get(start)?);
            text.append(&Text::url(rest));
            Some(text)
        })
    }
}

/// Where a value is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Url,
    Segment,
    Elsewhere,
}

/// Whether a value from there may be meant here.
fn fits(origin: &Origin, place: Where, value: &str) -> bool {
    let from_text = matches!(origin.kind, Kind::Text(_));
    match place {
        Where::Url => matches!(&origin.kind, Kind::Exactly(Source::Header(_) | Source::Json(_))),
        Where::Segment => is_id(value) || (!from_text && value.len() >= SHORTEST),
        Where::Elsewhere => value.len() >= SHORTEST,
    }
}

/// Every value of a request that an answer may have given.
fn values_of(exchange: &Exchange, home: &Url) -> Vec<(Where, String)> {
    let mut found = Vec::new();
    exchange.sent.request(home, &mut |place, value| {
        if value.len() <= LONGEST {
            match place {
                Place::Url => found.extend(prefixes(value).map(|(start, _)| (Where::Url, start.to_owned()))),
                Place::Segment if !value.is_empty() => found.push((Where::Segment, value.to_owned())),
                _ if value.len() >= SHORTEST => found.push((Where::Elsewhere, value.to_owned())),
                _ => {}
            }
        }
        None
    });
    found
}

/// A URL, and what it begins with up to each `/` and `?`, longest first, with the rest.
fn prefixes(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let cuts = url.rmatch_indices(['/', '?']).map(|(at, _)| at).filter(|at| *at >= SHORTEST);
    std::iter::once(url.len()).chain(cuts).take(12).map(|at| url.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_known_by_what_it_begins_with() {
        let cut: Vec<_> = prefixes("/tasks/41/edit?x=1").collect();
        assert_eq!(
            cut,
            [
                ("/tasks/41/edit?x=1", ""),
                ("/tasks/41/edit", "?x=1"),
                ("/tasks/41", "/edit?x=1"),
                ("/tasks", "/41/edit?x=1")
            ]
        );
    }
}
