use record::{
    Model,
    unit::{show_count, show_number},
};

use super::{
    Figure, Form, Words, both,
    canvas::draw,
    theme::Ink,
    time::{Line, Time},
};
use crate::report::{Bin, Report};

/// What was offered, begun, answered, failed and dropped, and how many requests were in flight, over the run.
pub fn traffic(report: &Report) -> Figure {
    let about = "Three panels over the run: requests answered and failed per second; iterations offered, begun and dropped \
                 per second; and requests in flight, with the users of a closed model.";
    let words = Words { id: "traffic", title: "Throughput and errors over the run", about };
    let rate = |value: f64| format!("{}/s", show_number(value));
    both(Form::Wide, |form| {
        let (edges, height) = Time::stack(&[150.0, 80.0, 80.0]);
        draw(&words, form.class(), form.width(), height, |canvas| {
            let time = Time::new(report, form);
            let bottom = edges[2].1;
            time.ground(canvas, bottom);
            let failed_at_all = report.timeline.bins.iter().any(|bin| bin.failed_per_s > 0.0);
            let dropped_at_all = report.timeline.bins.iter().any(|bin| bin.dropped_per_s > 0.0);
            let answered = |bin: &Bin| Some(bin.completed_per_s);
            let failed = |bin: &Bin| failed_at_all.then_some(bin.failed_per_s);
            let requests = [
                Line { name: "answered", ink: Ink::A, thickness: 2.0, value: &answered },
                Line { name: "failed", ink: Ink::B, thickness: 2.0, value: &failed },
            ];
            let panel = time.panel_from_zero(canvas, edges[0], "requests", &requests, 1.0, &rate);
            time.lines(canvas, &panel, &requests);

            let offered = |bin: &Bin| Some(bin.offered_per_s);
            let begun = |bin: &Bin| Some(bin.started_per_s);
            let dropped = |bin: &Bin| dropped_at_all.then_some(bin.dropped_per_s);
            let iterations = [
                Line { name: "offered", ink: Ink::E, thickness: 4.5, value: &offered },
                Line { name: "begun", ink: Ink::A, thickness: 1.5, value: &begun },
                Line { name: "dropped", ink: Ink::B, thickness: 2.0, value: &dropped },
            ];
            let panel = time.panel_from_zero(canvas, edges[1], "iterations", &iterations, 1.0, &rate);
            time.lines(canvas, &panel, &iterations);

            // In an open model the users are only the most that could be in flight.
            let closed = report.setting.model == Model::Closed;
            let users = |bin: &Bin| closed.then_some(bin.users as f64);
            let in_flight = |bin: &Bin| Some(bin.in_flight as f64);
            let held = [
                Line { name: "users", ink: Ink::D, thickness: 2.0, value: &users },
                Line { name: "in flight", ink: Ink::A, thickness: 2.0, value: &in_flight },
            ];
            let name = if closed { "users, and requests in flight" } else { "requests in flight" };
            let panel = time.panel_from_zero(canvas, edges[2], name, &held, 2.0, &show_number);
            time.lines(canvas, &panel, &held);
            time.hits(canvas, bottom, &|bin| {
                format!(
                    "answered {} · failed {} · offered {} · begun {} · dropped {} · in flight {}",
                    rate(bin.completed_per_s),
                    rate(bin.failed_per_s),
                    rate(bin.offered_per_s),
                    rate(bin.started_per_s),
                    rate(bin.dropped_per_s),
                    show_count(bin.in_flight as i64)
                )
            });
        })
    })
}
