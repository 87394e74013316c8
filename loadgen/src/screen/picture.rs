//! The drawn screen, as a pure function of a snapshot.

use super::{
    Snapshot,
    figures::{self, Figure},
    memory::Memory,
    paint::{Paint, cut, pad, width as columns},
    table::Table,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

/// Columns from which on the figures stand side by side as well as above each other.
const WIDE: usize = 76;
/// Columns that the line of the load needs with wide gaps.
const ROOMY: usize = 96;
/// From the first figure of the right half to the second.
const STEP: usize = 21;
const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Draws `snapshot` into at most `height` rows of at most `width` columns; the last row is the footer.
pub(super) fn render(
    snapshot: &Snapshot<'_>,
    memory: &Memory,
    width: u16,
    height: u16,
    colour: bool,
) -> Buffer {
    let (columns, rows, paint) = (usize::from(width), usize::from(height), Paint { colour });
    let mut lines = vec![title(snapshot, columns, paint)];
    let mut load = figures::load(snapshot);
    // By the width alone: labels and gaps that change with every digit more or less would flicker.
    let roomy = columns >= ROOMY;
    if !roomy {
        load.iter_mut().filter(|it| it.label == "late p99").for_each(|it| "late".clone_into(&mut it.label));
    }
    lines.extend(spread(&load, columns, if roomy { 3 } else { 2 }, paint));
    if columns >= WIDE {
        lines.push(latency_and_history(snapshot, columns, paint));
        lines.push(errors_and_observed(snapshot, columns, paint));
    } else {
        lines.extend(spread(&figures::latency(snapshot), columns, 2, paint));
        lines.push(cut_figure(&figures::errors(snapshot), columns.saturating_sub(1), paint));
        let mut observed = figures::observed(snapshot);
        // On a low screen the requests are worth more.
        observed.truncate(if rows < 16 { 0 } else { 2 });
        lines.extend(spread(&observed, columns, 2, paint));
    }
    lines.truncate(rows.saturating_sub(1));
    // A blank line, the table and the footer, as far as there is room; one row of a table is worth more than none.
    let room = rows.saturating_sub(lines.len() + 1);
    let blank = usize::from(room > 3);
    let table = Table {
        requests: memory.in_order(&snapshot.summary.by_request),
        budgets: if figures::is_judged(snapshot) { &snapshot.judgement.budgets } else { &[] },
        missed_at: &memory.missed_at,
    };
    let table = table.lines(columns, room - blank, paint);
    if blank > 0 {
        lines.push(Line::default());
    }
    lines.extend(table);
    lines.push(footer(snapshot, columns, paint));
    lines.truncate(rows);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, u16::try_from(lines.len()).unwrap_or(height)));
    for (y, line) in (0..).zip(&lines) {
        buffer.set_line(0, y, line, width);
    }
    buffer
}

