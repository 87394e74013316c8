use maud::{Markup, html};
use record::unit::show_count;

use super::{
    pill, plan_figures as figures,
    tables::{cell, figures as figure_column, glued, table, text},
};
use crate::{
    capacity::Basis,
    plan::{PhasePlan, Plan, Rests},
    report::Tone,
    words,
};

/// What each phase needs.
pub fn phases(plan: &Plan) -> Markup {
    let columns = [
        text("Users at once"),
        figure_column("Peak"),
        text("Topology"),
        figure_column("A month"),
        figure_column("For 1,000 users"),
        figure_column("Headroom"),
        text("Basis"),
    ];
    let rows = plan.phases.iter().map(|phase| {
        vec![
            cell(phase.users_text.as_str()),
            cell(phase.peak_text.as_str()),
            html! { span class="long" { (glued(&phase.topology)) } },
            over(&phase.monthly_text, &phase.range_text),
            over(
                &phase.per_1000_users_text,
                &format!("{} a million requests", phase.per_million_requests_text),
            ),
            cell(phase.headroom_text.as_str()),
            pill(&phase.basis_text, tone(&phase.basis)),
        ]
    });
    html! {
        h2 { "What each phase needs" }
        p {
            "Sized for the peak of the day. “Refused” means that the law is not trusted so far: the size is then a count of \
             instances, each as measured, and what they share is assumed."
        }
        (table("What each phase needs", &columns, rows.collect()))
        ul class="notes" { @for phase in &plan.phases { li { (why(phase)) } } }
    }
}

/// A figure over what belongs to it.
pub fn over(figure: &str, under: &str) -> Markup {
    html! { (glued(figure)) small class="under" { (glued(under)) } }
}

fn tone(basis: &Basis) -> Tone {
    match basis {
        Basis::Measured | Basis::Interpolated => Tone::Good,
        Basis::Extrapolated { .. } => Tone::Warn,
        Basis::Refused { .. } => Tone::Bad,
    }
}

fn why(phase: &PhasePlan) -> Markup {
    let reason = match &phase.basis {
        Basis::Refused { reason } => format!("{reason}. "),
        _ => String::new(),
    };
    let next = if phase.binds_next.is_empty() {
        String::new()
    } else {
        format!("Binds next: {}.", phase.binds_next)
    };
    let assumed = match phase.assumed.as_slice() {
        [] => String::new(),
        parts => format!(" Sized by assumption: {}.", parts.join(", ")),
    };
    html! { b { (phase.name) } ": " (glued(&reason)) (glued(&next)) (glued(&assumed)) }
}

/// What it costs.
pub fn costs(plan: &Plan) -> Markup {
    let prices = &plan.prices;
    html! {
        h2 { "What it costs" }
        p {
            (glued(&format!(
                "Prices of {} in {}, of {} to {}, from {}.",
                prices.place, prices.currency, prices.oldest, prices.newest, prices.file
            )))
            @if plan.phases.iter().any(|phase| phase.at_least) {
                " Something has no price, so its total is a floor: “at least”."
            }
        }
        div class="two" {
            (figures::cost(plan))
            @if let Some(figure) = figures::per_user(plan) { (figure) }
        }
        div class="bills" { @for phase in &plan.phases { (bill(phase)) } }
    }
}

fn bill(phase: &PhasePlan) -> Markup {
    let columns = [
        text("Item"),
        text("Part"),
        text("What"),
        figure_column("Quantity"),
        text("Unit"),
        figure_column("A month"),
        text("Grade"),
    ];
    let rows = phase.bill.lines.iter().filter(|line| !line.item.quantity.is_zero()).map(|line| {
        let item = &line.item;
        let cost = match line.cost {
            Some(_) => cell(line.cost_text.as_str()),
            None => pill(&line.cost_text, Tone::Warn),
        };
        vec![
            cell(item.name.as_str()),
            cell(item.part.name()),
            cell(format!("{} {}", item.service, item.sku)),
            cell(line.quantity_text.as_str()),
            cell(item.unit.as_str()),
            cost,
            cell(line.grade.map_or_else(String::new, |grade| format!("{grade:?}"))),
        ]
    });
    html! {
        details {
            summary { "The bill of " (phase.name) ": " (phase.monthly_text) }
            (table(&format!("The bill of {}", phase.name), &columns, rows.collect()))
            @for item in &phase.bill.unpriced { p class="warn" { "No price: " (item) "." } }
        }
    }
}

