use maud::{Markup, html};
use record::{
    State,
    unit::{show_count, show_number, show_ratio, show_us},
};

use super::{
    figures, pill,
    tables::{cell, figures as figure_column, glued, table, text, us},
};
use crate::{
    export::outcome,
    report::{Report, Tone},
    words,
};

/// What was run, and on what.
pub fn setting(report: &Report) -> Markup {
    let setting = &report.setting;
    let state = match setting.state {
        State::Finished => "to its planned end",
        State::Running => "until the generator was killed",
        State::Interrupted => "until it was stopped by hand",
        State::Aborted => "until its abort rule ended it",
    };
    let hash: String = setting.sha256.chars().take(12).collect();
    let stages: Vec<&str> = setting.stages.iter().map(|stage| stage.text.as_str()).collect();
    let host = &setting.host;
    let machine = format!(
        "{}, {}, {}, {}",
        host.cpu,
        words::counted(host.cores, "core", "cores"),
        words::bytes(host.memory_bytes),
        host.kernel
    );
    let commit = setting.git.as_ref().map_or_else(
        || "not in a git working folder".to_owned(),
        |git| {
            format!(
                "{}{}",
                git.commit.chars().take(12).collect::<String>(),
                if git.dirty { ", with changes not committed" } else { "" }
            )
        },
    );
    let place = if setting.target.loopback { ", on the machine that made the load" } else { "" };
    let judged = setting.judged;
    let facts = [
        ("Scenario", format!("{}, sha256 {hash}", setting.file)),
        ("Target", format!("{}{place}", setting.target.base_url)),
        ("Load", stages.join(", then ")),
        ("Model", format!("{}; at most {} users", setting.model_text, show_count(setting.max_users as i64))),
        (
            "Length",
            format!(
                "{} of {} planned, {state}; judged from {} to {}",
                words::length(setting.recorded_s as f64),
                words::length(setting.planned_s),
                words::clock(judged.from_s),
                words::clock(judged.to_s)
            ),
        ),
        ("Generator", format!("{} on {machine}", setting.generator)),
        ("Commit", commit),
        ("Seed", setting.seed.to_string()),
    ];
    html! {
        h2 { "What was run" }
        p { (setting.about) }
        dl class="card facts" {
            @for (name, value) in facts { div { dt { (name) } dd { (glued(&value)) } } }
        }
    }
}

/// Whether the run supports a verdict.
pub fn validity(report: &Report) -> Markup {
    let intro = if report.validity.valid {
        "Yes: the generator was on time and had room to spare, the sample is large enough, and the run came to its end."
    } else {
        "No: a figure from a run like this can neither pass nor fail."
    };
    let rows = report.checks.iter().map(|check| {
        let mark = match check.holds {
            Some(true) => pill("agrees", Tone::Good),
            Some(false) => pill("disagrees", Tone::Bad),
            None => pill("cannot say", Tone::Plain),
        };
        vec![cell(check.name), mark, long(&check.detail)]
    });
    html! {
        h2 { "Whether the run can be believed" }
        p { (intro) }
        @if !report.validity.reasons.is_empty() {
            ul class="reasons" { @for reason in &report.validity.reasons { li { (glued(&capital(&reason.detail))) "." } } }
        }
        (table("Checks of consistency", &[text("Check"), text("Outcome"), text("Figures")], rows.collect()))
    }
}

/// The budgets with what was measured.
pub fn budgets(report: &Report) -> Markup {
    let columns = [
        text("Budget"),
        text("Outcome"),
        figure_column("Measured"),
        figure_column("95 % interval"),
        figure_column("n"),
    ];
    let rows = report.budgets.iter().map(|row| {
        let (word, tone) = outcome(row.outcome);
        let narrow = if row.close { format!("{word}, narrowly") } else { word.to_owned() };
        let tone = decided(report, if row.close && tone == Tone::Good { Tone::Warn } else { tone });
        vec![
            cell(row.text.as_str()),
            pill(&narrow, tone),
            cell(row.measured_text.as_str()),
            cell(row.interval_text.as_str()),
            cell(show_count(row.n as i64)),
        ]
    });
    html! {
        h2 { "Budgets" }
        @if report.budgets.is_empty() {
            p { "The scenario sets none, so there is nothing to pass or miss." }
        } @else {
            p {
                "What must hold of the judged window. “Narrowly” means that the limit lies inside the interval."
                @if !report.validity.valid { " The run is not valid, so none of them is decided." }
            }
            (table("Budgets", &columns, rows.collect()))
        }
    }
}

