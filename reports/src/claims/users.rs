use record::{Capacity, Model, Verdict, capacity::AnswerKind};

use super::{measure::Figure, source::Source};
use crate::report::Interval;

/// How many users at once a source shows to be within its budgets: between the users of the highest rate that holds and of the
/// lowest that does not; of runs of the closed model, at least so many, or fewer.
pub fn users(source: &Source) -> Option<Figure> {
    match source {
        Source::Search(_, found) => of_search(found),
        Source::Runs(runs) => {
            let mut interval = Interval { low: None, high: None };
            let mut n = 0;
            for run in &runs.runs {
                let (users, judged) = (run.summary.peak_users as f64, &run.judgement);
                // Without a budget there is nothing that so many users could have kept.
                if run.record.run.model != Model::Closed || judged.budgets.is_empty() {
                    return None;
                }
                match judged.verdict {
                    Verdict::Pass => {
                        interval.low = Some(interval.low.map_or(users, |low: f64| low.max(users)));
                    }
                    Verdict::Missed => {
                        interval.high = Some(interval.high.map_or(users, |high: f64| high.min(users)));
                    }
                    _ => return None,
                }
                n += run.summary.completed + run.summary.failed;
            }
            // The same load held once and broke once: it is neither.
            if interval.low.is_some() && interval.high.is_some() {
                return None;
            }
            Some(Figure { value: None, interval, n, of: "requests" })
        }
    }
}

fn of_search(found: &Capacity) -> Option<Figure> {
    let answer = &found.answer;
    let n = found.rates.iter().map(|rate| rate.response.n).sum();
    let low = answer.users?;
    let high = match answer.kind {
        AnswerKind::Found => Some(low * answer.high_per_s? / answer.low_per_s?),
        AnswerKind::AtLeast => None,
        AnswerKind::None | AnswerKind::Unfinished => return None,
    };
    Some(Figure {
        value: high.map(|high| f64::midpoint(low, high)),
        interval: Interval { low: Some(low), high },
        n,
        of: "answers",
    })
}
