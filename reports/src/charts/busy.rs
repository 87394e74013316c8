use record::unit::{show_number, show_ratio};

use super::{
    Figure, Form, Words,
    axes::{LEFT, NAME, RIGHT, across, names, panel},
    both,
    canvas::{Anchor, draw},
    scale::{Scale, round_ticks},
    theme::Ink,
};
use crate::plan::Plan;

/// How busy everything whose whole is known was, against throughput; nothing where nothing is.
pub fn busy(plan: &Plan) -> Option<Figure> {
    if plan.busy.is_empty() {
        return None;
    }
    let about = "Share of each resource that was used, from none to all of it, against requests answered a second, with the \
                 safe rate in green.";
    let words = Words { id: "busy", title: "What saturates first", about };
    let most = plan.busy.iter().flat_map(|busy| &busy.at).map(|at| at.0).fold(plan.safe.rate_per_s, f64::max);
    Some(both(Form::Half, |form| {
        let (top, bottom) = (NAME + 14.0, NAME + 14.0 + 170.0);
        draw(&words, form.class(), form.width(), bottom + 40.0, |canvas| {
            let up: Vec<_> = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, show_ratio(share))).into();
            let panel = panel(canvas, form.width(), (top, bottom), "used", &up, false);
            let ticks = round_ticks(most, if form == Form::Narrow { 3 } else { 5 });
            let x = Scale::linear(0.0, ticks[ticks.len() - 1], LEFT, form.width() - RIGHT);
            let ticks: Vec<_> = ticks.into_iter().map(|tick| (tick, show_number(tick))).collect();
            across(canvas, &panel, &x, &ticks, "requests answered a second");
            let safe = x.at(plan.safe.rate_per_s);
            canvas.line(&[(safe, top), (safe, bottom)], Ink::Safe, 2.0);
            canvas.text("safe", (safe, top - 9.0), Anchor::Middle, Ink::Safe);
            let mut labels = Vec::new();
            for busy in &plan.busy {
                let (name, ink) = if busy.generator { ("generator", Ink::E) } else { ("service", Ink::A) };
                let line: Vec<_> =
                    busy.at.iter().map(|(rate, used)| (x.at(*rate), panel.y.at(*used))).collect();
                if line.len() > 1 {
                    canvas.line(&line, ink, 2.0);
                }
                line.iter().for_each(|at| canvas.dot(*at, 3.5, ink));
                labels.extend(line.last().map(|end| (end.1, name, ink)));
                for (rate, used) in &busy.at {
                    let (at, y) = (x.at(*rate), panel.y.at(*used));
                    let title = format!("{} · {} at {}/s", busy.name, show_ratio(*used), show_number(*rate));
                    canvas.hit((at - 8.0, y - 8.0), (at + 8.0, y + 8.0), title);
                }
            }
            names(canvas, &panel, labels);
        })
    }))
}
