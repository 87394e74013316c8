//! A browser's recording (HAR 1.2) becomes a journey that any user can make.
//!
//! ```text
//! file (JSON) ─► exchange (what is replayed) ─► account (who signed in) ─► reuse (what came back) ─► steps
//! ```

pub mod account;
mod answer;
mod exchange;
mod file;
mod pattern;
mod reuse;
mod steps;

use super::{
    input,
    journey::{Flow, Journey, Load},
    options,
    secrets::Secrets,
    write::count,
};
use crate::stop::Stop;

pub use self::{answer::push_key, exchange::is_asset_path};

/// Reads a recording.
pub fn journey(options: &options::Har) -> Result<Journey, Stop> {
    let text = input::read(&options.common.file)?;
    from_text(&text, options)
        .map_err(|message| Stop::Usage(format!("{}: {message}", options.common.file.display())))
}

/// The journey of a file's text.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn from_text(text: &str, options: &options::Har) -> Result<Journey, String> {
    let file::File { log } = serde_json::from_str(text).map_err(|error| {
        format!(
            "{}:{}: not a HAR file ({error}); export one with a browser's developer tools",
            error.line(),
            error.column()
        )
    })?;
    let titles: Vec<(String, String)> =
        log.pages.into_iter().filter_map(|page| Some((page.id?, page.title.unwrap_or_default()))).collect();
    let Some(home) = exchange::home(&log.entries) else {
        return Err("there is no request over http in it; record with the developer tools open".to_owned());
    };
    let entries = log.entries.len();
    let exchange::Kept { exchanges, busy, left_out } = exchange::keep(log.entries, &home, options);
    if exchanges.is_empty() {
        let reasons: Vec<String> = exchange::say_left_out(&left_out).collect();
        return Err(format!("nothing to replay: {}", reasons.join("; ")));
    }
    let mut notes = vec![format!(
        "{} of {entries} in the recording, on {}",
        count(exchanges.len(), "request", "requests"),
        home.origin().ascii_serialization()
    )];
    notes.extend(exchange::say_left_out(&left_out));

    let sign_in = account::sign_in(&exchanges);
    let plan = steps::Sections::of(&exchanges, sign_in.as_ref(), options.flow_per_page);
    let reuse = reuse::Reuse::find(&exchanges, &plan.section, &plan.target, &home);
    let mut secrets = Secrets::default();
    let mut maker = steps::Maker {
        exchanges: &exchanges,
        busy: &busy,
        plan: &plan,
        reuse: &reuse,
        sign_in: sign_in.as_ref(),
        secrets: &mut secrets,
        home: &home,
        titles: &titles,
    };
    let on_start = maker.steps(0);
    let mut flows = Vec::new();
    for section in 1..=plan.flows() {
        let steps = maker.steps(section);
        flows.push(Flow { name: maker.flow_name(section, &flows), steps, ..Flow::default() });
    }
    flows.retain(|flow| !flow.steps.is_empty());

    let saved: Vec<&str> = reuse.saves.iter().flatten().map(|(name, _)| name.as_str()).collect();
    if !saved.is_empty() {
        notes.push(format!("values that came from answers, now saved from them: {}", saved.join(", ")));
    }
    if reuse.lost > 0 {
        let values = count(reuse.lost, "value was", "values were");
        notes.push(format!(
            "{values} taken from an answer in a way no pattern finds again; recorded values stay there"
        ));
    }
    let unknown = steps::cookies_from_before(&exchanges);
    if !unknown.is_empty() {
        notes.push(format!(
            "the recording began with cookies that nothing in it sets ({}); if they carry a session, sign in while recording",
            unknown.join(", ")
        ));
    }
    let columns = secrets.columns().join(", ");
    let alone = secrets.columns().is_empty();
    if !alone {
        notes.push(format!(
            "of the recorded account, now a row of a data file and not in the scenario: {columns}"
        ));
    }
    let load = if alone {
        Load::Users { users: 10, comment: "Ten users for a minute, to begin with.".to_owned() }
    } else {
        Load::Users {
            users: 1,
            comment: "As many users as the data file has rows, to begin with.".to_owned(),
        }
    };
    Ok(Journey {
        about: format!("What a browser did on {}, as it was recorded.", home.host_str().unwrap_or_default()),
        base_url: home.origin().ascii_serialization(),
        data: secrets.into_data().into_iter().collect(),
        load,
        on_start,
        flows,
        notes,
        ..Journey::default()
    })
}

#[cfg(test)]
mod tests;
