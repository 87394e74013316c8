//! The table of requests, with the budget of each.

use std::collections::BTreeMap;

use ratatui::text::{Line, Span};
use record::{
    BudgetResult, Metric, Outcome, RequestSummary,
    unit::{show_count, show_number, show_us},
};

use super::{
    figures::{NONE, clock, is_at_risk},
    paint::{Paint, cut, pad, width as columns},
};

/// What the table shows.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// In the order of the rows.
    pub requests: Vec<&'a RequestSummary>,
    /// All budgets of the run; those of a request stand in its row.
    pub budgets: &'a [BudgetResult],
    /// The second at which a budget was first missed, by its index.
    pub missed_at: &'a BTreeMap<usize, u64>,
}

/// The parts that fit. Each number takes its column with the blank before it.
struct Columns {
    name: usize,
    rate: bool,
    /// p50 and p99 beside p95.
    percentiles: bool,
    budget: usize,
}

const RATE: usize = 9;
const PERCENTILE: usize = 7;
const ERRORS: usize = 8;
const GAP: usize = 3;
const BUDGET: usize = 24;
const MARK: usize = 9;

impl Columns {
    fn fit(width: usize, longest: usize, budgets: bool) -> Self {
        let budget = |columns: usize| if budgets { GAP + columns } else { 0 };
        let full = 1 + RATE + 3 * PERCENTILE + ERRORS;
        let slim = 1 + PERCENTILE + ERRORS;
        // Below these the names would be cut beyond recognition.
        let options =
            [(true, full, BUDGET, 11), (true, full, MARK, 11), (false, slim, MARK, 8), (false, slim, 1, 0)];
        let fits = |(_, fixed, columns, name): &(bool, usize, usize, usize)| {
            fixed + budget(*columns) + name <= width
        };
        let (all, fixed, columns, _) = options.into_iter().find(fits).unwrap_or(options[3]);
        let name = width.saturating_sub(fixed + budget(columns)).min(longest).max(7);
        Self { name, rate: all, percentiles: all, budget: if budgets { columns } else { 0 } }
    }
}

impl Table<'_> {
    /// The heading and at most `room - 1` rows. Where not all fit, the requests that miss their budget are among the
    /// shown, and the last row says how many are not.
    pub fn lines(&self, width: usize, room: usize, paint: Paint) -> Vec<Line<'static>> {
        if self.requests.is_empty() || room < 2 {
            return Vec::new();
        }
        let longest = self.requests.iter().map(|request| columns(&request.name)).max().unwrap_or(0);
        let layout = Columns::fit(width, longest, !self.budgets.is_empty());
        let shown = self.shown(room - 1);
        let mut lines = vec![heading(&layout, paint)];
        lines.extend(shown.iter().map(|request| self.row(request, &layout, paint)));
        let hidden = self.requests.len() - shown.len();
        if hidden > 0 {
            lines.push(Line::styled(format!(" ⋮ {hidden} more"), paint.quiet()));
        }
        lines
    }

    fn shown(&self, room: usize) -> Vec<&RequestSummary> {
        let mut places: Vec<usize> = (0..self.requests.len()).collect();
        if places.len() > room {
            let missed = |at: &usize| {
                let worst = self.worst(&self.requests[*at].name);
                worst.is_some_and(|(_, result)| result.outcome == Outcome::Missed)
            };
            places.sort_by_key(|at| !missed(at));
            places.truncate(room.saturating_sub(1));
            places.sort_unstable();
        }
        places.into_iter().map(|at| self.requests[at]).collect()
    }

    fn row(&self, request: &RequestSummary, layout: &Columns, paint: Paint) -> Line<'static> {
        let latency = &request.response;
        let mut line = Line::from(format!(" {}", cut(&request.name, layout.name)));
        pad(&mut line, layout.name + 1, 0);
        let mut text = String::new();
        if layout.rate {
            text += &format!("{:>RATE$}", format!("{}/s", show_number(request.throughput_per_s)));
        }
        if layout.percentiles {
            text += &format!("{:>PERCENTILE$}", show_ms(latency.p50_us));
        }
        text += &format!("{:>PERCENTILE$}", show_ms(latency.p95_us));
        if layout.percentiles {
            text += &format!("{:>PERCENTILE$}", show_ms(latency.p99_us));
        }
        line.push_span(Span::raw(text));
        let errors = format!("{:>ERRORS$}", show_count(request.failed as i64));
        line.push_span(Span::styled(errors, if request.failed > 0 { paint.bad() } else { paint.quiet() }));
        if let Some((index, result)) = self.worst(&request.name).filter(|_| layout.budget > 0) {
            pad(&mut line, 0, GAP);
            self.budget(&mut line, index, result, layout.budget, paint);
        }
        line
    }

    fn budget(
        &self,
        line: &mut Line<'static>,
        index: usize,
        result: &BudgetResult,
        room: usize,
        paint: Paint,
    ) {
        let (mark, style) = match result.outcome {
            Outcome::Met => ("✔", paint.good()),
            Outcome::Missed => ("✘", paint.bad()),
            Outcome::TooFew | Outcome::NoData => ("?", paint.quiet()),
        };
        let since = self.missed_at.get(&index).filter(|_| result.outcome == Outcome::Missed);
        let mark = match since {
            Some(second) if room >= MARK => format!("{mark} at {}", clock(*second)),
            _ => mark.to_owned(),
        };
        if room > MARK {
            // Marks stand below each other.
            let text_room = room - MARK - 1;
            let begin = line.width();
            line.push_span(Span::raw(cut(&words(result), text_room)));
            pad(line, begin + text_room + 1, 1);
        }
        line.push_span(Span::styled(mark, style));
    }

    /// The budget of a request that is furthest from being kept.
    fn worst(&self, request: &str) -> Option<(usize, &BudgetResult)> {
        let own = self.budgets.iter().enumerate();
        let own = own.filter(|(_, result)| result.budget.request.as_deref() == Some(request));
        own.min_by_key(|(_, result)| match result.outcome {
            Outcome::Missed => 0,
            Outcome::Met if is_at_risk(result) => 1,
            Outcome::TooFew | Outcome::NoData => 2,
            Outcome::Met => 3,
        })
    }
}

fn heading(layout: &Columns, paint: Paint) -> Line<'static> {
    let mut text = format!(" {:<name$}", "request", name = layout.name);
    if layout.rate {
        text += &format!("{:>RATE$}", "rate");
    }
    if layout.percentiles {
        text += &format!("{:>PERCENTILE$}", "p50 ms");
    }
    text += &format!("{:>PERCENTILE$}", "p95 ms");
    if layout.percentiles {
        text += &format!("{:>PERCENTILE$}", "p99 ms");
    }
    text += &format!("{:>ERRORS$}", "errors");
    if layout.budget >= MARK {
        text += &format!("{:GAP$}budget", "");
    }
    Line::styled(text, paint.quiet())
}

/// The budget without the request's name, which stands at the beginning of the row.
fn words(result: &BudgetResult) -> String {
    let mut budget = result.budget.clone();
    budget.request = None;
    let text = budget.to_string();
    if budget.metric == Metric::ErrorRate { text.replacen("error rate", "errors", 1) } else { text }
}

/// Milliseconds without the unit, which stands in the heading; seconds with it where they would not fit.
fn show_ms(us: Option<u64>) -> String {
    match us {
        None => NONE.to_owned(),
        Some(us) if us < 10 => format!("0.00{us}"),
        Some(us) if us >= 99_999_500 => show_us(us as f64),
        Some(us) => show_number(us as f64 / 1e3),
    }
}
