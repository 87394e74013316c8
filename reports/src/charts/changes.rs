use record::unit::show_ratio;

use super::{
    Figure, Form, Words, axes, both,
    canvas::{Anchor, Canvas, draw, text_width},
    scale::Scale,
    theme::Ink,
};
use crate::compare::{Change, Comparison, Row, Unit};

/// Height of a row.
const STEP: f64 = 24.0;
/// More of it on a phone, for the name above the line.
const NAMED: f64 = 14.0;
/// Room above the rows, for the axis.
const TOP: f64 = 34.0;
/// Rows that are drawn; the table holds all.
const MOST: usize = 20;
/// The most room for names beside the lines.
const NAME: f64 = 300.0;
/// Room for the verdicts.
const VERDICT: f64 = 70.0;

/// How much each figure changed since the baseline, with its interval, around no change. Nothing where no figure of both
/// has a size.
pub fn changes(found: &Comparison) -> Option<Figure> {
    let rows = changed(found);
    if rows.is_empty() {
        return None;
    }
    let about = "A line for each figure from the lower to the upper end of the interval of its relative change since the baseline, \
                 with a dot at the change itself; the upright line is no change, and the band around it is what does not count \
                 even if it is real.";
    let words = Words { id: "changes", title: "Change since the baseline", about };
    let ends = || {
        rows.iter().flat_map(|row| {
            let (low, high) = interval(row);
            [row.by, low, high].into_iter().flatten()
        })
    };
    let least = found.counts_from;
    // A band that only just fits leaves room to see what lies within it.
    let (low, high) = (ends().fold(-1.5 * least, f64::min), ends().fold(1.5 * least, f64::max));
    let ticks = ticks(low, high);
    let meant = [("what does not count", Ink::Shade)];
    Some(both(Form::Wide, |form| {
        let narrow = form == Form::Narrow;
        let room = if narrow { form.width() } else { NAME };
        let names: Vec<String> = rows.iter().map(|row| cut(row.name(), room)).collect();
        let longest = names.iter().map(|name| text_width(name)).fold(0.0, f64::max);
        let name = if narrow { 0.0 } else { longest + 12.0 };
        let step = if narrow { STEP + NAMED } else { STEP };
        let under = TOP + step * rows.len() as f64;
        let (left, right) = (name + 16.0, form.width() - VERDICT);
        let height = axes::legend(None, (left, right), under + 4.0, &meant);
        draw(&words, form.class(), form.width(), height, |canvas| {
            let x = Scale::linear(ticks[0], ticks[ticks.len() - 1], left, right);
            canvas.rectangle((x.at(-least), TOP - 8.0), (x.at(least), under), Ink::Shade);
            let widest = ticks.iter().map(|tick| text_width(&signed(*tick))).fold(0.0, f64::max);
            let every = ((widest + 10.0) / (x.at(ticks[1]) - x.at(ticks[0]))).ceil().max(1.0);
            for tick in &ticks {
                let (at, ink) = (x.at(*tick), if *tick == 0.0 { Ink::Axis } else { Ink::Grid });
                canvas.line(&[(at, TOP - 8.0), (at, under)], ink, 1.0);
                // Where there is not room for all names, no change has one, and every so many from there.
                if (tick / (ticks[1] - ticks[0])).round() % every == 0.0 {
                    canvas.text(&signed(*tick), (at, 12.0), Anchor::Middle, Ink::Tick);
                }
            }
            for (index, (row, named)) in rows.iter().zip(&names).enumerate() {
                let top = TOP + step * index as f64;
                let middle = top + STEP / 2.0 + if narrow { NAMED - 4.0 } else { 0.0 };
                if narrow {
                    canvas.text(named, (0.0, top + 6.0), Anchor::Start, Ink::Text);
                } else {
                    canvas.text(named, (name, middle), Anchor::End, Ink::Text);
                }
                line(canvas, row, &x, middle, form.width());
            }
            axes::legend(Some(canvas), (left, right), under + 4.0, &meant);
        })
    }))
}

