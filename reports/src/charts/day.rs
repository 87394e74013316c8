use record::unit::{show_number, show_ratio, show_us};

use super::{
    Figure, Form, Words,
    axes::{LEFT, NAME, Panel, RIGHT, names, panel},
    both,
    canvas::{Anchor, Canvas, draw},
    scale::{Scale, log_ticks, round_ticks, time_ticks},
    theme::Ink,
};
use crate::{
    simulate::{Lost, Simulation, Step, TierRow},
    words,
};

/// Height between two panels.
const GAP: f64 = 16.0;
/// Height under the last panel for the axis of time.
const AXIS: f64 = 26.0;
/// The colours of the tiers, in their order.
const TIERS: [Ink; 4] = [Ink::E, Ink::A, Ink::D, Ink::C];

/// A simulated day: the load, response times, and how busy each tier is.
pub fn day(found: &Simulation) -> Figure {
    let about = "Three panels over the day: requests offered and answered in time per second; median, 95th and 99th percentile \
                 of response time on a logarithmic axis, the interval of p99 as a band; and the share of their time that the \
                 workers of each tier are busy.";
    let words = Words { id: "day", title: "The day", about };
    both(Form::Wide, |form| sheet(&words, form, &found.day, &found.tiers, None))
}

/// What came of one thing lost, stretch by stretch.
pub fn lost(found: &Simulation, place: usize) -> Option<Figure> {
    let fault = found.faults.get(place)?;
    let about = "Three panels around the time in which it is lost, which is shaded: requests offered and answered in time per \
                 second; percentiles of response time; and how busy each tier is.";
    let (id, title) = (format!("lost-{place}"), title(fault));
    let words = Words { id: &id, title: &title, about };
    let away =
        found.faults[place].steps.iter().find(|step| step.from_s >= fault.steps[0].from_s).map(|first| {
            let from_s = first.from_s + crate::simulate::BEFORE_S;
            (from_s, from_s + fault.lasts_s)
        });
    Some(both(Form::Wide, |form| sheet(&words, form, &fault.steps, &found.tiers, away)))
}

/// `With a zone lost at 21:30`.
pub fn title(fault: &Lost) -> String {
    format!("With {} lost at {}", fault.what, fault.at)
}

struct Sheet<'a> {
    steps: &'a [Step],
    x: Scale,
    form: Form,
}

type Value<'a> = &'a dyn Fn(&Step) -> Option<f64>;

fn sheet(
    words: &Words<'_>,
    form: Form,
    steps: &[Step],
    tiers: &[TierRow],
    away: Option<(u64, u64)>,
) -> String {
    let width = form.width();
    let (first, last) = (steps.first().map_or(0, |it| it.from_s), steps.last().map_or(1, |it| it.to_s));
    let x = Scale::linear(first as f64, last as f64, LEFT, width - RIGHT);
    let sheet = Sheet { steps, x, form };
    let mut at = 0.0;
    let edges = [120.0, 150.0, 100.0].map(|height| {
        let top = at + NAME;
        at = top + height + GAP;
        (top, top + height)
    });
    draw(words, form.class(), width, at - GAP + AXIS, |canvas| {
        let bottom = edges[2].1;
        if let Some((from, to)) = away {
            canvas.rectangle((x.at(from as f64), NAME), (x.at(to as f64), bottom), Ink::Shade);
        }
        let length = (last - first) as f64;
        for second in time_ticks(length, ((width - LEFT - RIGHT) / 64.0) as usize) {
            let second = first + second;
            let text = if away.is_some() {
                words::clock(second)
            } else {
                format!("{:02}:{:02}", second / 3600, second / 60 % 60)
            };
            canvas.text(&text, (x.at(second as f64), bottom + 14.0), Anchor::Middle, Ink::Tick);
        }
        sheet.rates(canvas, edges[0]);
        sheet.times(canvas, edges[1]);
        sheet.busy(canvas, edges[2], tiers);
        for step in steps {
            let span = (x.at(step.from_s as f64), x.at(step.to_s as f64));
            canvas.hit((span.0, NAME), (span.1, bottom), said(step, tiers));
        }
    })
}

fn said(step: &Step, tiers: &[TierRow]) -> String {
    let it = &step.figures;
    let us = |us: Option<u64>| us.map_or_else(|| "n too small".to_owned(), |us| show_us(us as f64));
    let busy: Vec<String> = tiers
        .iter()
        .filter_map(|tier| Some(format!("{} {}", tier.name, show_ratio(it.utilisation[tier.place]?))))
        .collect();
    format!(
        "{} · offered {}/s · not in time {} · p50 {} · p95 {} · p99 {} · {}",
        step.at,
        show_number(it.offered_per_s),
        show_ratio(it.lost_ratio),
        us(it.p50.us),
        us(it.p95.us),
        us(it.p99.us),
        busy.join(" · ")
    )
}

