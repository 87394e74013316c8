use record::Outcome;

use crate::gate::Decision;

/// A decision as GitHub workflow commands, one a line: an error for a missed budget and for a run without a verdict,
/// a warning for a budget that was met with its limit inside the interval, a notice for a pass.
///
/// The form is that of <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.
pub fn github(decision: &Decision) -> String {
    let mut lines = String::new();
    let mut say = |level: &str, title: &str, message: &str| {
        lines += &format!("::{level} title={}::{}\n", property(title), data(message));
    };
    let title = format!("{}: {}", decision.scenario, decision.word);
    if !decision.validity.valid {
        for reason in &decision.validity.reasons {
            say("error", &title, &reason.detail);
        }
        return lines;
    }
    for row in &decision.budgets {
        let interval = match row.interval_text.as_str() {
            "" => String::new(),
            text => format!(" (95 % interval {text})"),
        };
        let message = format!("{}: measured {}{interval}", row.text, row.measured_text);
        match row.outcome {
            Outcome::Met if row.close => say("warning", &format!("{title}, narrowly"), &message),
            Outcome::Met => {}
            Outcome::Missed | Outcome::TooFew | Outcome::NoData => say("error", &title, &message),
        }
    }
    let level = if decision.verdict.exit() == record::Exit::Pass { "notice" } else { "error" };
    say(level, &title, &decision.sentence);
    lines
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
