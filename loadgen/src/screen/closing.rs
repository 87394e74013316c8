//! What is said once, when a run has ended.

use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, stderr},
    path::Path,
};

use crossterm::terminal::size;
use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};
use record::{
    BudgetResult, Certificate, Judgement, Outcome, Run, Verdict,
    unit::{show_number, show_ratio},
};

use super::{
    figures::share_of_errors,
    memory::Memory,
    paint::{Paint, pad, width, wrap},
    table::Table,
    terminal::set_style,
};

/// Requests listed; all are in the report.
const REQUESTS: usize = 12;
/// Columns of the table where there is no terminal to fit.
const WIDTH: usize = 80;

/// The end of a run in words, ending in a line break: the verdict, what stands against it, each budget with its figure,
/// the busiest requests, what a reader must know, and where the record in `folder` is. Long sentences are broken at the
/// width of the terminal; in a pipe they are left whole.
pub fn closing(run: &Run, folder: &Path, colour: bool) -> String {
    let columns = size().ok().filter(|_| stderr().is_terminal()).map(|(columns, _)| usize::from(columns));
    compose(run, folder, columns, colour)
}

pub(super) fn compose(run: &Run, folder: &Path, columns: Option<usize>, colour: bool) -> String {
    let paint = Paint { colour };
    let room = columns.map_or(usize::MAX, |columns| columns.max(40));
    let mut lines = vec![Line::default()];
    match &run.judgement {
        Some(judgement) => lines.extend(verdict(judgement, room, paint)),
        None => lines.push(Line::styled(" The run ended before it was judged.", paint.strong())),
    }
    if let Some(judgement) = run.judgement.as_ref().filter(|judgement| !judgement.budgets.is_empty()) {
        lines.push(Line::default());
        lines.extend(budgets(&judgement.budgets, paint));
    }
    if let Some(summary) = run.totals.as_ref().filter(|summary| !summary.by_request.is_empty()) {
        let mut order = Memory::default();
        order.rank(&summary.by_request);
        let requests = order.in_order(&summary.by_request);
        lines.push(Line::default());
        let table = Table { requests, budgets: &[], missed_at: &BTreeMap::new() };
        lines.extend(table.lines(room.min(WIDTH), REQUESTS + 1, paint));
        lines.push(Line::default());
        let share = share_of_errors(summary.error_ratio, &summary.errors, summary.dropped);
        lines.extend(labelled("errors", &share, room, paint));
    }
    lines.extend(run.caveats.iter().flat_map(|caveat| labelled("note", caveat, room, paint)));
    lines.extend(run.certificate.iter().flat_map(|it| labelled("ruler", &certified(it), room, paint)));
    // Never broken: they are there to be copied.
    lines.extend(labelled("record", &folder.display().to_string(), usize::MAX, paint));
    lines.extend(labelled("report", &format!("reports html {}", quoted(folder)), usize::MAX, paint));
    lines.iter().map(|line| show(line) + "\n").collect()
}

fn verdict(judgement: &Judgement, room: usize, paint: Paint) -> Vec<Line<'static>> {
    let (mark, style) = match judgement.verdict {
        Verdict::Pass => ("✔", paint.good()),
        Verdict::Missed | Verdict::Regression => ("✘", paint.bad()),
        Verdict::Invalid | Verdict::NoData | Verdict::Interrupted => ("?", paint.bad()),
    };
    let mut lines = indented(&judgement.sentence, 3, room, paint.strong());
    lines[0].spans[0] = Span::styled(format!(" {mark} "), style);
    // The sentence says the first reason already.
    let told = |detail: &str| judgement.sentence.contains(detail);
    let also = judgement.validity.reasons.iter().filter(|reason| !told(&reason.detail));
    if matches!(judgement.verdict, Verdict::Invalid | Verdict::Missed) {
        lines.extend(
            also.flat_map(|reason| indented(&format!("Also: {}.", reason.detail), 3, room, Style::new())),
        );
    }
    lines
}

/// `text` broken at `room`, each line behind `indent` blanks in a span of their own.
pub(super) fn indented(text: &str, indent: usize, room: usize, style: Style) -> Vec<Line<'static>> {
    let lines = wrap(text, room.saturating_sub(indent)).into_iter();
    lines.map(|line| Line::from(vec![Span::raw(" ".repeat(indent)), Span::styled(line, style)])).collect()
}

fn budgets(results: &[BudgetResult], paint: Paint) -> Vec<Line<'static>> {
    let column = results.iter().map(|result| width(&result.text)).max().unwrap_or(0).min(60) + 6;
    let mut heading = Line::from(Span::styled("   budget", paint.quiet()));
    pad(&mut heading, column, 0);
    heading.push_span(Span::styled("measured", paint.quiet()));
    let row = |result: &BudgetResult| {
        let (mark, style) = match result.outcome {
            Outcome::Met => ("✔", paint.good()),
            Outcome::Missed => ("✘", paint.bad()),
            Outcome::TooFew | Outcome::NoData => ("?", paint.quiet()),
        };
        let mut line = Line::from(Span::styled(format!(" {mark} "), style));
        line.push_span(Span::raw(result.text.clone()));
        pad(&mut line, column, 3);
        let figure = if result.outcome == Outcome::Missed { paint.bad() } else { paint.strong() };
        line.push_span(Span::styled(result.shown.clone(), figure));
        line
    };
    std::iter::once(heading).chain(results.iter().map(row)).collect()
}

pub(super) fn labelled(label: &str, text: &str, room: usize, paint: Paint) -> Vec<Line<'static>> {
    let mut lines = indented(text, 9, room, Style::new());
    lines[0].spans[0] = Span::styled(format!(" {label:<7} "), paint.quiet());
    lines
}

/// What was proven about this generator before the run.
fn certified(certificate: &Certificate) -> String {
    let day = certificate.date.get(..10).unwrap_or(&certificate.date);
    let finding = match (&certificate.worst, certificate.passed) {
        (Some(worst), true) => {
            let (quantile, error) =
                (show_number(worst.quantile * 100.0), show_ratio(worst.error_ratio.abs()));
            format!(
                "straight by the certificate of {day}, at worst {error} off (p{quantile}, {})",
                worst.behaviour
            )
        }
        _ => format!("not certified on {day}: {}", certificate.sentence),
    };
    let but = certificate.caveats.iter().map(|caveat| format!("; but {caveat}"));
    std::iter::once(finding).chain(but).collect()
}

/// The folder as a shell takes it.
pub(super) fn quoted(folder: &Path) -> String {
    let text = folder.display().to_string();
    let plain =
        text.chars().all(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | ':' | '@'));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The line with its styles as escape codes; without styles none. Control characters of names are left out.
pub(super) fn show(line: &Line<'_>) -> String {
    let mut bytes = Vec::new();
    for span in line {
        let style = line.style.patch(span.style);
        let plain = style.fg.is_none() && style.add_modifier.is_empty();
        if !plain {
            // Writing to memory cannot fail.
            let _ = set_style(&mut bytes, (style.fg.unwrap_or(Color::Reset), style.add_modifier));
        }
        bytes.extend(span.content.chars().filter(|letter| !letter.is_control()).collect::<String>().bytes());
        if !plain {
            let _ = set_style(&mut bytes, (Color::Reset, Modifier::empty()));
        }
    }
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
