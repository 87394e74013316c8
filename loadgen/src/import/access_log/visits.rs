//! Visits as flows: users who come, ask for several things with pauses between them, and go.

use super::sessions::{LONGEST, Sessions};
use crate::import::journey::{Action, Flow, Pause, Stage, Step};

/// Lengths of visits that are told apart, requests: the first of each class.
const CLASSES: [usize; 7] = [1, 2, 3, 5, 10, 20, 50];

/// Flows of visits by their length, stages in visits instead of requests, and how long a visit keeps a user busy,
/// seconds. Requests a second stay what they were: visits come at that rate divided by their mean length.
pub fn visits(
    sessions: &mut Sessions,
    requests: Vec<(f64, Step)>,
    stages: Vec<Stage>,
    speed: f64,
) -> (Vec<Flow>, Vec<Stage>, f64) {
    // Most logs know whole seconds: pauses of 0 are shorter than one.
    let (median, p95) = sessions.pause_law().unwrap_or((1.0, 1.0));
    let median = (median.max(0.5) / speed).max(0.001);
    let p95 = (p95 / speed).max(median);
    let branches: Vec<(f64, Vec<Step>)> =
        requests.into_iter().map(|(weight, step)| (weight, vec![step])).collect();
    let (mut flows, mut mean, mut total) = (Vec::new(), 0.0, 0.0);
    for (index, first) in CLASSES.into_iter().enumerate() {
        let end = CLASSES.get(index + 1).copied().unwrap_or(LONGEST + 1);
        let class = sessions.lengths.iter().enumerate().take(end - 1).skip(first - 1);
        let (count, sum) = class.fold((0_u64, 0_u64), |(count, sum), (at, visits)| {
            (count + visits, sum + visits * (at as u64 + 1))
        });
        if count == 0 {
            continue;
        }
        // Evenly from the class's first length to one that gives the class its mean.
        let last = ((2.0 * sum as f64 / count as f64).round() as usize).saturating_sub(first).max(first);
        let (times, name) = match last {
            1 => ("1".to_owned(), "a visit of one request".to_owned()),
            last if last == first => (first.to_string(), format!("a visit of {first} requests")),
            last => (format!("${{int({first},{last})}}"), format!("a visit of {first} to {last} requests")),
        };
        let choose = Step {
            comment: String::new(),
            action: Action::Choose { branches: branches.clone(), again: !flows.is_empty() },
        };
        let pause = Step { comment: String::new(), action: Action::Think(Pause::LogNormal(median, p95)) };
        let steps = if last == 1 {
            vec![choose]
        } else {
            vec![Step { comment: String::new(), action: Action::Loop(times, vec![choose, pause]) }]
        };
        let length = (first + last) as f64 / 2.0;
        mean += length * count as f64;
        total += count as f64;
        flows.push(Flow { name, weight: Some(count as f64), steps, ..Flow::default() });
    }
    let mean = mean / f64::max(total, 1.0);
    let stages = stages.into_iter().map(|stage| Stage { rate: stage.rate / mean, ..stage }).collect();
    (flows, stages, 10.0 + mean * (median + p95))
}
