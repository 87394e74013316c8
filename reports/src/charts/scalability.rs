use record::unit::{show_number, show_ratio};

use super::{
    Figure, Form, Words,
    axes::{LEFT, NAME, Panel, RIGHT, across, panel},
    both,
    canvas::{Anchor, Canvas, draw},
    scale::{Scale, round_ticks},
    theme::Ink,
};
use crate::capacity::{Basis, Fitting, WIDE};

/// Height of the panel of residuals.
const RESIDUALS: f64 = 62.0;

/// Throughput against concurrency with the fitted law: solid with its band where it was measured, dashed beyond, and under
/// it how far each point lies from the law.
pub fn scalability(fit: &Fitting) -> Figure {
    let about = "Requests answered a second against concurrency as points, the fitted law as a solid line with its 95 % band \
                 within the measured range and dashed beyond it, and the residuals under it.";
    let words = Words { id: "scalability", title: "Scalability", about };
    let drawn = || fit.predictions.iter().filter_map(|it| Some((it, it.throughput_per_s?)));
    let most = drawn()
        .map(|(it, throughput)| it.interval.and_then(|it| it.high).unwrap_or(throughput))
        .chain(fit.points.iter().map(|row| row.point.throughput_per_s))
        .fold(0.0, f64::max);
    let widest = fit.points.iter().map(|row| row.off_ratio.abs()).fold(0.01, f64::max);
    both(Form::Half, |form| {
        let (top, bottom) = (NAME + 14.0, NAME + 14.0 + 150.0);
        let under = (bottom + 34.0, bottom + 34.0 + RESIDUALS);
        draw(&words, form.class(), form.width(), under.1 + 40.0, |canvas| {
            let right = form.width() - RIGHT;
            let farthest = drawn().map(|(it, _)| it.concurrency).fold(0.0, f64::max);
            let nearest = fit.points.iter().map(|row| row.point.concurrency).fold(f64::INFINITY, f64::min);
            let highest = fit.points.iter().map(|row| row.point.concurrency).fold(0.0, f64::max);
            let wide = highest / nearest > WIDE;
            let ticks = if wide {
                tens(nearest, farthest)
            } else {
                round_ticks(farthest, if form == Form::Narrow { 4 } else { 6 })
            };
            let end = ticks[ticks.len() - 1];
            let x = if wide {
                Scale::log(ticks[0], end, LEFT, right)
            } else {
                Scale::linear(0.0, end, LEFT, right)
            };
            let up: Vec<_> = round_ticks(most, 4).into_iter().map(|tick| (tick, show_number(tick))).collect();
            let panel = panel(canvas, form.width(), (top, bottom), "requests a second", &up, false);
            curve(canvas, &panel, &x, fit);
            for row in &fit.points {
                canvas.dot(
                    (x.at(row.point.concurrency), panel.y.at(row.point.throughput_per_s)),
                    4.0,
                    Ink::C,
                );
            }
            let ticks: Vec<_> = ticks.into_iter().map(|tick| (tick, show_number(tick))).collect();
            residuals(canvas, fit, under, &x, widest, right);
            let axis = Panel { left: LEFT, right, top: under.0, bottom: under.1, y: panel.y };
            across(canvas, &axis, &x, &ticks, if wide { "concurrency N, log" } else { "concurrency N" });
            for row in &fit.points {
                let at = x.at(row.point.concurrency);
                let title = format!(
                    "N {} · {}/s · law {}/s · off {}",
                    show_number(row.point.concurrency),
                    show_number(row.point.throughput_per_s),
                    show_number(row.fitted_per_s),
                    signed(row.off_ratio)
                );
                canvas.hit((at - 8.0, top), (at + 8.0, under.1), title);
            }
        })
    })
}

fn curve(canvas: &mut Canvas<'_>, panel: &Panel, x: &Scale, fit: &Fitting) {
    let (mut upper, mut lower, mut solid, mut beyond) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let high = fit.points.iter().map(|row| row.point.concurrency).fold(0.0, f64::max);
    for it in &fit.predictions {
        let Some(throughput) = it.throughput_per_s else { continue };
        let at = (x.at(it.concurrency), panel.y.at(throughput));
        match it.basis {
            Basis::Extrapolated { .. } if it.concurrency > high => beyond.push(at),
            _ => {
                solid.push(at);
                if let Some((low, high)) = it.interval.and_then(|it| Some((it.low?, it.high?))) {
                    upper.push((at.0, panel.y.at(high)));
                    lower.push((at.0, panel.y.at(low)));
                }
            }
        }
    }
    let band: Vec<_> = upper.into_iter().chain(lower.into_iter().rev()).collect();
    if band.len() > 2 {
        canvas.area(&band, Ink::Band);
    }
    if let Some(last) = solid.last() {
        beyond.insert(0, *last);
    }
    if solid.len() > 1 {
        canvas.line(&solid, Ink::A, 2.0);
    }
    if beyond.len() > 1 {
        canvas.line(&beyond, Ink::Dashed, 2.0);
        if let Some(end) = beyond.last() {
            canvas.text("law", (panel.right + 8.0, end.1), Anchor::Start, Ink::A);
        }
    }
}

fn residuals(canvas: &mut Canvas<'_>, fit: &Fitting, edges: (f64, f64), x: &Scale, widest: f64, right: f64) {
    let y = Scale::linear(-widest, widest, edges.1, edges.0);
    canvas.text("off the law", (2.0, edges.0 - 13.0), Anchor::Start, Ink::Mute);
    for value in [widest, 0.0, -widest] {
        let at = y.at(value);
        canvas.line(&[(LEFT, at), (right, at)], Ink::Grid, 1.0);
        canvas.text(&signed(value), (LEFT - 8.0, at), Anchor::End, Ink::Tick);
    }
    for row in &fit.points {
        let at = (x.at(row.point.concurrency), y.at(row.off_ratio));
        canvas.line(&[(at.0, y.at(0.0)), at], Ink::C, 1.5);
        canvas.dot(at, 3.0, Ink::C);
    }
}

/// Powers of ten that frame `low..high`.
fn tens(low: f64, high: f64) -> Vec<f64> {
    let (from, to) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    (from..=to.max(from + 1)).map(|power| 10_f64.powi(power)).collect()
}

fn signed(ratio: f64) -> String {
    let sign = if ratio > 0.0 { "+" } else { "" };
    format!("{sign}{}", show_ratio(ratio))
}
