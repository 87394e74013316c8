//! The page: draws a [`Report`] and nothing else. No script, no network, one file.

mod claims;
mod comparison;
mod figures;
mod plan;
mod plan_figures;
mod plan_sections;
#[cfg(test)]
mod plan_tests;
mod sections;
mod simulation;
mod tables;
#[cfg(test)]
mod tests;

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

pub use plan::plan;

use self::tables::glued;
pub use self::{claims::claims, simulation::simulation};
use crate::report::{Headline, Report, Tone};

const STYLE: &str = include_str!("style.css");
/// A page that needs nothing asks for nothing, whatever is in the record.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// A report as one self-contained HTML page.
pub fn html(report: &Report) -> String {
    let setting = &report.setting;
    let body = markup! {
        (header(report))
        (sections::setting(report))
        (sections::validity(report))
        (sections::budgets(report))
        (sections::latency(report))
        (sections::traffic(report))
        (sections::target(report))
        (sections::requests(report))
        (sections::errors(report))
        (sections::generator(report))
        (comparison::comparison(report))
        (sections::method(report))
        footer {
            "Every figure here is in the JSON that " code { "reports html --json" } " writes (schema "
            code { (report.schema) } "). Made by " (report.made_by)
            " from one run record; the same record gives the same page."
        }
    };
    page(&format!("{}: {}", setting.scenario, report.headline.word), &report.made_by, &body)
}

/// A whole page around what it says.
fn page(title: &str, made_by: &str, body: &Markup) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="generator" content=(made_by);
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#answer" { "Skip to the answer" }
                main id="answer" { (body) }
            }
        }
    };
    page.into_string() + "\n"
}

fn header(report: &Report) -> Markup {
    let (setting, headline) = (&report.setting, &report.headline);
    let commit = setting.git.as_ref().map(|git| git.commit.chars().take(7).collect::<String>());
    let (valid, tone) = if report.validity.valid { ("valid", Tone::Good) } else { ("not valid", Tone::Warn) };
    markup! {
        header {
            p class="k" {
                "Load test report · " (setting.scenario)
                @if let Some(commit) = commit { " · " (commit) }
                " · " (setting.start_text) " · " (pill(valid, tone))
            }
            (sentence(headline))
            p { (glued(&headline.lead)) }
        }
        dl class="tiles" {
            @for tile in &headline.tiles {
                div {
                    dt { (tile.label) }
                    // Words where a figure should be are set smaller, so that they fit.
                    dd class=[(!tile.value.starts_with(|c: char| c.is_ascii_digit())).then_some("say")] {
                        (glued(&tile.value))
                        @if !tile.note.is_empty() { small { (glued(&tile.note)) } }
                        @if !tile.budget.is_empty() { small class=(tone_class(tile.tone)) { (glued(&tile.budget)) } }
                    }
                }
            }
        }
    }
}

/// The sentence with its verdict, up to the first stop, in the verdict's colour.
fn sentence(headline: &Headline) -> Markup {
    let text = headline.sentence.as_str();
    let stops = [":", ",", ";", ".", " at "].into_iter().filter_map(|stop| text.find(stop));
    let (verdict, rest) = text.split_at(stops.min().unwrap_or(text.len()));
    markup! { h1 { b class=(tone_class(headline.tone)) { (glued(verdict)) } (glued(rest)) } }
}

fn pill(text: &str, tone: Tone) -> Markup {
    markup! { span class={ "pill " (tone_class(tone)) } { (text) } }
}

const fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Warn => "warn",
        Tone::Plain => "plain",
    }
}