/// What moves the cost.
pub fn moves(plan: &Plan) -> Markup {
    html! {
        h2 { "What moves it" }
        p { "Each input over its range, the others as planned. The longest bar is what to measure, or to decide, next." }
        @if let Some(figure) = figures::tornado(plan) { (figure) }
        @else { p { "Nothing that the plan rests on has a range." } }
    }
}

/// What the plan rests on.
pub fn inputs(plan: &Plan) -> Markup {
    let columns = [
        text("Input"),
        figure_column("Planned by"),
        figure_column("Between"),
        text("Rests on"),
        text("From"),
    ];
    let rows = plan.inputs.iter().map(|input| {
        let tone = match input.rests {
            Rests::Measured => Tone::Good,
            Rests::Assumed => Tone::Warn,
            Rests::Chosen | Rests::Given => Tone::Plain,
        };
        vec![
            cell(input.label),
            cell(input.text.as_str()),
            cell(input.range_text.as_str()),
            pill(input.rests.word(), tone),
            html! { span class="long" { (glued(&input.from)) } },
        ]
    });
    html! {
        h2 { "What the plan rests on" }
        p { "A better value goes into the file of phases, under " code { "assume" } "." }
        (table("What the plan rests on", &columns, rows.collect()))
    }
}

/// The documents' own monthly tables beside it.
pub fn documents(plan: &Plan) -> Markup {
    let columns = [
        text("Document"),
        text("It calls it"),
        figure_column("It says"),
        figure_column("Its lines add up to"),
        figure_column("Users here"),
        figure_column("This plan"),
    ];
    let rows = plan.documents.iter().map(|it| {
        let mark = if it.adds_up {
            cell(it.sum_text.as_str())
        } else {
            html! { span class="bad" { (glued(&it.sum_text)) } }
        };
        vec![
            cell(it.document.as_str()),
            cell(it.phase.as_str()),
            cell(it.total_text.as_str()),
            mark,
            cell(show_count(it.users as i64)),
            cell(it.planned_text.as_str()),
        ]
    });
    let lines = plan.documents.iter().flat_map(|it| {
        it.lines.iter().map(move |line| {
            vec![
                cell(line.place.as_str()),
                cell(line.item.as_str()),
                cell(line.said_text.as_str()),
                cell(line.priced_text.as_str()),
            ]
        })
    });
    let columns_of_lines =
        [text("Line"), text("Item"), figure_column("It says"), figure_column("By the price list")];
    html! {
        h2 { "What the documents say it costs" }
        p {
            "Their users are mostly people with an account, of whom few are there at once; this plan's are all there at once. \
             The two are beside each other, not alike."
        }
        (table("The documents' monthly totals", &columns, rows.collect()))
        details {
            summary { "Their lines" }
            (table("The documents' lines", &columns_of_lines, lines.collect()))
        }
    }
}

/// What was run, and on what.
pub fn setting(plan: &Plan) -> Markup {
    let setting = &plan.setting;
    let host = &setting.host;
    let budgets: Vec<String> = plan.setting.budgets.iter().map(record::Budget::to_string).collect();
    let place = if setting.target.loopback { ", on the machine that made the load" } else { "" };
    let facts = [
        ("Scenario", setting.scenario.clone()),
        ("Target", format!("{}{place}", setting.target.base_url)),
        (
            "Machine of the generator",
            format!(
                "{}, {}, {}, {}",
                host.cpu,
                words::counted(host.cores, "core", "cores"),
                words::bytes(host.memory_bytes),
                host.kernel
            ),
        ),
        ("Budgets", budgets.join(", ")),
        ("Records read", show_count(plan.records as i64)),
        ("Newest run", setting.newest_text.clone()),
    ];
    html! {
        h2 { "What was run" }
        dl class="card facts" {
            @for (name, value) in facts { div { dt { (name) } dd { (glued(&value)) } } }
        }
    }
}

/// What to know before using a figure, and how the figures were made.
pub fn method(plan: &Plan) -> Markup {
    html! {
        h2 { "What to know before using a figure" }
        ul class="notes" { @for caveat in &plan.caveats { li { (glued(caveat)) } } }
        h2 { "How the figures were made" }
        ul class="notes" { @for method in &plan.method { li { (glued(method)) } } }
    }
}
