use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    Figure, Form, Words, axes, both,
    canvas::{Anchor, draw, text_width},
    scale::Scale,
    theme::Ink,
};
use crate::plan::{PhasePlan, Plan};

const STEP: f64 = 34.0;
const BAR: f64 = 16.0;
/// Bars that are drawn; the table holds all.
const MOST: usize = 10;

/// What moves the cost of the phase that the answer speaks of: a bar an input from the cost at its lowest to the cost at
/// its highest value, the longest first. Nothing where nothing moves it.
pub fn tornado(plan: &Plan) -> Option<Figure> {
    let phase = plan.phases.get(plan.next)?;
    let number = |money: Decimal| money.to_f64().unwrap_or(0.0);
    let bars: Vec<_> = phase.tornado.iter().take(MOST).collect();
    if bars.is_empty() {
        return None;
    }
    let about = "A bar for each input from the cost of a month at its lowest to the cost at its highest value, the others as \
                 planned; the longest first.";
    let words = Words { id: "tornado", title: "What moves the cost", about };
    let ends = || bars.iter().flat_map(|bar| [number(bar.at_low), number(bar.at_high)]);
    let mid = number(phase.mid);
    let (low, high) = (ends().fold(mid, f64::min), ends().fold(mid, f64::max));
    Some(both(Form::Wide, |form| {
        let narrow = form == Form::Narrow;
        let name = if narrow { 0.0 } else { 190.0 };
        let value = bars
            .iter()
            .flat_map(|bar| [text_width(&bar.low_text), text_width(&bar.high_text)])
            .fold(40.0, f64::max)
            + 10.0;
        let step = if narrow { STEP + 12.0 } else { STEP };
        let top = 34.0;
        let under = top + step * bars.len() as f64;
        let meant = [("at the input's lowest value", Ink::D), ("at its highest", Ink::A)];
        let height = axes::legend(None, (name, form.width()), under, &meant);
        draw(&words, form.class(), form.width(), height, |canvas| {
            axes::legend(Some(canvas), (name, form.width()), under, &meant);
            let x = Scale::linear(low, high, name + value, form.width() - value);
            let middle = x.at(mid);
            canvas.line(
                &[(middle, top - 12.0), (middle, top + step * bars.len() as f64 - 8.0)],
                Ink::Axis,
                1.0,
            );
            let label = format!("planned: {}", phase.monthly_text);
            let half = text_width(&label) / 2.0;
            canvas.text(&label, (middle.clamp(half, form.width() - half), 10.0), Anchor::Middle, Ink::Text);
            for (index, bar) in bars.iter().enumerate() {
                let at = top + index as f64 * step + if narrow { 14.0 } else { 0.0 };
                let centre = at + BAR / 2.0;
                if narrow {
                    canvas.text(bar.label, (0.0, at - 8.0), Anchor::Start, Ink::Text);
                } else {
                    canvas.text(bar.label, (name - 6.0, centre), Anchor::End, Ink::Text);
                }
                ends_of(canvas, phase, bar, &x, (at, middle));
            }
        })
    }))
}

/// Both halves of a bar with the values of the input at their ends.
fn ends_of(
    canvas: &mut super::canvas::Canvas<'_>,
    phase: &PhasePlan,
    bar: &crate::plan::Bar,
    x: &Scale,
    (top, middle): (f64, f64),
) {
    let number = |money: Decimal| money.to_f64().unwrap_or(0.0);
    let centre = top + BAR / 2.0;
    let halves = [
        (bar.at_low, &bar.low_text, &bar.at_low_text, Ink::D),
        (bar.at_high, &bar.high_text, &bar.at_high_text, Ink::A),
    ];
    for (cost, text, cost_text, ink) in halves {
        let end = x.at(number(cost));
        let (from, to) = (end.min(middle), end.max(middle));
        if to - from >= 0.5 {
            canvas.rectangle((from, top), (to, top + BAR), ink);
        }
        // Where both ends lie on one side, the nearer has no room for its text.
        let other = if cost == bar.at_low { bar.at_high } else { bar.at_low };
        let same_side = (cost > phase.mid) == (other > phase.mid) && other != phase.mid && cost != phase.mid;
        let nearer = (number(cost) - number(phase.mid)).abs() < (number(other) - number(phase.mid)).abs();
        if !(same_side && nearer) {
            let left = cost < phase.mid || (cost == phase.mid && other > phase.mid);
            let (at, anchor) = if left { (from - 6.0, Anchor::End) } else { (to + 6.0, Anchor::Start) };
            canvas.text(text, (at, centre), anchor, Ink::Mute);
        }
        let title = format!("{} at {text}: {cost_text} a month", bar.label);
        canvas.hit((from - 2.0, top - 3.0), (to + 2.0, top + BAR + 3.0), title);
    }
}
