use record::{Decision, Metric, capacity::AnswerKind, unit::show_number};
use serde::Serialize;

use super::loads::{Load, Seen};
use crate::report::Tone;

/// What was found to be safe.
#[derive(Debug, Clone, Serialize)]
pub struct Safe {
    /// Requests a second that kept every budget.
    pub rate_per_s: f64,
    /// The lowest rate that did not, requests a second; nothing where every one did.
    pub breaks_per_s: Option<f64>,
    /// The same in words.
    pub rate_text: String,
    /// Between which two it lies, in words.
    pub range_text: String,
    /// Whether no limit was found, so that it holds at least as much.
    pub at_least: bool,
    /// Users at once that make it; nothing where nothing says how much one asks for.
    pub users: Option<f64>,
    /// Requests a second of one user, as measured.
    pub requests_per_user: Option<f64>,
    /// What binds first, in words.
    pub binds: String,
    /// The budget that breaks first, in words.
    pub breaks: Option<String>,
    /// What came of holding it, and of more.
    pub held: Vec<String>,
    /// Whether it may be trusted at a glance.
    pub tone: Tone,
}

/// The highest load that kept every budget.
///
/// # Errors
/// No load did, or none says so: a sentence.
pub fn safe(seen: &Seen) -> Result<Safe, String> {
    let answered: Vec<_> = seen.searches.iter().filter(|it| it.answer.requests_per_s.is_some()).collect();
    if !seen.searches.is_empty() && answered.is_empty() {
        return Err(format!("the search found no rate that holds: {}", seen.searches[0].sentence));
    }
    // Of several searches of one service the most careful answer is the safe one.
    let careful = answered.into_iter().map(of_search).min_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
    let found = match careful {
        Some(found) => found,
        None => of_runs(seen)?,
    };
    Ok(found.safe(seen))
}

fn of_search(search: &record::Capacity) -> Found {
    let answer = &search.answer;
    let told_per_s = answer.requests_per_s.unwrap_or_default();
    let told_breaks_per_s = match (answer.kind, answer.low_per_s, answer.high_per_s) {
        (AnswerKind::Found, Some(low), Some(high)) if low > 0.0 => Some(told_per_s * high / low),
        _ => None,
    };
    let mut held = Vec::new();
    if let Some(soak) = &answer.soak {
        let length = crate::words::length(soak.seconds as f64);
        held.push(match soak.held {
            Some(true) => format!("held for {length}"),
            Some(false) => format!("more was not kept up for {length}"),
            None => format!("could not be held for {length}: the generator was the limit"),
        });
    }
    if let Some(over) = &answer.overshoot {
        let times = answer.low_per_s.map_or(0.0, |low| over.rate_per_s / low);
        held.push(match over.recovered_after_s {
            Some(seconds) => format!("recovered {seconds} s after a push to {}×", show_number(times)),
            None => format!("not recovered {} s after a push to {}×", over.watched_s, show_number(times)),
        });
    }
    // What could not be kept up is not safe: the next lower rate that kept the budgets is.
    let dropped = answer.soak.as_ref().is_some_and(|soak| soak.held == Some(false));
    let lower = search.rates.iter().rfind(|rate| {
        rate.decision == Decision::Holds && answer.low_per_s.is_some_and(|low| rate.rate_per_s < low)
    });
    let (rate_per_s, breaks_per_s) = match lower {
        Some(rate) if dropped => (rate.requests_per_s, Some(told_per_s)),
        _ => (told_per_s, told_breaks_per_s),
    };
    let unsure = answer.soak.as_ref().is_some_and(|soak| soak.held != Some(true));
    let breaks = answer.binding.as_ref().map(|binding| binding.budget.clone());
    let saturated = answer.saturated.as_ref().map(|it| it.resource.clone());
    let requests_per_user = answer.users.filter(|users| *users > 0.0).map(|users| told_per_s / users);
    Found { rate_per_s, breaks_per_s, requests_per_user, saturated, breaks, held, unsure }
}

