use maud::{Markup, PreEscaped, html};
use record::unit::{show_count, show_ratio};

use super::{
    page,
    tables::{cell, figures as figure_column, glued, table, text},
};
use crate::{
    charts::{self, Figure},
    export::simulation::{busy, cells, header},
    simulate::{Figures, Simulation},
};

/// A simulation as one self-contained HTML page.
pub fn simulation(found: &Simulation) -> String {
    let title = format!("{}: a day, simulated", found.name);
    let body = html! {
        header {
            p class="k" { "Simulation · " (found.name) }
            h1 { (glued(&found.sentence)) }
            @if !found.about.is_empty() { p { (glued(&found.about)) } }
        }
        h2 { "What was simulated" }
        p { (glued(&found.cost.text)) }
        (tiers(found))
        h2 { "The day" }
        p { "Each step of the day by a part of it; the table says how many answers each figure rests on." }
        (figure("The day", &charts::day(found), day(found)))
        @if !found.faults.is_empty() {
            h2 { "What is lost" }
            p { "One thing at a time, at the load of that time of day; shaded while it is lost." }
        }
        @for (place, fault) in found.faults.iter().enumerate() {
            h3 { (charts::lost_title(fault)) }
            p { (glued(&fault.sentence)) }
            (stretches(&charts::lost_title(fault), [("Before", &fault.before), ("While it is lost", &fault.during), ("After", &fault.after)]))
            @if let Some(drawn) = charts::lost(found, place) {
                (figure(&charts::lost_title(fault), &drawn, steps(found, "Stretch by stretch", &fault.steps)))
            }
        }
        h2 { "How the figures were made" }
        ul class="notes" { @for note in &found.notes { li { (glued(note)) } } }
        footer {
            "Every figure here is in the JSON that " code { "reports simulate --json" } " writes (schema "
            code { (found.schema) } "). Made by " (found.made_by) " with seed " (found.seed) "; the same plan gives the same page."
        }
    };
    page(&title, &found.made_by, &body)
}

fn figure(title: &str, drawn: &Figure, numbers: Markup) -> Markup {
    html! {
        figure {
            figcaption { (title) }
            (PreEscaped(&drawn.wide)) (PreEscaped(&drawn.narrow))
            details { summary { "The numbers" span class="vh" { " of: " (title) } } (numbers) }
        }
    }
}

fn tiers(found: &Simulation) -> Markup {
    let columns = [
        text("Tier"),
        text("Service time"),
        figure_column("Instances"),
        figure_column("Workers each"),
        figure_column("Busy"),
        figure_column("At most"),
        figure_column("Hours a day"),
        figure_column("Cost a day"),
    ];
    let rows = found.tiers.iter().map(|tier| {
        let cost = found.cost.lines.iter().find(|line| line.tier == tier.name);
        let priced_as = cost.and_then(|line| line.of.as_deref());
        vec![
            html! { (cell(tier.name)) @if let Some(of) = priced_as { small class="under" { (of) } } },
            html! { span class="long" { (glued(&tier.service)) } },
            cell(show_count(tier.instances as i64)),
            cell(show_count(tier.workers as i64)),
            cell(show_ratio(tier.mean_utilisation)),
            cell(show_ratio(tier.peak_utilisation)),
            cell(show_count(tier.instance_hours as i64)),
            cell(cost.map_or("", |line| line.text.as_str())),
        ]
    });
    table("Tiers", &columns, rows.collect())
}

fn day(found: &Simulation) -> Markup {
    steps(found, "The day, step by step", &found.day)
}

fn steps(found: &Simulation, name: &str, steps: &[crate::simulate::Step]) -> Markup {
    let mut columns: Vec<_> = headings("From");
    columns.extend(found.tiers.iter().map(|tier| figure_column(format!("{} busy", tier.name))));
    let rows = steps.iter().map(|step| {
        let figures = cells(&step.at, &step.figures);
        figures.into_iter().chain(busy(found, step)).map(cell).collect()
    });
    table(name, &columns, rows.collect())
}

fn stretches(name: &str, rows: [(&str, &Figures); 3]) -> Markup {
    let rows = rows.into_iter().map(|(name, figures)| cells(name, figures).into_iter().map(cell).collect());
    table(&format!("{name}: before, while and after"), &headings("When"), rows.collect())
}

fn headings(first: &str) -> Vec<super::tables::Column> {
    let [first, rest @ ..] = header(first);
    let capital = |text: &str| {
        if text.starts_with('p') || text == "n" {
            return text.to_owned();
        }
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    std::iter::once(text(first)).chain(rest.map(|text| figure_column(capital(text)))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::export::html::tests::{numbers, shown, text_of, well_formed};

    const PLAN: &str = r#"
version: 1
name: a small day
replications: 2
load: { mean: 20/s, step: 4h, sample: 10s, settle: 2s }
requests: { writes: 10%, timeout: 1s }
zones: 2
balancer: { instances: 2, workers: 2, service: { constant: 100us }, sku: alb }
api: { instances: 2, workers: 2, service: { exponential: 8ms }, sku: nowhere.large }
database: { workers: 2, read: { log_normal: { p50: 4ms, p99: 30ms } }, usd_per_hour: "0.072" }
faults: [ { lose: instance, at: "21:00", for: 30s }, { lose: primary } ]
"#;

    #[test]
    fn every_number_on_the_page_of_a_day_is_in_the_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.yaml");
        std::fs::write(&path, PLAN).unwrap();
        let found = crate::simulate::simulate(&path, None).unwrap();
        let page = simulation(&found);
        well_formed("day", &page);
        let (mut known, mut seen) = (BTreeSet::new(), BTreeSet::new());
        shown(&serde_json::to_value(&found).unwrap(), &mut known);
        // The confidence of an interval is its name.
        known.insert("95".to_owned());
        numbers(&text_of(&page), &mut seen);
        assert!(seen.len() > 50, "too few numbers found to have checked anything");
        let unknown: Vec<&String> = seen.difference(&known).collect();
        assert!(unknown.is_empty(), "not in the JSON: {unknown:?}");
    }
}
