use record::unit::{show_number, show_ratio};

use super::{
    Figure, Form, Words,
    axes::{self, Limit},
    both,
    canvas::draw,
    theme::Ink,
    time::{Line, Time},
};
use crate::report::{Bin, Report, Target};

/// Values of one unit that share a panel.
struct Group<'a> {
    indices: &'a [usize],
    height: f64,
    /// The axis reaches at least this far.
    at_least: f64,
    /// What a line that is alone in its panel is called; the panel says what it is.
    alone: &'a str,
    show: fn(f64) -> String,
}

fn groups(target: &Target) -> Vec<Group<'_>> {
    let all = [
        Group { indices: &target.ratios, height: 120.0, at_least: 1.0, alone: "hits", show: show_ratio },
        Group { indices: &target.rates, height: 120.0, at_least: 1.0, alone: "rate", show: show_rate },
        Group { indices: &target.cores, height: 80.0, at_least: 0.1, alone: "cores", show: show_number },
    ];
    all.into_iter().filter(|group| !group.indices.is_empty()).collect()
}

fn show_rate(per_s: f64) -> String {
    format!("{}/s", show_number(per_s))
}

/// Shares observed of the target, its cache's hits first, over the rates observed, its database's first, over the
/// processor time it used, on one axis of time; nothing when none of them was observed.
pub fn cache(report: &Report) -> Option<Figure> {
    let groups = groups(&report.target);
    if groups.is_empty() {
        return None;
    }
    let about = "Shares that the target counts, such as cache hits, above its rates, such as database queries per second, \
                 and the processor time it used, over the run; budgets are dotted.";
    let words = Words { id: "cache", title: title(report), about };
    Some(both(Form::Wide, |form| {
        let heights: Vec<f64> = groups.iter().map(|group| group.height).collect();
        let (edges, height) = Time::stack(&heights);
        draw(&words, form.class(), form.width(), height, |canvas| {
            let time = Time::new(report, form);
            let bottom = edges[edges.len() - 1].1;
            time.ground(canvas, bottom);
            for (group, edges) in groups.iter().zip(edges) {
                let getters = getters(group.indices);
                let lines = lines(report, group, &getters);
                let heading = heading(report, group.indices);
                let panel =
                    time.panel_from_zero(canvas, edges, &heading, &lines, group.at_least, &group.show);
                time.lines(canvas, &panel, &lines);
                let values = group.indices.iter().map(|index| &report.target.values[*index]);
                let limits = values.filter_map(|it| {
                    let name = form.budget(it.budget_text.as_ref()?);
                    Some(Limit { value: it.limit?, name, lower: it.lower_limit })
                });
                axes::limits(canvas, &panel, &limits.collect::<Vec<_>>());
            }
            time.hits(canvas, bottom, &|bin| describe(report, bin));
        })
    }))
}

/// The figure's name, by what it shows.
pub fn title(report: &Report) -> &'static str {
    let target = &report.target;
    match (target.ratios.is_empty(), target.rates.is_empty()) {
        (false, false) => "Cache hits against database rate",
        (false, true) => "Cache hits",
        (true, false) => "Rates of the target",
        (true, true) => "Processor of the target",
    }
}

type Getter = Box<dyn Fn(&Bin) -> Option<f64>>;

fn getters(indices: &[usize]) -> Vec<Getter> {
    let getter = |index: usize| -> Getter { Box::new(move |bin| bin.observed.get(index).copied().flatten()) };
    indices.iter().copied().map(getter).collect()
}

const INKS: [Ink; 3] = [Ink::A, Ink::C, Ink::B];

fn lines<'a>(report: &'a Report, group: &Group<'a>, getters: &'a [Getter]) -> Vec<Line<'a>> {
    let alone = group.indices.len() == 1;
    let name = |index: usize| if alone { group.alone } else { report.target.values[index].label.as_str() };
    let each = group.indices.iter().zip(getters).zip(INKS);
    each.map(|((index, value), ink)| Line { name: name(*index), ink, thickness: 2.0, value }).collect()
}

fn heading(report: &Report, indices: &[usize]) -> String {
    let labels: Vec<&str> = indices.iter().map(|index| report.target.values[*index].label.as_str()).collect();
    labels.join(", ")
}

fn describe(report: &Report, bin: &Bin) -> String {
    let parts = observed(report, bin).map(|(label, shown)| format!("{label} {shown}"));
    parts.collect::<Vec<_>>().join(" · ")
}

/// The drawn values of a bin in words, by label, in the order of the panels.
pub fn observed<'a>(report: &'a Report, bin: &'a Bin) -> impl Iterator<Item = (&'a str, String)> {
    let each = groups(&report.target)
        .into_iter()
        .flat_map(|group| group.indices.iter().map(move |it| (*it, group.show)));
    each.map(|(index, show)| {
        let value = bin.observed.get(index).copied().flatten();
        (report.target.values[index].label.as_str(), value.map_or_else(|| "no data".to_owned(), show))
    })
}
