use record::unit::{show_count, show_ratio, show_us};
use serde::Serialize;

use super::{
    PhasePlan, Safe,
    inputs::{Input, Key, Values},
    loads::{Load, Percentile, Seen},
    safe::limits,
};
use crate::report::{Tone, interval_words};

/// The answer: one sentence, six figures.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// The answer in one sentence.
    pub sentence: String,
    /// What it rests on.
    pub lead: String,
    /// How it should look.
    pub tone: Tone,
    /// Six figures.
    pub tiles: Vec<Tile>,
}

/// A figure with its name and what it is held against.
#[derive(Debug, Clone, Serialize)]
pub struct Tile {
    /// What it is.
    pub label: String,
    /// The figure, with its unit.
    pub value: String,
    /// Its interval, or what it is part of.
    pub note: String,
    /// Its budget, or empty.
    pub budget: String,
    /// How the budget should look.
    pub tone: Tone,
}

/// The answer, of which `next` is the phase beyond what is safe.
pub fn answer(seen: &Seen, safe: &Safe, inputs: &[Input], next: &PhasePlan) -> Answer {
    let held = if safe.at_least { "Safe up to at least" } else { "Safe up to" };
    let much = match users(safe) {
        Some(users) => format!("{held} {users} users at once, {} requests a second", rate(safe)),
        None => format!("{held} {} requests a second", rate(safe)),
    };
    let binds = match safe.binds.as_str() {
        "nothing yet" => "Nothing bound as far as was measured".to_owned(),
        binds => format!("{} binds first", capital(binds)),
    };
    Answer {
        sentence: format!(
            "{much}. {binds}; {} users would cost {} a month.",
            next.users_text, next.monthly_text
        ),
        lead: lead(seen, safe),
        tone: safe.tone,
        tiles: tiles(seen, safe, inputs, next),
    }
}

fn users(safe: &Safe) -> Option<String> {
    safe.users.map(|users| show_count(users.floor() as i64))
}

fn rate(safe: &Safe) -> &str {
    safe.rate_text.trim_end_matches("/s")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn lead(seen: &Seen, safe: &Safe) -> String {
    let runs: u64 = seen.loads.iter().map(|load| load.runs).sum();
    let mut text = capital(&safe.range_text);
    for held in &safe.held {
        text += &format!(", {held}");
    }
    text += &format!(
        ". {} at {}",
        crate::words::counted(runs, "run", "runs"),
        crate::words::counted(seen.loads.len() as u64, "load", "loads")
    );
    let most = seen.loads.iter().filter_map(|load| load.generator_ratio).fold(0.0, f64::max);
    if most > 0.0 {
        text += &format!("; the generator used at most {} of its cores", show_ratio(most));
    }
    text + "."
}

fn tiles(seen: &Seen, safe: &Safe, inputs: &[Input], next: &PhasePlan) -> Vec<Tile> {
    let there = seen
        .loads
        .iter()
        .rfind(|load| load.keeps == Some(true) && load.throughput_per_s <= safe.rate_per_s * 1.01);
    let plain = |label: &str, value: String, note: String| Tile {
        label: label.to_owned(),
        value,
        note,
        budget: String::new(),
        tone: Tone::Plain,
    };
    let floor = if safe.at_least { "at least " } else { "" };
    let first = match users(safe) {
        Some(users) => plain("Safe users", users, format!("{floor}at once, at the pace of the run")),
        None => {
            let pace = Values::mid(inputs).get(Key::RequestsPerUser);
            let rests = inputs.iter().find(|input| input.key == Key::RequestsPerUser);
            let rests = rests.map_or("assumed", |input| input.rests.word());
            let users = show_count((safe.rate_per_s / pace).floor() as i64);
            plain(
                "Users at once",
                users,
                format!("if each makes {}, {rests}", Key::RequestsPerUser.show(pace)),
            )
        }
    };
    let between = safe.breaks_per_s.map_or_else(
        || "no limit was found".to_owned(),
        |breaks| format!("breaks at {}/s", record::unit::show_number(breaks)),
    );
    let cost = plain(
        &format!("{} users a month", next.users_text),
        next.monthly_text.trim_start_matches("at least ").to_owned(),
        if next.at_least { "at least".to_owned() } else { next.range_text.clone() },
    );
    let p = |label: &str, quantile: f64, of: fn(&Load) -> &Percentile| {
        percentile(seen, there, label, quantile, of)
    };
    vec![
        first,
        plain("Safe rate", safe.rate_text.clone(), between),
        p("p95 there", 0.95, |load| &load.p95),
        p("p99 there", 0.99, |load| &load.p99),
        cost,
        binds(safe, plain),
    ]
}

fn binds(safe: &Safe, plain: impl Fn(&str, String, String) -> Tile) -> Tile {
    match (safe.binds.strip_prefix("the budget "), &safe.breaks) {
        (Some(budget), _) => {
            plain("Binds first", budget.to_owned(), "the budget that breaks first".to_owned())
        }
        (None, Some(budget)) => plain("Binds first", safe.binds.clone(), format!("then {budget} breaks")),
        (None, None) => plain("Binds first", safe.binds.clone(), "no budget broke".to_owned()),
    }
}

fn percentile(
    seen: &Seen,
    there: Option<&Load>,
    label: &str,
    quantile: f64,
    of: fn(&Load) -> &Percentile,
) -> Tile {
    let found = there.map(of);
    let us = found.and_then(|it| it.us);
    let interval = found.and_then(|it| it.interval);
    let limit = limits(seen).into_iter().find(|(of, ..)| (of - quantile).abs() < 1e-9);
    Tile {
        label: label.to_owned(),
        value: us.map_or_else(|| "n too small".to_owned(), show_us),
        note: interval
            .map_or_else(String::new, |it| format!("95 % interval {}", interval_words(it, show_us))),
        tone: match (&limit, us) {
            (Some((_, limit, _)), Some(us)) if us <= *limit => Tone::Good,
            (Some(_), Some(_)) => Tone::Bad,
            _ => Tone::Plain,
        },
        budget: limit.map_or_else(String::new, |(_, limit, _)| format!("budget ≤ {}", show_us(limit))),
    }
}
