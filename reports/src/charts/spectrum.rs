use record::unit::show_us;

use super::{
    Figure, Form, Words,
    axes::{LEFT, NAME, RIGHT, names, panel},
    both,
    canvas::{Anchor, draw},
    scale::{Scale, log_ticks},
    theme::Ink,
};
use crate::report::{Point, Report};

/// The percentiles whose names come first where there is not room for all.
const FIRST: [&str; 4] = ["p50", "p99", "p99.9", "p95"];

/// Response and service time by percentile, the axis stretched towards the slowest requests, as far as the sample
/// goes.
pub fn spectrum(report: &Report) -> Figure {
    let about = "Response time with its 95 % interval, and service time, by percentile; the horizontal axis is \
                 logarithmic in the share of slower requests and ends where the sample can bound no percentile.";
    let words = Words { id: "spectrum", title: "Latency by percentile", about };
    both(Form::Wide, |form| {
        let (top, bottom) = (NAME, NAME + if form == Form::Narrow { 190.0 } else { 230.0 });
        draw(&words, form.class(), form.width(), bottom + 40.0, |canvas| {
            let (response, service) = (&report.spectrum.response, &report.spectrum.service);
            let nines = |point: &Point| -(1.0 - point.quantile).log10();
            let last = response.iter().map(nines).fold(0.5, f64::max);
            let x = Scale::linear(0.0, last, LEFT, form.width() - RIGHT);
            let ends = |point: &Point| {
                let interval = point.interval.unwrap_or(crate::report::Interval { low: None, high: None });
                (interval.low.unwrap_or(point.us), interval.high.unwrap_or(point.us))
            };
            let all = response.iter().chain(service).map(ends);
            let (low, high) =
                all.fold((f64::INFINITY, 0.0_f64), |(low, high), ends| (low.min(ends.0), high.max(ends.1)));
            let low = if low.is_finite() { low } else { 1_000.0 };
            let panel = panel(canvas, form.width(), (top, bottom), "time, log", &log_ticks(low, high), true);
            let named =
                || response.iter().filter_map(|point| Some((point.name.as_deref()?, x.at(nines(point)))));
            for (_, at) in named() {
                canvas.line(&[(at, top), (at, bottom)], Ink::Grid, 1.0);
            }
            let mut taken: Vec<f64> = Vec::new();
            let wanted = FIRST.into_iter().filter_map(|first| named().find(|(name, _)| *name == first));
            for (name, at) in wanted.chain(named()) {
                if taken.iter().all(|other| (other - at).abs() >= 40.0) {
                    canvas.text(name, (at, bottom + 14.0), Anchor::Middle, Ink::Tick);
                    taken.push(at);
                }
            }
            canvas.text("percentile of requests", (panel.right, bottom + 31.0), Anchor::End, Ink::Mute);
            let place = |point: &Point, us: f64| (x.at(nines(point)), panel.y.at(us));
            let upper = response.iter().map(|point| place(point, ends(point).1));
            let lower = response.iter().rev().map(|point| place(point, ends(point).0));
            let band: Vec<_> = upper.chain(lower).collect();
            if band.len() > 2 {
                canvas.area(&band, Ink::Band);
            }
            let mut labels = Vec::new();
            for (points, name, ink, thickness) in
                [(service, "service", Ink::D, 4.5), (response, "response", Ink::A, 2.0)]
            {
                let line: Vec<_> = points.iter().map(|point| place(point, point.us)).collect();
                if let Some(end) = line.last() {
                    canvas.line(&line, ink, thickness);
                    labels.push((end.1, name, ink));
                }
                for point in points.iter().filter(|point| point.name.is_some()) {
                    canvas.dot(place(point, point.us), 1.0 + thickness, ink);
                }
            }
            names(canvas, &panel, labels);
            for point in response.iter().filter(|point| point.name.is_some()) {
                let (x, name) = (x.at(nines(point)), point.name.as_deref().unwrap_or_default());
                let served = service.iter().find(|other| other.quantile == point.quantile);
                let served = served.map_or_else(String::new, |it| format!(" · service {}", show_us(it.us)));
                let title = format!("{name} · response {}{served}", show_us(point.us));
                canvas.hit((x - 14.0, top), (x + 14.0, bottom), title);
            }
        })
    })
}
