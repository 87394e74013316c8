//! What is said once, when a search has ended.

use std::path::Path;

use ratatui::text::{Line, Span};
use record::{
    Capacity,
    capacity::AnswerKind,
    unit::{show_number, show_ratio},
};

use super::{
    super::{
        can_draw,
        closing::{indented, labelled, quoted, show},
        paint::Paint,
    },
    picture::{heading, row},
};

/// The end of a search in words, ending in a line break: the answer, what breaks first, what is known of each rate, and
/// where all of it is.
pub fn closing_search(found: &Capacity, folder: &Path, colour: bool) -> String {
    let columns =
        crossterm::terminal::size().ok().filter(|_| can_draw()).map(|(columns, _)| usize::from(columns));
    let width = columns.map_or(usize::MAX, |columns| columns.max(40));
    compose(found, folder, width, Paint { colour })
}

fn compose(found: &Capacity, folder: &Path, width: usize, paint: Paint) -> String {
    let answer = &found.answer;
    let (mark, style) = match answer.kind {
        AnswerKind::Found => ("✔", paint.good()),
        AnswerKind::AtLeast => ("≥", paint.good()),
        AnswerKind::None => ("✘", paint.bad()),
        AnswerKind::Unfinished => ("?", paint.bad()),
    };
    let mut lines = vec![Line::default()];
    let mut sentence = indented(&found.sentence, 3, width, paint.strong());
    sentence[0].spans[0] = Span::styled(format!(" {mark} "), style);
    lines.extend(sentence);
    lines.push(Line::default());
    lines.push(heading(width, paint));
    lines.extend(found.rates.iter().rev().map(|rate| row(rate, answer.low_per_s, width, paint)));
    lines.push(Line::default());
    let told = told(found);
    lines.extend(told.iter().flat_map(|(label, text)| labelled(label, text, width, paint)));
    lines.extend(found.notes.iter().flat_map(|note| labelled("note", note, width, paint)));
    // Never broken: they are there to be copied.
    let file = folder.join(Capacity::FILE).display().to_string();
    lines.extend(labelled("answer", &file, usize::MAX, paint));
    if let Some(step) = found.steps.last() {
        let page = format!("reports html {}", quoted(&folder.join(&step.record)));
        lines.extend(labelled("report", &page, usize::MAX, paint));
    }
    lines.iter().map(|line| show(line) + "\n").collect()
}

/// What else was found, in words.
fn told(found: &Capacity) -> Vec<(&'static str, String)> {
    let answer = &found.answer;
    let mut told = Vec::new();
    if let Some(requests) = answer.requests_per_s {
        told.push((
            "served",
            format!(
                "{} requests/s at {}/s",
                show_number(requests),
                show_number(answer.low_per_s.unwrap_or(0.0))
            ),
        ));
    }
    if let Some(binding) = &answer.binding {
        told.push((
            "breaks",
            format!(
                "{} at {}/s: {} over, {} allowed",
                binding.budget,
                show_number(binding.rate_per_s),
                show_ratio(binding.share),
                show_ratio(binding.allowed)
            ),
        ));
    }
    if let Some(it) = &answer.saturated {
        told.push((
            "limit",
            format!("{}: {} of {} {}", it.resource, show_number(it.used), show_number(it.of), it.unit),
        ));
    }
    if let Some(soak) = &answer.soak {
        let how = match soak.held {
            Some(true) => "kept the budgets",
            Some(false) => "did not keep the budgets",
            None => "no figure, the generator was the limit",
        };
        told.push(("held", format!("{}/s for {} s: {how}", show_number(soak.rate_per_s), soak.seconds)));
    }
    if let Some(over) = &answer.overshoot {
        let back = match over.recovered_after_s {
            Some(0) => "kept the budgets at once when it was over".to_owned(),
            Some(after) => format!("kept the budgets again {after} s after it was over"),
            None => format!("had not recovered {} s after it was over", over.watched_s),
        };
        told.push((
            "beyond",
            format!(
                "{}/s for {} s: answered {} requests/s, {back}",
                show_number(over.rate_per_s),
                over.seconds,
                show_number(over.answered_per_s)
            ),
        ));
    }
    told
}
