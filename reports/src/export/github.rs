use record::Outcome;

use crate::{
    compare,
    gate::{Decision, Decisions},
};

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
    if let Some(found) = decision.comparison.as_ref().filter(|found| found.outcome == compare::Outcome::Worse)
    {
        say("error", &format!("{title}, against the baseline"), &found.sentence);
    }
    let level = if decision.verdict.exit() == record::Exit::Pass { "notice" } else { "error" };
    say(level, &title, &decision.sentence);
    lines
}

/// What several runs come to together, as one command.
pub fn together(decisions: &Decisions) -> String {
    let level = if decisions.verdict == record::Verdict::Pass { "notice" } else { "error" };
    let title = property(&format!("together: {}", decisions.word));
    format!("::{level} title={title}::{}\n", data(&decisions.sentence))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture::Fixture, gate::decide, read::Evidence};

    fn lines(fixture: &Fixture) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        fixture.write(folder.path());
        github(&decide(&Evidence::open(folder.path()).unwrap())).lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_missed_budget_is_annotated_on_one_escaped_line() {
        let lines = lines(&Fixture::default());
        assert_eq!(
            lines[0],
            "::error title=two <requests> & more%3A missed::p95 of list tasks ≤ 20 ms: measured 23.9 ms (95 %25 interval \
             23.4–24.6 ms)"
        );
        assert!(lines[1].contains("::Missed 1 of 5 budgets"), "{lines:?}");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_pass_is_a_notice_and_a_narrow_one_a_warning() {
        let budgets = vec![(None, "p95", "1s"), (None, "error_rate", "1.2%")];
        let lines = lines(&Fixture { budgets, ..Fixture::default() });
        assert!(
            lines[0].starts_with("::warning title=two <requests> & more%3A passed%2C narrowly::error rate"),
            "{lines:?}"
        );
        assert!(lines[1].starts_with("::notice "), "{lines:?}");
    }

    #[test]
    fn a_run_without_a_verdict_is_an_error_for_each_reason() {
        let lines = lines(&Fixture { state: record::State::Running, ..Fixture::default() });
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with("::error ")
                && lines[0].ends_with("the generator was killed; the record ends at second 20")
        );
    }
}
