use record::unit::{show_number, show_ratio};

use super::{
    Figure, Form, Words,
    axes::{LEFT, NAME, RIGHT, across, panel},
    both,
    canvas::{Anchor, draw},
    scale::{Scale, round_ticks},
    theme::Ink,
};
use crate::capacity::CacheModel;

/// Database queries a second at each load, measured over what the cache model says of its hits: on the diagonal the two
/// agree.
pub fn cache_model(model: &CacheModel) -> Figure {
    let about = "Database queries a second as measured, against what the model makes of the cache's hits; points on the \
                 diagonal agree with it.";
    let words = Words { id: "cache-model", title: "Cache hits against database load", about };
    let most = model.rows.iter().flat_map(|row| [row.measured_per_s, row.model_per_s]).fold(0.0, f64::max);
    both(Form::Half, |form| {
        let (top, bottom) = (NAME, NAME + 190.0);
        draw(&words, form.class(), form.width(), bottom + 40.0, |canvas| {
            let ticks: Vec<_> =
                round_ticks(most, 4).into_iter().map(|tick| (tick, show_number(tick))).collect();
            let panel =
                panel(canvas, form.width(), (top, bottom), "queries a second, measured", &ticks, false);
            let end = ticks[ticks.len() - 1].0;
            let x = Scale::linear(0.0, end, LEFT, form.width() - RIGHT);
            across(canvas, &panel, &x, &ticks, "by the model");
            canvas.line(&[(x.at(0.0), panel.y.at(0.0)), (x.at(end), panel.y.at(end))], Ink::E, 1.5);
            canvas.text("model", (panel.right + 8.0, panel.y.at(end)), Anchor::Start, Ink::E);
            for row in &model.rows {
                let at = (x.at(row.model_per_s), panel.y.at(row.measured_per_s));
                canvas.dot(at, 4.0, Ink::A);
                let title = format!(
                    "hits {} · measured {}/s · model {}/s",
                    show_ratio(row.hit_ratio),
                    show_number(row.measured_per_s),
                    show_number(row.model_per_s)
                );
                canvas.hit((at.0 - 8.0, at.1 - 8.0), (at.0 + 8.0, at.1 + 8.0), title);
            }
        })
    })
}