/// What a run without a verdict met or missed is nothing to be glad or sorry about.
fn decided(report: &Report, tone: Tone) -> Tone {
    if report.validity.valid { tone } else { Tone::Plain }
}

/// How long answers took.
pub fn latency(report: &Report) -> Markup {
    html! {
        h2 { "How long answers took" }
        p { "From the instant a request was due to the last byte of its answer. Lines break where a bin is too thin for its percentile." }
        // A figure without data would look like one of a very fast target.
        @if report.timeline.bins.iter().any(|bin| bin.response.p50_us.is_some()) { (figures::latency(report)) }
        @else { p { "No stretch of the run has answers enough for a median." } }
        @if report.spectrum.response.is_empty() { p { "The judged window has too few answers for any percentile." } }
        @else { (figures::spectrum(report)) }
        @if report.heat.n > 0 { (figures::heat(report)) }
    }
}

/// How much was answered.
pub fn traffic(report: &Report) -> Markup {
    html! {
        h2 { "How much was answered" }
        p { "An iteration is one pass through a flow and can hold several requests." }
        (figures::traffic(report))
    }
}

/// What was observed of the target.
pub fn target(report: &Report) -> Markup {
    let values = &report.target.values;
    if values.is_empty() {
        return html! {};
    }
    let columns = [
        text("Value"),
        text("Source"),
        figure_column("Judged window"),
        figure_column("95 % interval"),
        figure_column("n"),
        text("Budget"),
        text("Computed as"),
    ];
    let rows = values.iter().map(|value| {
        let budget = match (&value.budget_text, value.outcome) {
            (Some(text), Some(it)) => {
                let (word, tone) = outcome(it);
                html! { span class="keep" { (glued(text)) " " (pill(word, decided(report, tone))) } }
            }
            _ => cell(""),
        };
        vec![
            cell(value.label.as_str()),
            cell(value.source.as_str()),
            cell(value.value_text.as_str()),
            cell(value.interval_text.as_str()),
            cell(show_number(value.n)),
            budget,
            long(&value.kind_text),
        ]
    });
    html! {
        h2 { "What was seen of the target" }
        p { "The target's own counters, read once a second." }
        @if let Some(figure) = figures::cache(report) { (figure) }
        (table("Observed values", &columns, rows.collect()))
    }
}

/// Figures by request name.
pub fn requests(report: &Report) -> Markup {
    let mut columns = vec![text("Request")];
    let headings =
        ["Rate", "Answered", "Failed", "Errors", "p50", "p95", "p99", "Max", "Service p95", "First byte p95"];
    columns.extend(headings.map(figure_column));
    let rows = report.requests.iter().map(|row| {
        let max = if row.response.n == 0 { cell("") } else { us(Some(row.response.max_us)) };
        vec![
            cell(row.name.as_str()),
            cell(format!("{}/s", show_number(row.per_s))),
            cell(show_count(row.completed as i64)),
            cell(show_count(row.failed as i64)),
            cell(show_ratio(row.error_ratio)),
            us(row.response.p50_us),
            us(row.response.p95_us),
            us(row.response.p99_us),
            max,
            us(row.service.p95_us),
            us(row.first_byte.p95_us),
        ]
    });
    html! {
        h2 { "Request by request" }
        p { "Over the judged window, the busiest first. Percentiles are of response time unless the heading says otherwise." }
        @if report.requests.is_empty() { p { "No request ended in the judged window." } }
        @else { (table("Figures by request", &columns, rows.collect())) }
    }
}

