use record::unit::{show_count, show_ratio};

use super::{
    Figure, Form, Words,
    axes::{self, LEFT, RIGHT, panel},
    both,
    canvas::{Anchor, draw, text_width},
    latency::limits,
    scale::log_ticks,
    theme::Ink,
    time::Time,
};
use crate::{
    report::{Band, Column, Heat, Report, span},
    words,
};

/// Room between the axis of time and the legend.
const GAP: f64 = 6.0;

/// Where the answers of each stretch of the run lie on an axis of latency: the darker (on a dark page the brighter) a cell,
/// the more of its column's answers took so long.
pub fn heat(report: &Report) -> Figure {
    let heat = &report.heat;
    let about = "A column for each stretch of the run and a row for each band of response time, on a logarithmic axis. The stronger \
                 a cell's colour, the larger the share of its column's answers that took so long; a cell without an answer is \
                 left empty, and a column of too few answers for a share is grey. The stages of the load stand above, the warm-up is shaded, and budgets are dotted.";
    let words = Words { id: "heat", title: "Heat map of response times", about };
    let meaning = format!("share of the answers of its column, {} in all:", show_count(heat.n as i64));
    let names = legend(heat);
    let mut entries: Vec<(&str, Ink)> =
        names.iter().enumerate().map(|(level, name)| (name.as_str(), Ink::heat(level))).collect();
    if heat.columns.iter().any(Column::is_thin) {
        entries.push(("too few answers for a share", Ink::E));
    }
    both(Form::Wide, |form| {
        let (edges, stacked) = Time::stack(&[if form == Form::Narrow { 200.0 } else { 240.0 }]);
        let (top, bottom) = edges[0];
        let end = form.width() - RIGHT;
        // On a phone what the colours mean has a line of its own.
        let (from, under) = if form == Form::Narrow {
            (LEFT, stacked + GAP + 20.0)
        } else {
            (LEFT + text_width(&meaning) + 8.0, stacked + GAP)
        };
        let height = axes::legend(None, (from, end), under, &entries);
        draw(&words, form.class(), form.width(), height, |canvas| {
            let time = Time::new(report, form);
            time.ground(canvas, bottom);
            let ends = heat.bands.first().zip(heat.bands.last());
            let (low, high) = ends.map_or((1_000.0, 10_000.0), |(first, last)| (first.from_us, last.to_us));
            let ticks = log_ticks(low, high);
            let panel = panel(canvas, form.width(), (top, bottom), "response time, log", &ticks, true);
            for column in &heat.columns {
                let (left, right) = (time.x.at(column.from_s as f64), time.x.at(column.to_s as f64));
                let when = format!("{}–{}", words::clock(column.from_s), words::clock(column.to_s));
                let n = show_count(column.n as i64);
                for (band, count) in heat.bands[column.first..].iter().zip(&column.counts) {
                    if *count == 0 {
                        continue;
                    }
                    let (upper, lower) = (panel.y.at(band.to_us), panel.y.at(band.from_us));
                    let title =
                        format!("{when} · {} · {} of {n} answers", named(band), show_count(*count as i64));
                    if column.is_thin() {
                        canvas.rectangle((left, upper), (right, lower), Ink::E);
                        canvas.hit((left, upper), (right, lower), title);
                    } else {
                        let ink = Ink::heat(heat.level(*count, column.n));
                        canvas.mark((left, upper), (right, lower), ink, title);
                    }
                }
            }
            let (least, most) = (ticks[0].0, ticks[ticks.len() - 1].0);
            let near = limits(report, form).filter(|limit| (least..=most).contains(&limit.value));
            axes::limits(canvas, &panel, &near.collect::<Vec<_>>());
            canvas.text(&meaning, (LEFT, stacked + GAP + 10.0), Anchor::Start, Ink::Mute);
            axes::legend(Some(canvas), (from, end), under, &entries);
        })
    })
}

/// What each colour stands for, the least first.
fn legend(heat: &Heat) -> Vec<String> {
    let shown: Vec<String> = heat.levels_ratio.iter().map(|level| show_ratio(*level)).collect();
    let (Some(first), Some(last)) = (shown.first(), shown.last()) else { return Vec::new() };
    let between = shown.windows(2).map(|pair| span(&pair[0], &pair[1]));
    std::iter::once(format!("under {first}")).chain(between).chain([format!("{last} or more")]).collect()
}

/// A band in words: `3.15–4 ms`.
pub fn named(band: &Band) -> String {
    let shown = record::unit::show_us;
    span(&shown(band.from_us), &shown(band.to_us))
}
