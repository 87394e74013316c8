use record::unit::{show_number, show_us};

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

/// How late the generator was over the run: start lag, and its own timer.
pub fn lag(report: &Report) -> Figure {
    let about = "The worst second's 99th percentile of start lag and the worst lateness of the generator's timer over the \
                 run, on a logarithmic axis, with the bound above which the run is invalid.";
    let words = Words { id: "lag", title: "How late the generator was", about };
    both(Form::Half, |form| {
        let (edges, height) = Time::stack(&[150.0]);
        draw(&words, form.class(), form.width(), height, |canvas| {
            let time = Time::new(report, form);
            time.ground(canvas, edges[0].1);
            let lag = |bin: &Bin| bin.lag_p99_us.map(|us| us.max(1) as f64);
            let slip = |bin: &Bin| Some(bin.timer_slip_us.max(1) as f64);
            let lines = [
                Line { name: "timer", ink: Ink::E, thickness: 1.5, value: &slip },
                Line { name: "lag p99", ink: Ink::A, thickness: 2.0, value: &lag },
            ];
            let bound = report.generator.lag_bound_us;
            let bins = &report.timeline.bins;
            let seen = lines.iter().flat_map(|line| bins.iter().filter_map(|bin| (line.value)(bin)));
            let (low, high) =
                seen.fold((bound, bound), |(low, high), value| (low.min(value), high.max(value)));
            let ticks = log_ticks(low, high);
            let panel = panel(canvas, form.width(), edges[0], "lateness, log", &ticks, true);
            time.lines(canvas, &panel, &lines);
            axes::limits(
                canvas,
                &panel,
                &[Limit { value: bound, name: format!("invalid above {}", show_us(bound)), lower: false }],
            );
            time.hits(canvas, edges[0].1, &|bin| {
                let lag = bin.lag_p99_us.map_or_else(|| "none".to_owned(), |us| show_us(us as f64));
                format!("start lag p99 {lag} · timer {}", show_us(bin.timer_slip_us as f64))
            });
        })
    })
}

/// The processor the generator used and waited for over the run.
pub fn cpu(report: &Report) -> Figure {
    let about = "Cores that the generator used, and cores that its threads were ready to use but were not given, over the \
                 run, up to the cores it has.";
    let words = Words { id: "cpu", title: "What processor it used", about };
    both(Form::Half, |form| {
        let (edges, height) = Time::stack(&[150.0]);
        draw(&words, form.class(), form.width(), height, |canvas| {
            let time = Time::new(report, form);
            time.ground(canvas, edges[0].1);
            let used = |bin: &Bin| Some(bin.cpu_cores);
            let waited = |bin: &Bin| Some(bin.cpu_wait);
            let lines = [
                Line { name: "waited", ink: Ink::B, thickness: 2.0, value: &waited },
                Line { name: "used", ink: Ink::A, thickness: 2.0, value: &used },
            ];
            let cores = report.generator.cores as f64;
            let panel = time.panel_from_zero(canvas, edges[0], "cores", &lines, cores.max(0.1), &show_number);
            time.lines(canvas, &panel, &lines);
            time.hits(canvas, edges[0].1, &|bin| {
                let (used, waited) = (show_number(bin.cpu_cores), show_us(bin.cpu_wait * 1e6));
                format!(
                    "used {used} cores · waited {waited} a second · memory {}",
                    crate::words::bytes(bin.memory_bytes)
                )
            });
        })
    })
}