/// Failed requests by kind.
pub fn errors(report: &Report) -> Markup {
    if report.errors.is_empty() {
        return html! { h2 { "What failed" } p { "Nothing: every request was answered as expected." } };
    }
    let columns = [
        text("Kind"),
        figure_column("Count"),
        figure_column("Of all"),
        figure_column("In warm-up"),
        figure_column("p50"),
        figure_column("p99"),
        figure_column("Max"),
        text("Requests"),
    ];
    let rows = report.errors.iter().map(|row| {
        let max = if row.latency.n == 0 { cell("") } else { us(Some(row.latency.max_us)) };
        let named =
            row.by_request.iter().take(NAMED).map(|(name, n)| format!("{name} ({})", show_count(*n as i64)));
        let mut named: Vec<String> = named.collect();
        if row.by_request.len() > NAMED {
            named.push("…".to_owned());
        }
        vec![
            cell(row.kind.as_str()),
            cell(show_count(row.count as i64)),
            cell(show_ratio(row.share_ratio)),
            cell(show_count(row.warm_up_count as i64)),
            us(row.latency.p50_us),
            us(row.latency.p99_us),
            max,
            long(&named.join(", ")),
        ]
    });
    html! {
        h2 { "What failed" }
        p { "Over the judged window; times run from the due instant to the failure." }
        (table("Errors by kind", &columns, rows.collect()))
        @for row in report.errors.iter().filter(|row| !row.samples.is_empty()) {
            h3 { "First of " code { (row.kind) } }
            @for sample in &row.samples {
                details {
                    summary {
                        (words::clock(sample.second)) " · " (sample.request) " · " (sample.detail) " · "
                        (show_us(sample.response_us as f64))
                    }
                    pre { (sample.sent) }
                    @if sample.received.is_empty() { p class="mute" { "Nothing came back." } }
                    @else { pre { (sample.received) } }
                }
            }
        }
    }
}

/// Requests named beside a kind of error; the JSON holds all.
const NAMED: usize = 3;

/// What the generator itself used.
pub fn generator(report: &Report) -> Markup {
    let it = &report.generator;
    let lag = match (it.lag.p99_us, it.lag.n) {
        (Some(p99), _) => format!("p99 {}, worst {}", show_us(p99 as f64), show_us(it.lag.max_us as f64)),
        (None, 0) => "no request found a free user waiting".to_owned(),
        (None, _) => format!("worst {}", show_us(it.lag.max_us as f64)),
    };
    let share = it.cpu_ratio.map_or_else(String::new, |share| format!(", {}", show_ratio(share)));
    let stolen = it.cpu_stolen.map_or_else(
        || "not known".to_owned(),
        |share| format!("{} of the machine's processor time", show_ratio(share)),
    );
    let facts = [
        ("Start lag", format!("{lag}; invalid above {}", show_us(it.lag_bound_us))),
        (
            "Processor",
            format!("{} of {} cores{share}", show_number(it.cpu_cores), show_count(it.cores as i64)),
        ),
        ("Waited for a processor", format!("{} a second", show_us(it.cpu_wait * 1e6))),
        ("Taken by its host", stolen),
        ("Memory, highest", words::bytes(it.memory_bytes)),
        (
            "Open files, most",
            format!("{} of {}", show_count(it.open_files as i64), show_count(it.open_files_limit as i64)),
        ),
        ("Own timer, latest", show_us(it.timer_slip_us as f64)),
    ];
    html! {
        h2 { "Whether the generator was the limit" }
        p { "What made the load, over the judged window. Above these bounds the run would say nothing about the target." }
        dl class="card facts" {
            @for (name, value) in facts { div { dt { (name) } dd { (glued(&value)) } } }
        }
        (figures::health(report))
    }
}

/// How the figures were made, and what to know before using them.
pub fn method(report: &Report) -> Markup {
    html! {
        h2 { "What to know before using a figure" }
        ul class="notes" { @for caveat in &report.caveats { li { (glued(caveat)) } } }
        h2 { "How the figures were made" }
        ul class="notes" { @for method in &report.method { li { (glued(method)) } } }
    }
}

fn long(text: &str) -> Markup {
    if text.is_empty() {
        cell("")
    } else {
        html! { span class="long" { (glued(text)) } }
    }
}

/// The text with a capital at its head.
pub fn capital(text: &str) -> String {
    // `p95` is a name.
    if text.chars().nth(1).is_some_and(|second| second.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
