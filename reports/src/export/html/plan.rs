//! The page of a plan: what it holds, what binds, what more costs.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};
use record::unit::show_number;

use super::{
    POLICY, STYLE, pill, plan_figures as figures, plan_sections as sections,
    tables::{cell, figures as figure_column, glued, table, text},
    tone_class,
};
use crate::{plan::Plan, report::Tone};

/// A plan as one self-contained HTML page.
pub fn plan(plan: &Plan) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="generator" content=(plan.made_by);
                title { "Capacity of " (plan.setting.scenario) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#answer" { "Skip to the answer" }
                main id="answer" {
                    (header(plan))
                    (holds(plan))
                    (saturates(plan))
                    (sections::phases(plan))
                    (sections::costs(plan))
                    (sections::moves(plan))
                    (sections::inputs(plan))
                    (sections::documents(plan))
                    (super::claims::section(&plan.claims))
                    (sections::setting(plan))
                    (sections::method(plan))
                    footer {
                        "Every figure here is in the JSON that " code { "reports plan --json" } " writes (schema "
                        code { (plan.schema) } "). Made by " (plan.made_by)
                        "; the same records, phases and prices give the same page."
                    }
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn header(plan: &Plan) -> Markup {
    let (setting, answer) = (&plan.setting, &plan.answer);
    let (word, tone) = if plan.safe.at_least { ("at least", Tone::Warn) } else { ("found", Tone::Good) };
    markup! {
        header {
            p class="k" {
                "Capacity report · " (setting.scenario)
                @if let Some(commit) = &setting.commit { " · " (commit) }
                " · " (setting.newest_text) " · limit " (pill(word, tone))
            }
            (sentence(&answer.sentence, answer.tone))
            p { (glued(&answer.lead)) }
        }
        dl class="tiles" {
            @for tile in &answer.tiles {
                div {
                    dt { (tile.label) }
                    dd class=[tile.value.starts_with(|c: char| c.is_alphabetic()).then_some("say")] {
                        (glued(&tile.value))
                        @if !tile.note.is_empty() { small { (glued(&tile.note)) } }
                        @if !tile.budget.is_empty() { small class=(tone_class(tile.tone)) { (glued(&tile.budget)) } }
                    }
                }
            }
        }
    }
}

/// The sentence with what is safe, up to how it is counted, in its colour.
fn sentence(text: &str, tone: Tone) -> Markup {
    let from = "Safe up to ".len();
    let to = [" at once", " requests a second"].into_iter().filter_map(|stop| text.find(stop)).min();
    let (before, rest) = text.split_at(from.min(text.len()));
    let (figure, after) = rest.split_at(to.map_or(0, |to| to.saturating_sub(from)));
    markup! { h1 { (glued(before)) b class=(tone_class(tone)) { (glued(figure)) } (glued(after)) } }
}

fn holds(plan: &Plan) -> Markup {
    markup! {
        h2 { "How much it holds" }
        p {
            "Each point is all runs of one load together; bars and bands are 95 % intervals. Solid lines were measured, dashed \
             ones are the fitted law beyond the measured range, as far as it is trusted."
        }
        div class="two" {
            @if let Some(figure) = figures::hockey(plan) { (figure) }
            @else { p { "No load has answers enough for a median." } }
            @match (&plan.fit, &plan.fit_refused) {
                (Some(fit), _) => { (figures::scalability(fit)) }
                (None, Some(why)) => { div class="card" { p { "No law was fitted: " (glued(why)) } } }
                (None, None) => {}
            }
        }
    }
}

fn saturates(plan: &Plan) -> Markup {
    let columns =
        [text("Resource"), figure_column("A request"), figure_column("Busy"), figure_column("At most")];
    let demands = plan.fit.as_ref().map_or(&[][..], |fit| &fit.demands);
    let rows = demands.iter().map(|demand| {
        let of = demand.have.map_or_else(String::new, |have| format!(" of {}", show_number(have)));
        let each = if demand.have.is_none() { " each" } else { "" };
        vec![
            cell(demand.resource.trim_end_matches("_seconds").replace('_', " ")),
            cell(record::unit::show_us(demand.per_request_s * 1e6)),
            cell(format!("{}{of}", show_number(demand.busiest))),
            cell(
                demand
                    .at_most_per_s
                    .map_or_else(|| demand.basis.words(), |it| format!("{}/s{each}", show_number(it))),
            ),
        ]
    });
    let cache = plan.fit.as_ref().and_then(|fit| fit.cache.as_ref());
    markup! {
        h2 { "What saturates first" }
        p {
            "Utilisation law: what a request asks of a resource times the rate is the share of it that is busy. "
            (glued(&super::sections::capital(&plan.safe.binds))) " binds first."
        }
        div class="two" {
            @if let Some(figure) = figures::busy(plan) { (figure) }
            @if let Some(model) = cache { (figures::cache_model(model)) }
        }
        @if rows.len() > 0 {
            p {
                "What a request asks of each resource in seconds, how much of it was busy at the most, and the requests a \
                 second that all of it allows."
            }
            (table("What a request asks of each resource", &columns, rows.collect()))
        }
    }
}
