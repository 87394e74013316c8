//! The drawn search: a row for each rate, with how much is over the budgets on a scale.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use record::{
    Decision,
    capacity::{Evidence, Purpose, RateFinding},
    unit::{show_count, show_number, show_ratio, show_us},
};

use super::{
    super::{
        Snapshot, figures,
        paint::{Paint, cut, pad},
    },
    Board,
};

/// Columns of the scale that shows how much is over a budget.
const SCALE: usize = 25;
/// Powers of ten that the scale reaches to either side of what is allowed.
const REACH: f64 = 2.0;
/// Columns from which on there is room for the scale beside its figures.
const WIDE: usize = 100;

pub(super) fn render(
    board: &Board,
    snapshot: Option<&Snapshot<'_>>,
    width: u16,
    height: u16,
    paint: Paint,
) -> Buffer {
    let (columns, rows) = (usize::from(width), usize::from(height));
    let mut lines = vec![title(board, columns, paint), trial(board, snapshot, paint)];
    lines.extend(snapshot.map(|snapshot| now(snapshot, paint)));
    lines.push(Line::default());
    lines.push(heading(columns, paint));
    // The rates around the bracket are what is of interest, if there is not room for all.
    let room = rows.saturating_sub(lines.len() + 1).max(1);
    let middle =
        board.bracket.0.map_or(0, |low| board.rates.iter().filter(|it| it.rate_per_s <= low).count());
    let first = middle.saturating_sub(room.div_ceil(2)).min(board.rates.len().saturating_sub(room));
    let shown = board.rates.iter().skip(first).take(room);
    lines.extend(shown.rev().map(|rate| row(rate, Some(board.rate_per_s), columns, paint)));
    lines.push(footer(board, columns, paint));
    lines.truncate(rows);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, u16::try_from(lines.len()).unwrap_or(height)));
    for (y, line) in (0..).zip(&lines) {
        buffer.set_line(0, y, line, width);
    }
    buffer
}

fn title(board: &Board, width: usize, paint: Paint) -> Line<'static> {
    let clock = figures::clock(board.began.elapsed().as_secs());
    let name = cut(&format!("capacity of {}", board.title), width / 2);
    let mut line = Line::from(vec![Span::raw(" "), Span::styled(name, paint.strong()), Span::raw("   ")]);
    line.push_span(Span::styled(
        cut(&board.target, width.saturating_sub(line.width() + clock.len() + 2)),
        paint.quiet(),
    ));
    pad(&mut line, width.saturating_sub(clock.len() + 1), 1);
    line.push_span(Span::raw(clock));
    line
}

pub(super) fn doing(board: &Board) -> String {
    let rate = format!("{}/s", show_number(board.rate_per_s));
    match board.purpose {
        Purpose::Search => format!("trying {rate}"),
        Purpose::Repeat => format!("repeating {rate}"),
        Purpose::Soak => format!("holding the answer, {rate}"),
        Purpose::Overshoot => format!("offering half as much again, then back to {rate}"),
    }
}