fn of_runs(seen: &Seen) -> Result<Found, String> {
    let kept = seen.loads.iter().take_while(|load| load.keeps == Some(true)).count();
    let Some(load) = kept.checked_sub(1).map(|last| &seen.loads[last]) else {
        let first = &seen.loads[0];
        return Err(if first.keeps.is_none() {
            "the records set no budget, so nothing says which load is safe; give the scenario budgets and run again".to_owned()
        } else {
            format!(
                "already the lowest load, {}/s, breaks its budgets; measure at lower ones",
                show_number(first.throughput_per_s)
            )
        });
    };
    let next = seen.loads.get(kept).filter(|next| next.keeps == Some(false));
    let closed = seen.setting.model == record::Model::Closed;
    let requests_per_user = (closed && load.set > 0.0).then(|| load.throughput_per_s / load.set);
    let breaks = next.map(|_| budgets(seen)).filter(|text| !text.is_empty());
    let above = next.map(|next| next.throughput_per_s.max(load.throughput_per_s));
    Ok(Found {
        rate_per_s: load.throughput_per_s,
        breaks_per_s: above,
        requests_per_user,
        saturated: None,
        breaks,
        held: Vec::new(),
        unsure: false,
    })
}

fn budgets(seen: &Seen) -> String {
    seen.setting.budgets.iter().map(record::Budget::to_string).collect::<Vec<_>>().join(", ")
}

/// An answer before it is put into words.
struct Found {
    rate_per_s: f64,
    breaks_per_s: Option<f64>,
    requests_per_user: Option<f64>,
    saturated: Option<String>,
    breaks: Option<String>,
    held: Vec<String>,
    unsure: bool,
}

impl Found {
    fn safe(self, seen: &Seen) -> Safe {
        let at_least = self.breaks_per_s.is_none();
        let requests_per_user = self.requests_per_user.or_else(|| pace(seen));
        let binds = match (self.saturated.or_else(|| busiest(seen)), &self.breaks) {
            (Some(resource), _) => named(resource),
            (None, Some(budget)) => format!("the budget {budget}"),
            (None, None) => "nothing yet".to_owned(),
        };
        Safe {
            rate_per_s: self.rate_per_s,
            rate_text: format!("{}/s", show_number(self.rate_per_s)),
            range_text: match self.breaks_per_s {
                Some(breaks) => {
                    format!("{}/s holds, {}/s does not", show_number(self.rate_per_s), show_number(breaks))
                }
                None => "no limit was found: it holds at least this".to_owned(),
            },
            breaks_per_s: self.breaks_per_s,
            at_least,
            users: requests_per_user.map(|each| self.rate_per_s / each),
            requests_per_user,
            binds,
            breaks: self.breaks,
            held: self.held,
            tone: if at_least || self.unsure { Tone::Warn } else { Tone::Good },
        }
    }
}

/// A resource with its article.
fn named(resource: String) -> String {
    if resource.starts_with("the ") { resource } else { format!("the {resource}") }
}

/// Requests a second of one user, by the closed runs beside a search: their mean.
fn pace(seen: &Seen) -> Option<f64> {
    let sum: f64 = seen.paces.iter().map(|(each, _)| each).sum();
    (!seen.paces.is_empty()).then(|| sum / seen.paces.len() as f64)
}

/// Share of a resource from which it counts as used up.
const USED_UP: f64 = 0.85;

/// The processor of the target, where it was used up at the highest load.
fn busiest(seen: &Seen) -> Option<String> {
    let cores = super::saturation::cores(seen)?;
    let used = |load: &Load| load.observed.get(super::saturation::CPU).map(|used| used / cores);
    let most = seen.loads.iter().filter_map(used).fold(0.0, f64::max);
    (most >= USED_UP).then(|| "the service's processor".to_owned())
}

/// The limits that budgets set on percentiles of all requests: 0.95 → microseconds.
pub fn limits(seen: &Seen) -> Vec<(f64, f64, String)> {
    let overall = seen.setting.budgets.iter().filter(|budget| budget.request.is_none());
    overall
        .filter_map(|budget| match budget.metric {
            Metric::Response(quantile) => Some((quantile, budget.limit, budget.to_string())),
            _ => None,
        })
        .collect()
}
