use record::{Metric, unit::show_us};

use super::{
    Figure, Form, Words,
    axes::{self, Limit, panel},
    both,
    canvas::draw,
    scale::log_ticks,
    theme::Ink,
    time::{Line, Time},
};
use crate::report::{Bin, Report};

/// Response time over the run: p50, p95 and p99 of each bin with the budgets that are set for them.
pub fn latency(report: &Report) -> Figure {
    let about = "Median, 95th and 99th percentile of response time over the run on a logarithmic axis, with the stages of \
                 the load, the warm-up shaded and the budgets dotted.";
    let words = Words { id: "latency", title: "Response time over the run", about };
    both(Form::Wide, |form| {
        let (edges, height) = Time::stack(&[if form == Form::Narrow { 200.0 } else { 240.0 }]);
        draw(&words, form.class(), form.width(), height, |canvas| {
            let time = Time::new(report, form);
            time.ground(canvas, edges[0].1);
            let at = |quantile: fn(&Bin) -> Option<u64>| move |bin: &Bin| quantile(bin).map(|us| us as f64);
            let (p50, p95, p99) =
                (at(|bin| bin.response.p50_us), at(|bin| bin.response.p95_us), at(|bin| bin.response.p99_us));
            let lines = [
                Line { name: "p50", ink: Ink::D, thickness: 2.0, value: &p50 },
                Line { name: "p95", ink: Ink::A, thickness: 2.0, value: &p95 },
                Line { name: "p99", ink: Ink::C, thickness: 2.0, value: &p99 },
            ];
            let bins = &report.timeline.bins;
            let seen = lines.iter().flat_map(|line| bins.iter().filter_map(|bin| (line.value)(bin)));
            let limits: Vec<_> = limits(report, form).collect();
            let (low, high) = seen
                .chain(limits.iter().map(|limit| limit.value))
                .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
            let low = if low.is_finite() { low } else { 1_000.0 };
            let panel =
                panel(canvas, form.width(), edges[0], "response time, log", &log_ticks(low, high), true);
            time.lines(canvas, &panel, &lines);
            axes::limits(canvas, &panel, &limits);
            time.hits(canvas, edges[0].1, &|bin| {
                let show =
                    |us: Option<u64>| us.map_or_else(|| "n too small".to_owned(), |us| show_us(us as f64));
                let response = &bin.response;
                format!(
                    "p50 {} · p95 {} · p99 {} · n {}",
                    show(response.p50_us),
                    show(response.p95_us),
                    show(response.p99_us),
                    record::unit::show_count(response.n as i64)
                )
            });
        })
    })
}

/// The budgets of all requests together for the percentiles drawn.
pub fn limits(report: &Report, form: Form) -> impl Iterator<Item = Limit> + '_ {
    let overall = report.budgets.iter().filter(|row| row.budget.request.is_none());
    overall.filter_map(move |row| match row.budget.metric {
        Metric::Response(quantile) if [0.5, 0.95, 0.99].contains(&quantile) => {
            Some(Limit { value: row.budget.limit, name: form.budget(&row.text), lower: false })
        }
        _ => None,
    })
}
