use record::unit::{show_number, show_us};

use super::{
    Figure, Form, Words,
    axes::{self, LEFT, NAME, RIGHT, across, names, panel},
    both,
    canvas::{Anchor, draw, text_width},
    scale::{Scale, log_ticks, round_ticks},
    theme::Ink,
};
use crate::plan::{Load, Percentile, Plan};

/// A percentile's name, colour, and where a load keeps it.
type Course = (&'static str, Ink, fn(&Load) -> &Percentile);

const COURSES: [Course; 3] =
    [("p50", Ink::D, |load| &load.p50), ("p95", Ink::A, |load| &load.p95), ("p99", Ink::C, |load| &load.p99)];

/// Latency against throughput: the three percentiles of each load with their intervals, the limits and the safe rate.
/// Nothing where no load has a median.
pub fn hockey(plan: &Plan) -> Option<Figure> {
    let loads = || plan.loads.iter();
    loads().find(|load| load.p50.us.is_some())?;
    let about = "Median, 95th and 99th percentile of response time on a logarithmic axis against requests answered a second, \
                 with 95 % intervals, the budgets dotted and the safe rate in green.";
    let words = Words { id: "hockey", title: "Latency against throughput", about };
    let ends = |it: &Percentile| {
        let interval = it.interval;
        let low = interval.and_then(|it| it.low).or(it.us);
        (low, interval.and_then(|it| it.high).or(it.us))
    };
    let all = || loads().flat_map(|load| COURSES.map(|(_, _, of)| ends(of(load))));
    let low = all().filter_map(|it| it.0).fold(f64::INFINITY, f64::min);
    let limits = || plan.limits.iter().map(|limit| limit.us);
    let high = all().filter_map(|it| it.1).chain(limits()).fold(low, f64::max);
    let most = loads().map(|load| load.throughput_per_s).fold(plan.safe.rate_per_s, f64::max);
    Some(both(Form::Half, |form| {
        let (top, bottom) = (NAME + 14.0, NAME + 14.0 + 230.0);
        draw(&words, form.class(), form.width(), bottom + 40.0, |canvas| {
            let panel =
                panel(canvas, form.width(), (top, bottom), "response time, log", &log_ticks(low, high), true);
            let ticks = round_ticks(most * 1.02, if form == Form::Narrow { 3 } else { 5 });
            let x = Scale::linear(0.0, ticks[ticks.len() - 1], LEFT, form.width() - RIGHT);
            let ticks: Vec<_> = ticks.into_iter().map(|tick| (tick, show_number(tick))).collect();
            across(canvas, &panel, &x, &ticks, "requests answered a second");
            let safe = x.at(plan.safe.rate_per_s);
            canvas.line(&[(safe, top), (safe, bottom)], Ink::Safe, 2.0);
            let label = format!("safe {}", plan.safe.rate_text);
            let half = text_width(&label) / 2.0;
            canvas.text(
                &label,
                (safe.clamp(LEFT + half, form.width() - half), top - 9.0),
                Anchor::Middle,
                Ink::Safe,
            );
            let mut labels = Vec::new();
            for (name, ink, of) in COURSES {
                let at = |load: &Load| Some((x.at(load.throughput_per_s), panel.y.at(of(load).us?)));
                let line: Vec<_> = loads().filter_map(at).collect();
                if line.len() > 1 {
                    canvas.line(&line, ink, 2.0);
                }
                for load in loads() {
                    let (Some(at), (Some(low), Some(high))) = (at(load), ends(of(load))) else { continue };
                    canvas.line(&[(at.0, panel.y.at(low)), (at.0, panel.y.at(high))], ink, 1.5);
                    canvas.dot(at, 3.5, ink);
                }
                labels.extend(line.last().map(|end| (end.1, name, ink)));
            }
            let drawn: Vec<_> = plan
                .limits
                .iter()
                .filter(|limit| [0.5, 0.95, 0.99].contains(&limit.quantile))
                .map(|limit| axes::Limit { value: limit.us, name: form.budget(&limit.text), lower: false })
                .collect();
            axes::limits(canvas, &panel, &drawn);
            names(canvas, &panel, labels);
            for load in loads() {
                let at = x.at(load.throughput_per_s);
                canvas.hit((at - 9.0, top), (at + 9.0, bottom), describe(load));
            }
        })
    }))
}

fn describe(load: &Load) -> String {
    let shown = COURSES.map(|(name, _, of)| {
        format!("{name} {}", of(load).us.map_or_else(|| "n too small".to_owned(), show_us))
    });
    format!(
        "{}/s · {} · n {}",
        show_number(load.throughput_per_s),
        shown.join(" · "),
        record::unit::show_count(load.n as i64)
    )
}