fn title(snapshot: &Snapshot<'_>, width: usize, paint: Paint) -> Line<'static> {
    const SHORTEST_BAR: usize = 8;
    let run = snapshot.run;
    let phase = format!("{} {}", figures::phase(run, snapshot.row.second), figures::progress(snapshot));
    let name_room = width.saturating_sub(1 + 3 + columns(&phase)).min((width / 3).max(12));
    let name = cut(&run.scenario.name, name_room);
    let mut line = Line::from(Span::raw(" "));
    line.push_span(Span::styled(name, paint.strong()));
    line.push_span(Span::raw(format!("   {phase}")));
    let room = width.saturating_sub(line.width() + 3);
    let target = figures::target(run);
    // The bar gives way to the name and the phase, the target to the bar.
    let target = if room >= columns(target) + 3 + SHORTEST_BAR { target } else { "" };
    let bar = if target.is_empty() { room } else { room - columns(target) - 3 };
    if bar >= SHORTEST_BAR {
        let share = (snapshot.elapsed.as_secs_f64() / run.planned_s().max(1.0)).clamp(0.0, 1.0);
        let halves = (share * 2.0 * bar as f64) as usize;
        let filled = "━".repeat(halves / 2) + if halves % 2 == 1 { "╸" } else { "" };
        let open = "─".repeat(bar - halves.div_ceil(2));
        line.push_span(Span::raw("   "));
        line.push_span(Span::styled(filled, paint.accent()));
        line.push_span(Span::styled(open, paint.quiet()));
    }
    if !target.is_empty() {
        line.push_span(Span::styled(format!("   {target}"), paint.quiet()));
    }
    line
}

/// Where the right half begins: what the left one needs for its percentiles, and half of what is left over.
fn right_half(width: usize) -> usize {
    42 + (width.saturating_sub(79) / 2).min(24)
}

fn latency_and_history(snapshot: &Snapshot<'_>, width: usize, paint: Paint) -> Line<'static> {
    const LABEL: &str = " p95, last minute";
    let right = right_half(width);
    let figures = figures::latency(snapshot);
    let widest = 1 + figures.iter().map(|figure| figure_width(figure) + 3).sum::<usize>();
    let gap = if widest <= right { 3 } else { 2 };
    let mut line = spread(&figures, right, gap, paint).swap_remove(0);
    pad(&mut line, right, 1);
    let room = width.saturating_sub(right + columns(LABEL));
    // Seconds to a bar must be a whole number, or bars would not be comparable.
    let bars = [60, 30, 20, 15, 12, 10].into_iter().find(|bars| *bars <= room).unwrap_or(10);
    line.push_span(Span::styled(history(snapshot.p95_us, bars), paint.accent()));
    line.push_span(Span::styled(LABEL, paint.quiet()));
    line
}

/// The last minute in `bars` bars from 0 to the highest, the newest at the right. A bar is the worst of its seconds:
/// percentiles cannot be averaged. Blank where there is no figure.
pub(super) fn history(p95_us: &[Option<u64>], bars: usize) -> String {
    let seconds = 60 / bars;
    let missing = 60usize.saturating_sub(p95_us.len());
    let newest = &p95_us[p95_us.len().saturating_sub(60)..];
    let minute: Vec<Option<u64>> = std::iter::repeat_n(None, missing).chain(newest.iter().copied()).collect();
    let worst: Vec<Option<u64>> =
        minute.chunks(seconds).map(|bar| bar.iter().copied().flatten().max()).collect();
    let highest = worst.iter().copied().flatten().max().unwrap_or(0).max(1);
    let bar = |us: &Option<u64>| match us {
        None => " ",
        Some(us) => BARS[usize::try_from((us * 8).div_ceil(highest)).unwrap_or(8).clamp(1, 8) - 1],
    };
    worst.iter().map(bar).collect()
}

fn errors_and_observed(snapshot: &Snapshot<'_>, width: usize, paint: Paint) -> Line<'static> {
    let right = right_half(width);
    let mut line = cut_figure(&figures::errors(snapshot), right - 2, paint);
    for (figure, column) in figures::observed(snapshot).iter().zip([right, right + STEP]) {
        let mut longer = line.clone();
        pad(&mut longer, column, 3);
        longer.extend(spans(figure, paint));
        if longer.width() <= width {
            line = longer;
        }
    }
    line
}

fn footer(snapshot: &Snapshot<'_>, width: usize, paint: Paint) -> Line<'static> {
    let run = snapshot.run;
    let mut line = Line::from(Span::raw(" "));
    let mut parts = Vec::new();
    if figures::is_judged(snapshot) {
        match figures::not_valid(snapshot) {
            Some(why) => parts.push(Span::styled(format!("not valid: {why}"), paint.bad())),
            None => parts.push(Span::styled("valid so far", paint.good())),
        }
        parts.push(Span::raw(figures::budgets(snapshot)));
    } else {
        parts.push(Span::raw(format!("warm-up, judged from {} on", figures::clock(run.warm_up_s))));
    }
    let said: usize = parts.iter().map(|part| part.width() + 3).sum();
    let stop = ["Ctrl-C stops and keeps the record", "Ctrl-C stops"];
    if let Some(stop) = stop.into_iter().find(|stop| 1 + said + columns(stop) <= width) {
        parts.push(Span::styled(stop, paint.quiet()));
    }
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            line.push_span(Span::styled(" · ", paint.quiet()));
        }
        let room = width.saturating_sub(line.width());
        line.push_span(Span::styled(cut(&part.content, room), part.style));
    }
    line
}

/// Figures side by side, on more than one line where they must be.
fn spread(figures: &[Figure], width: usize, gap: usize, paint: Paint) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    for figure in figures {
        match lines.last_mut() {
            Some(line) if line.width() + gap + figure_width(figure) <= width => {
                pad(line, 0, gap);
                line.extend(spans(figure, paint));
            }
            _ => {
                let mut line = Line::from(Span::raw(" "));
                line.extend(spans(figure, paint));
                lines.push(line);
            }
        }
    }
    lines
}

fn figure_width(figure: &Figure) -> usize {
    columns(&figure.label) + 1 + columns(&figure.value) + if figure.missed { 2 } else { 0 }
}

fn spans(figure: &Figure, paint: Paint) -> Vec<Span<'static>> {
    let value = Span::styled(figure.value.clone(), if figure.missed { paint.bad() } else { paint.strong() });
    let mut spans = vec![Span::styled(format!("{} ", figure.label), paint.quiet()), value];
    if figure.missed {
        spans.push(Span::styled(" ✘", paint.bad()));
    }
    spans
}

/// A figure alone at the beginning of a line, its value cut to end before `room`.
fn cut_figure(figure: &Figure, room: usize, paint: Paint) -> Line<'static> {
    let rest = figure_width(figure) - columns(&figure.value);
    let value = cut(&figure.value, room.saturating_sub(1 + rest));
    let mut line = Line::from(Span::raw(" "));
    line.extend(spans(&Figure { value, ..figure.clone() }, paint));
    line
}