fn trial(board: &Board, snapshot: Option<&Snapshot<'_>>, paint: Paint) -> Line<'static> {
    let second = snapshot.map_or(board.seconds, |snapshot| snapshot.row.second + 1);
    let mut line = Line::from(Span::raw(format!(" trial {}: {}", board.trial, doing(board))));
    line.push_span(Span::styled(
        format!("   {} of {} s", second.min(board.seconds), board.seconds),
        paint.quiet(),
    ));
    if second > board.seconds {
        line.push_span(Span::styled("   waiting for the last answers", paint.quiet()));
    } else if let Some(stolen) = board.stolen {
        let why = format!("   again: the host took {} of the processors", show_ratio(stolen));
        line.push_span(Span::styled(why, paint.quiet()));
    }
    line
}

fn now(snapshot: &Snapshot<'_>, paint: Paint) -> Line<'static> {
    let mut line = Line::from(Span::raw(" "));
    let load = figures::load(snapshot);
    for figure in load.iter().chain(&figures::latency(snapshot)) {
        line.push_span(Span::styled(format!("{} ", figure.label), paint.quiet()));
        let style = if figure.missed { paint.bad() } else { Style::new() };
        line.push_span(Span::styled(format!("{}  ", figure.value), style));
    }
    line
}

/// Columns at which the parts of a row begin.
const AT: [usize; 6] = [1, 11, 21, 29, 39, 49];

pub(super) fn heading(width: usize, paint: Paint) -> Line<'static> {
    let mut line = Line::default();
    let last = if width >= WIDE { "over the budget (│ is what is allowed)" } else { "over the budget" };
    for (at, text) in AT.iter().zip(["rate", "", "trials", "p50", "p99", last]) {
        pad(&mut line, *at, 0);
        line.push_span(Span::styled(cut(text, width.saturating_sub(*at)), paint.quiet()));
    }
    line
}

pub(super) fn row(rate: &RateFinding, marked: Option<f64>, width: usize, paint: Paint) -> Line<'static> {
    let (word, style) = word(rate.decision, paint);
    let us = |us: Option<u64>| us.map_or_else(|| figures::NONE.to_owned(), |us| show_us(us as f64));
    let parts = [
        Span::styled(
            format!("{}/s", show_number(rate.rate_per_s)),
            if marked == Some(rate.rate_per_s) { paint.strong() } else { Style::new() },
        ),
        Span::styled(word, style),
        Span::raw(show_count(rate.trials as i64)),
        Span::raw(us(rate.response.p50_us)),
        Span::raw(us(rate.response.p99_us)),
    ];
    let mut line = Line::default();
    for (at, part) in AT.iter().zip(parts) {
        pad(&mut line, *at, usize::from(*at > 1));
        line.push_span(part);
    }
    let Some(worst) = worst(rate) else { return line };
    pad(&mut line, AT[5], 1);
    let mut text = over(worst);
    if width >= WIDE {
        line.push_span(Span::styled(scale(worst), style));
        text.insert_str(0, "  ");
    }
    line.push_span(Span::raw(cut(&text, width.saturating_sub(line.width()))));
    line
}

pub(super) fn word(decision: Decision, paint: Paint) -> (&'static str, Style) {
    match decision {
        Decision::Holds => ("✔ holds", paint.good()),
        Decision::Breaks => ("✘ breaks", paint.bad()),
        Decision::Open => ("? open", paint.accent()),
        Decision::Limited => ("– limited", paint.quiet()),
    }
}

/// The budget of which most is over, measured by what may be; of those alike, the scenario's first.
pub(super) fn worst(rate: &RateFinding) -> Option<&Evidence> {
    let beyond = |it: &Evidence| it.share.unwrap_or(0.0) / it.allowed.max(1e-9);
    rate.evidence.iter().filter(|it| it.n > 0).rev().max_by(|a, b| beyond(a).total_cmp(&beyond(b)))
}

/// `p99 ≤ 50 ms: 0.4 % over [0.1, 0.9], n = 9,843`.
pub(super) fn over(evidence: &Evidence) -> String {
    let percent = |share: f64| show_number(share * 100.0);
    format!(
        "{}: {} over [{}, {}], n = {}",
        evidence.budget,
        show_ratio(evidence.share.unwrap_or(0.0)),
        percent(evidence.low),
        percent(evidence.high),
        show_count(evidence.n as i64)
    )
}

/// The share over a budget and its interval on a logarithmic scale, from a hundredth of what is allowed to a hundred times
/// as much.
fn scale(evidence: &Evidence) -> String {
    let column = |share: f64| {
        let powers = (share / evidence.allowed.max(1e-9)).max(1e-9).log10().clamp(-REACH, REACH);
        ((powers + REACH) / (2.0 * REACH) * (SCALE - 1) as f64).round() as usize
    };
    let (low, high, at) =
        (column(evidence.low), column(evidence.high), column(evidence.share.unwrap_or(0.0)));
    let letter = |x: usize| match x {
        _ if x == at => '●',
        _ if x == SCALE / 2 => '│',
        _ if low <= x && x <= high => '─',
        _ => ' ',
    };
    (0..SCALE).map(letter).collect()
}

/// `capacity between 336/s and 367/s (± 4.4 %)`.
pub(super) fn known(bracket: (Option<f64>, Option<f64>)) -> String {
    let rate = |rate: f64| format!("{}/s", show_number(rate));
    match bracket {
        (Some(low), Some(high)) => {
            let width = show_ratio((high - low) / (high + low));
            format!("capacity between {} and {} (± {width})", rate(low), rate(high))
        }
        (Some(low), None) => format!("capacity at least {}", rate(low)),
        (None, Some(high)) => format!("capacity below {}", rate(high)),
        (None, None) => "nothing known yet".to_owned(),
    }
}