impl Sheet<'_> {
    fn rates(&self, canvas: &mut Canvas<'_>, edges: (f64, f64)) {
        let offered = |step: &Step| Some(step.figures.offered_per_s);
        let answered = |step: &Step| Some(step.figures.answered_per_s);
        let high = self.steps.iter().filter_map(offered).fold(1.0, f64::max);
        let ticks: Vec<_> =
            round_ticks(high, 3).into_iter().map(|tick| (tick, format!("{}/s", show_number(tick)))).collect();
        let panel = panel(canvas, self.form.width(), edges, "requests", &ticks, false);
        self.lines(
            canvas,
            &panel,
            &[("offered", Ink::E, 4.5, &offered), ("in time", Ink::A, 2.0, &answered)],
        );
    }

    fn times(&self, canvas: &mut Canvas<'_>, edges: (f64, f64)) {
        let us = |us: Option<u64>| us.map(|us| us.max(1) as f64);
        let p50 = |step: &Step| us(step.figures.p50.us);
        let p95 = |step: &Step| us(step.figures.p95.us);
        let p99 = |step: &Step| us(step.figures.p99.us);
        let ends = |step: &Step| {
            let interval = step.figures.p99.interval?;
            Some((interval.low?.max(1.0), interval.high?))
        };
        let seen = self.steps.iter().flat_map(|step| {
            let band = ends(step).map_or([None, None], |(low, high)| [Some(low), Some(high)]);
            [p50(step), p95(step), p99(step)].into_iter().chain(band)
        });
        let (low, high) =
            seen.flatten().fold((f64::INFINITY, 1.0_f64), |(low, high), us| (low.min(us), high.max(us)));
        let low = if low.is_finite() { low } else { 1.0 };
        let panel =
            panel(canvas, self.form.width(), edges, "response time, log", &log_ticks(low, high), true);
        for piece in self.steps.chunk_by(|a, b| ends(a).is_some() && ends(b).is_some()) {
            let edge = |upper: bool| {
                piece.iter().filter_map(move |step| {
                    let (low, high) = ends(step)?;
                    Some((self.middle(step), panel.y.at(if upper { high } else { low })))
                })
            };
            let area: Vec<(f64, f64)> =
                edge(true).chain(edge(false).collect::<Vec<_>>().into_iter().rev()).collect();
            if area.len() > 2 {
                canvas.area(&area, Ink::Band);
            }
        }
        self.lines(
            canvas,
            &panel,
            &[("p50", Ink::D, 2.0, &p50), ("p95", Ink::A, 2.0, &p95), ("p99", Ink::C, 2.0, &p99)],
        );
    }

    fn busy(&self, canvas: &mut Canvas<'_>, edges: (f64, f64), tiers: &[TierRow]) {
        let ticks: Vec<_> = [0.0, 0.5, 1.0].map(|tick| (tick, show_ratio(tick))).into();
        let panel = panel(canvas, self.form.width(), edges, "workers busy", &ticks, false);
        let values: Vec<_> = tiers
            .iter()
            .map(|tier| (tier, move |step: &Step| step.figures.utilisation[tier.place].map(|it| it.min(1.0))))
            .collect();
        let lines: Vec<(&str, Ink, f64, Value<'_>)> = values
            .iter()
            .map(|(tier, value)| (short(tier.name), TIERS[tier.place], 2.0, value as Value<'_>))
            .collect();
        self.lines(canvas, &panel, &lines);
    }

    fn middle(&self, step: &Step) -> f64 {
        self.x.at(f64::midpoint(step.from_s as f64, step.to_s as f64))
    }

    fn lines(&self, canvas: &mut Canvas<'_>, panel: &Panel, lines: &[(&str, Ink, f64, Value<'_>)]) {
        let mut ends = Vec::new();
        for (name, ink, thickness, value) in lines {
            for piece in self.steps.chunk_by(|a, b| value(a).is_some() && value(b).is_some()) {
                let points: Vec<(f64, f64)> = piece
                    .iter()
                    .filter_map(|step| Some((self.middle(step), panel.y.at(value(step)?))))
                    .collect();
                match points.as_slice() {
                    [] => {}
                    [one] => canvas.dot(*one, 3.5, *ink),
                    more => canvas.line(more, *ink, *thickness),
                }
            }
            if let Some(end) = self.steps.iter().rev().find_map(value) {
                ends.push((panel.y.at(end), *name, *ink));
            }
        }
        names(canvas, panel, ends);
    }
}

/// A tier's name where there is little room.
fn short(name: &str) -> &str {
    if name == "load balancer" { "balancer" } else { name }
}