/// Those that have a relative change: of all requests, then those of single requests that changed most, in their order.
pub fn changed(found: &Comparison) -> Vec<&Row> {
    let sized = |row: &&Row| row.unit != Unit::Ratio && row.by.is_some() && row.interval.is_some();
    let size = |row: &Row| row.by.unwrap_or(0.0).abs();
    let of_all = found.rows.iter().filter(sized).filter(|row| row.request.is_none()).count();
    let mut each: Vec<&Row> = found.rows.iter().filter(sized).filter(|row| row.request.is_some()).collect();
    each.sort_by(|a, b| size(b).total_cmp(&size(a)));
    each.truncate(MOST.saturating_sub(of_all));
    let kept = |row: &&Row| row.request.is_none() || each.iter().any(|other| std::ptr::eq(*other, *row));
    found.rows.iter().filter(sized).filter(kept).collect()
}

/// A name that fits into `room`; the text for the pointer has the whole.
fn cut(name: String, room: f64) -> String {
    if text_width(&name) <= room {
        return name;
    }
    let fits = (room / text_width("x")) as usize;
    name.chars().take(fits.saturating_sub(1)).collect::<String>() + "…"
}

fn interval(row: &Row) -> (Option<f64>, Option<f64>) {
    row.interval.map_or((None, None), |interval| (interval.low, interval.high))
}

fn line(canvas: &mut Canvas<'_>, row: &Row, x: &Scale, middle: f64, width: f64) {
    let (ink, verdict) = match row.change {
        Change::Worse => (Ink::B, "worse"),
        Change::Better => (Ink::Safe, "better"),
        Change::Same | Change::Undecided | Change::TooFew => (Ink::E, ""),
    };
    let (low, high) = interval(row);
    // An end that the sample cannot bound lies beyond the sheet.
    let (from, to) = (x.at(low.unwrap_or(f64::MIN)), x.at(high.unwrap_or(f64::MAX)));
    canvas.line(&[(from, middle), (to, middle)], ink, 2.5);
    canvas.dot((x.at(row.by.unwrap_or(0.0)), middle), 4.5, ink);
    if !verdict.is_empty() {
        canvas.text(verdict, (width - VERDICT + 10.0, middle), Anchor::Start, ink);
    }
    let (upper, lower) = (middle - STEP / 2.0, middle + STEP / 2.0);
    canvas.hit((0.0, upper), (width, lower), format!("{} {}", row.name(), row.change_text));
}

/// Round changes from at most `low` to at least `high`, with none among them.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|it| it * power).into_iter().find(|it| *it >= rough).unwrap_or(rough);
    ((low / step).floor() as i64..=(high / step).ceil() as i64).map(|at| at as f64 * step).collect()
}

fn signed(change: f64) -> String {
    if change < 0.0 {
        format!("−{}", show_ratio(-change))
    } else if change > 0.0 {
        format!("+{}", show_ratio(change))
    } else {
        "0".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn changes_are_named_with_their_sign_and_no_change_is_among_them() {
        let names = |low, high| ticks(low, high).into_iter().map(signed).collect::<Vec<_>>();
        assert_eq!(names(-0.07, 0.31), ["−10 %", "0", "+10 %", "+20 %", "+30 %", "+40 %"]);
    }

    proptest! {
        #[test]
        fn ticks_frame_every_change_and_are_few(low in -1.0f64..-0.001, high in 0.001f64..1e6) {
            let found = ticks(low, high);
            prop_assert!(found.len() >= 3 && found.len() <= 9, "{found:?}");
            let slack = 1e-9 * (high - low);
            prop_assert!(found[0] <= low + slack && found[found.len() - 1] >= high - slack, "{found:?}");
            prop_assert!(found.contains(&0.0), "{found:?}");
        }
    }
}