fn footer(board: &Board, width: usize, paint: Paint) -> Line<'static> {
    const STOP: &str = "Ctrl-C ends the search";
    let mut line = Line::from(Span::styled(format!(" {}", known(board.bracket)), paint.strong()));
    if line.width() + STOP.len() + 3 <= width {
        pad(&mut line, width - STOP.len() - 1, 2);
        line.push_span(Span::styled(STOP, paint.quiet()));
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use record::Latency;

    use super::*;

    fn rate(rate_per_s: f64, decision: Decision, over: u64) -> RateFinding {
        let share = over as f64 / 10_000.0;
        let evidence = Evidence {
            budget: "p99 ≤ 50 ms".into(),
            over,
            n: 10_000,
            share: Some(share),
            low: share / 2.0,
            high: share * 2.0 + 0.000_5,
            allowed: 0.01,
        };
        RateFinding {
            rate_per_s,
            trials: 3,
            limited: 0,
            decision,
            requests_per_s: rate_per_s,
            response: Latency { p50_us: Some(11_000), p99_us: Some(48_000), ..Latency::default() },
            evidence: vec![evidence],
            observed: Vec::new(),
        }
    }

    fn board() -> Board {
        Board {
            title: "checkout".into(),
            target: "http://127.0.0.1:8080/".into(),
            began: Instant::now(),
            purpose: Purpose::Repeat,
            rate_per_s: 336.0,
            seconds: 12,
            trial: 7,
            rates: vec![
                rate(200.0, Decision::Holds, 0),
                rate(336.0, Decision::Holds, 30),
                rate(351.0, Decision::Open, 100),
                rate(367.0, Decision::Breaks, 800),
            ],
            bracket: (Some(336.0), Some(367.0)),
            stolen: None,
        }
    }

    fn text(width: u16, height: u16) -> Vec<String> {
        drawn(&board(), width, height)
    }

    fn drawn(board: &Board, width: u16, height: u16) -> Vec<String> {
        let buffer = render(board, None, width, height, Paint { colour: false });
        let row =
            |y| (0..buffer.area.width).map(|x| buffer.cell((x, y)).unwrap().symbol()).collect::<String>();
        (0..buffer.area.height).map(row).map(|row| row.trim_end().to_owned()).collect()
    }

    #[test]
    fn the_bracket_and_every_rate_with_its_evidence_are_on_the_screen() {
        let shown = text(130, 20).join("\n");
        for part in [
            "trial 7: repeating 336/s",
            "✔ holds",
            "? open",
            "✘ breaks",
            "p99 ≤ 50 ms: 8 % over [4, 16.1], n = 10,000",
            "capacity between 336/s and 367/s (± 4.41 %)",
        ] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
    }

    #[test]
    fn a_trial_that_is_made_again_says_what_the_host_took() {
        let board = Board { stolen: Some(0.137), ..board() };
        let line = super::super::line(&board);
        let said =
            "trial 7 | repeating 336/s – the host took 13.7 % of the processors: again | capacity between";
        assert!(line.contains(said), "{line}");
        let screen = drawn(&board, 100, 9).join("\n");
        assert!(screen.contains("12 of 12 s   again: the host took 13.7 % of the processors"), "{screen}");
    }

    #[test]
    fn any_terminal_gets_a_picture_that_fits_with_the_bracket_in_it() {
        for (width, height) in [(1, 1), (20, 5), (40, 7), (80, 9), (200, 60)] {
            let shown = text(width, height);
            assert!(shown.len() <= usize::from(height));
            assert!(shown.iter().all(|line| Span::raw(line.clone()).width() <= usize::from(width)));
        }
        assert!(text(80, 7).iter().any(|line| line.contains("336/s     ✔ holds")));
    }

    #[test]
    fn what_is_allowed_is_the_middle_of_the_scale() {
        let at = |over| {
            scale(&rate(1.0, Decision::Open, over).evidence[0]).chars().position(|it| it == '●').unwrap()
        };
        assert_eq!([at(0), at(10), at(100), at(1_000), at(10_000)], [0, 6, 12, 18, 24]);
    }
}
