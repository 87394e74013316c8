use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    Figure, Form, Words, axes, both,
    canvas::{Anchor, draw, text_width},
    scale::Scale,
    theme::Ink,
};
use crate::{cost::Part, plan::Plan};

const BAR: f64 = 26.0;
const STEP: f64 = 52.0;
/// Room for the names of the phases.
const LEFT: f64 = 58.0;

const fn ink(part: Part) -> Ink {
    match part {
        Part::Api => Ink::A,
        Part::Database => Ink::B,
        Part::Cache => Ink::C,
        Part::Network => Ink::D,
        Part::Other => Ink::E,
    }
}

/// What each phase's month is split into: bars of the same length, for the phases differ by orders of magnitude, with the
/// sum at their ends.
pub fn cost(plan: &Plan) -> Figure {
    let about = "A bar for each phase, split by the shares of its month's cost that go to the API, the database, the cache, \
                 the network and the rest, with the cost of the month at its end.";
    let words = Words { id: "cost", title: "What a month goes to", about };
    both(Form::Half, |form| {
        let widest = plan.phases.iter().map(|phase| text_width(&phase.monthly_text)).fold(0.0, f64::max);
        let right = form.width() - if form == Form::Narrow { 8.0 } else { widest + 18.0 };
        let step = if form == Form::Narrow { STEP + 12.0 } else { STEP };
        let parts = Part::ALL.map(|part| (part.name(), ink(part)));
        let under = step * plan.phases.len() as f64 + 8.0;
        let height = axes::legend(None, (LEFT, form.width()), under, &parts);
        draw(&words, form.class(), form.width(), height, |canvas| {
            axes::legend(Some(canvas), (LEFT, form.width()), under, &parts);
            let x = Scale::linear(0.0, 1.0, LEFT, right);
            for (index, phase) in plan.phases.iter().enumerate() {
                // On a phone the sum stands over its bar, beside it on a page.
                let over = if form == Form::Narrow { 16.0 } else { 0.0 };
                let top = index as f64 * step + 8.0 + over;
                let middle = top + BAR / 2.0;
                canvas.text(&phase.name, (LEFT - 10.0, middle), Anchor::End, Ink::Text);
                let at = if form == Form::Narrow { (LEFT, top - 9.0) } else { (right + 10.0, middle) };
                canvas.text(&phase.monthly_text, at, Anchor::Start, Ink::Text);
                let mut from = 0.0;
                for part in &phase.parts {
                    let share = share(part.cost, phase.mid);
                    let edges = (x.at(from), x.at(from + share));
                    if share > 0.0 {
                        canvas.rectangle((edges.0, top), (edges.1, top + BAR), ink(part.part));
                        let title = format!("{} · {} · {} a month", phase.name, part.part.name(), part.text);
                        canvas.hit((edges.0, top), (edges.1, top + BAR), title);
                    }
                    from += share;
                }
            }
        })
    })
}

/// A part of a whole, for drawing alone.
fn share(part: Decimal, whole: Decimal) -> f64 {
    part.checked_div(whole).and_then(|share| share.to_f64()).unwrap_or(0.0).clamp(0.0, 1.0)
}
