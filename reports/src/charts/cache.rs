use record::unit::{show_number, show_ratio};

use super::{
    Figure, Form, Words,
    axes::{self, Limit},
    both,
    canvas::draw,
    theme::Ink,
    time::{Line, Time},
};
use crate::report::{Bin, Report};

/// Shares observed of the target, its cache's hits first, over the rates observed, its database's first, on one axis of
/// time; nothing when neither was observed.
pub fn cache(report: &Report) -> Option<Figure> {
    let target = &report.target;
    if target.ratios.is_empty() && target.rates.is_empty() {
        return None;
    }
    let about = "Shares that the target counts, such as cache hits, above its rates, such as database queries per second, \
                 over the run; budgets are dotted.";
    let words = Words { id: "cache", title: title(report), about };
    Some(both(Form::Wide, |form| {
        let groups = [(!target.ratios.is_empty(), 120.0), (!target.rates.is_empty(), 120.0)];
        let heights: Vec<f64> =
            groups.iter().filter(|(shown, _)| *shown).map(|(_, height)| *height).collect();
        let (edges, height) = Time::stack(&heights);
        draw(&words, form.class(), form.width(), height, |canvas| {
            let time = Time::new(report, form);
            let bottom = edges[edges.len() - 1].1;
            time.ground(canvas, bottom);
            if !target.ratios.is_empty() {
                let getters = getters(&target.ratios);
                let lines = lines(report, &target.ratios, &getters, "hits");
                let panel = time.panel_from_zero(
                    canvas,
                    edges[0],
                    &heading(report, &target.ratios),
                    &lines,
                    1.0,
                    &show_ratio,
                );
                time.lines(canvas, &panel, &lines);
                let values = target.ratios.iter().map(|index| &target.values[*index]);
                let limits = values.filter_map(|it| {
                    let name = form.budget(it.budget_text.as_ref()?);
                    Some(Limit { value: it.limit?, name, lower: true })
                });
                axes::limits(canvas, &panel, &limits.collect::<Vec<_>>());
            }
            if !target.rates.is_empty() {
                let rate = |value: f64| format!("{}/s", show_number(value));
                let getters = getters(&target.rates);
                let lines = lines(report, &target.rates, &getters, "per second");
                let edges = edges[edges.len() - 1];
                let panel =
                    time.panel_from_zero(canvas, edges, &heading(report, &target.rates), &lines, 1.0, &rate);
                time.lines(canvas, &panel, &lines);
            }
            time.hits(canvas, bottom, &|bin| describe(report, bin));
        })
    }))
}

/// The figure's name, by what it shows.
pub fn title(report: &Report) -> &'static str {
    match (report.target.ratios.is_empty(), report.target.rates.is_empty()) {
        (false, false) => "Cache hits against database rate",
        (false, true) => "Cache hits",
        _ => "Rates of the target",
    }
}

type Getter = Box<dyn Fn(&Bin) -> Option<f64>>;

fn getters(indices: &[usize]) -> Vec<Getter> {
    let getter = |index: usize| -> Getter { Box::new(move |bin| bin.observed.get(index).copied().flatten()) };
    indices.iter().copied().map(getter).collect()
}

const INKS: [Ink; 3] = [Ink::A, Ink::C, Ink::B];

/// A line for each value; alone it needs no more name than `alone`, because the panel says what it is.
fn lines<'a>(report: &'a Report, indices: &[usize], getters: &'a [Getter], alone: &'a str) -> Vec<Line<'a>> {
    let name =
        |index: usize| if indices.len() == 1 { alone } else { report.target.values[index].label.as_str() };
    let each = indices.iter().zip(getters).zip(INKS);
    each.map(|((index, value), ink)| Line { name: name(*index), ink, thickness: 2.0, value }).collect()
}

fn heading(report: &Report, indices: &[usize]) -> String {
    let labels: Vec<&str> = indices.iter().map(|index| report.target.values[*index].label.as_str()).collect();
    labels.join(", ")
}

fn describe(report: &Report, bin: &Bin) -> String {
    let target = &report.target;
    let ratios = target.ratios.iter().map(|index| (*index, true));
    let all = ratios.chain(target.rates.iter().map(|index| (*index, false)));
    let parts = all.map(|(index, ratio)| {
        let shown = match bin.observed.get(index).copied().flatten() {
            Some(value) if ratio => show_ratio(value),
            Some(value) => format!("{}/s", show_number(value)),
            None => "no data".to_owned(),
        };
        format!("{} {shown}", target.values[index].label)
    });
    parts.collect::<Vec<_>>().join(" · ")
}
