use record::unit::show_count;
use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    Figure, Form, Words,
    axes::{NAME, across, panel},
    both,
    canvas::{Anchor, draw, text_width},
    scale::Scale,
    theme::Ink,
};
use crate::{cost::money, plan::Plan};

/// What 1,000 users cost a month, by users, both axes logarithmic: falling says that more is cheaper. Nothing where no
/// phase costs anything.
pub fn per_user(plan: &Plan) -> Option<Figure> {
    let number = |money: Decimal| money.to_f64().unwrap_or(0.0);
    let rows: Vec<_> = plan
        .phases
        .iter()
        .filter(|phase| phase.mid > Decimal::ZERO)
        .map(|phase| {
            let of = |money: Decimal| number(money) / phase.users * 1000.0;
            // A floor of nothing has no place on this axis.
            (phase, of(phase.low).max(of(phase.mid) / 100.0), of(phase.mid), of(phase.high))
        })
        .collect();
    let first = rows.first()?;
    let about = "The cost of a month of 1,000 users against users, both axes logarithmic, with the range that it is \
                 expected in as a bar.";
    let words = Words { id: "per-user", title: "Cost of 1,000 users", about };
    let low = rows.iter().map(|row| row.1).fold(first.1, f64::min);
    let high = rows.iter().map(|row| row.3).fold(first.3, f64::max);
    Some(both(Form::Half, |form| {
        let (top, bottom) = (NAME, NAME + 210.0);
        draw(&words, form.class(), form.width(), bottom + 40.0, |canvas| {
            let ticks: Vec<_> =
                powers(low, high).into_iter().map(|tick| (tick, tick_text(plan, tick))).collect();
            let panel =
                panel(canvas, form.width(), (top, bottom), "a month for 1,000 users, log", &ticks, true);
            let (least, most) = (rows[0].0.users, rows[rows.len() - 1].0.users);
            let pad = 1.8;
            let x = Scale::log(least / pad, most * pad, panel.left, panel.right);
            let across_ticks: Vec<_> =
                rows.iter().map(|row| (row.0.users, show_count(row.0.users.round() as i64))).collect();
            across(canvas, &panel, &x, &across_ticks, "users at once, log");
            let at = |row: &(_, f64, f64, f64), users: f64| (x.at(users), panel.y.at(row.2));
            let line: Vec<_> = rows.iter().map(|row| (x.at(row.0.users), panel.y.at(row.2))).collect();
            if line.len() > 1 {
                canvas.line(&line, Ink::A, 2.0);
            }
            for row in &rows {
                let (phase, low, _, high) = row;
                let here = at(&(row.0, row.1, row.2, row.3), phase.users);
                canvas.line(&[(here.0, panel.y.at(*low)), (here.0, panel.y.at(*high))], Ink::A, 1.5);
                canvas.dot(here, 4.5, Ink::A);
                let text = phase.per_1000_users_text.trim_start_matches("at least ");
                let right = here.0 + 9.0 + text_width(text) < form.width();
                let (beside, anchor) = if right { (9.0, Anchor::Start) } else { (-9.0, Anchor::End) };
                canvas.text(text, (here.0 + beside, here.1 - 10.0), anchor, Ink::A);
                let title =
                    format!("{} users · {} a month for 1,000", phase.users_text, phase.per_1000_users_text);
                canvas.hit((here.0 - 12.0, top), (here.0 + 12.0, bottom), title);
            }
        })
    }))
}

/// 1 and 3 times powers of ten that frame `low..high`.
fn powers(low: f64, high: f64) -> Vec<f64> {
    let all: Vec<f64> = (-4..12).flat_map(|power| [1.0, 3.0].map(|step| step * 10_f64.powi(power))).collect();
    let first = all.iter().rposition(|tick| *tick <= low).unwrap_or(0);
    let last = all.iter().position(|tick| *tick >= high).unwrap_or(all.len() - 1).max(first + 1);
    all[first..=last].to_vec()
}

fn tick_text(plan: &Plan, tick: f64) -> String {
    let text = money(crate::cost::amount(tick), &plan.prices.currency);
    text.trim_end_matches(".00").to_owned()
}
