use maud::{Markup, PreEscaped, html};
use record::unit::{show_count, show_number, show_ratio, show_us};

use super::tables::{Column, cell, figures, table, text, us};
use crate::{
    charts::{self, Figure},
    report::{Bin, Report, span},
    words,
};

/// A figure with its caption and, folded, its table.
pub fn figure(title: &str, note: &str, drawn: &Figure, numbers: Markup) -> Markup {
    html! {
        figure {
            figcaption { (title) @if !note.is_empty() { small { (note) } } }
            (PreEscaped(&drawn.wide)) (PreEscaped(&drawn.narrow))
            details { summary { "The numbers" span class="vh" { " of: " (title) } } (numbers) }
        }
    }
}

/// A table with a row a bin.
fn over_time(
    report: &Report,
    name: &str,
    columns: Vec<Column>,
    cells: impl Fn(&Bin) -> Vec<Markup>,
) -> Markup {
    let mut all = vec![text("From")];
    all.extend(columns);
    let rows = report.timeline.bins.iter().map(|bin| {
        let mut row = vec![cell(words::clock(bin.from_s))];
        row.extend(cells(bin));
        row
    });
    table(name, &all, rows.collect())
}

fn per_bin(report: &Report) -> String {
    match report.timeline.bin_s {
        1 => "each second".to_owned(),
        width => format!("bins of {}", words::length(width as f64)),
    }
}

fn rate(per_s: f64) -> Markup {
    cell(format!("{}/s", show_number(per_s)))
}

/// Response time over the run.
pub fn latency(report: &Report) -> Markup {
    let columns = vec![figures("p50"), figures("p95"), figures("p99"), figures("Max"), figures("n")];
    let numbers = over_time(report, "Response time over the run", columns, |bin| {
        let it = &bin.response;
        let max = if it.n == 0 { cell("") } else { us(Some(it.max_us)) };
        vec![us(it.p50_us), us(it.p95_us), us(it.p99_us), max, cell(show_count(it.n as i64))]
    });
    let note = format!("p50 · p95 · p99, {}", per_bin(report));
    figure("Response time over the run", &note, &charts::latency(report), numbers)
}

/// Latency by percentile.
pub fn spectrum(report: &Report) -> Markup {
    let spectrum = &report.spectrum;
    let columns =
        [text("Percentile"), figures("Response time"), figures("95 % interval"), figures("Service time")];
    let rows = spectrum.response.iter().filter_map(|point| {
        let name = point.name.as_deref()?;
        let service = spectrum.service.iter().find(|other| other.quantile == point.quantile);
        let ends = point.interval.map(|it| (it.low, it.high));
        let interval = match ends {
            Some((Some(low), Some(high))) => span(&show_us(low), &show_us(high)),
            _ => String::new(),
        };
        let service = service.map_or_else(String::new, |it| show_us(it.us));
        Some(vec![cell(name), cell(show_us(point.us)), cell(interval), cell(service)])
    });
    let numbers = table("Latency by percentile", &columns, rows.collect());
    let note = format!("response and service time of {} answers", show_count(spectrum.n as i64));
    figure("Latency by percentile", &note, &charts::spectrum(report), numbers)
}

/// Where the answers of each stretch lie on an axis of latency: a row a stretch, then a row a band.
pub fn heat(report: &Report) -> Markup {
    let heat = &report.heat;
    let band = |place: usize| heat.bands.get(place).map_or_else(String::new, charts::band_name);
    let columns = [
        text("From"),
        figures("n"),
        figures("Fastest"),
        figures("Most common"),
        figures("Of its answers"),
        figures("Slowest"),
    ];
    let stretches = heat.columns.iter().map(|column| {
        vec![
            cell(words::clock(column.from_s)),
            cell(show_count(column.n as i64)),
            cell(band(column.first)),
            cell(band(column.most)),
            if column.is_thin() { us(None) } else { cell(show_ratio(column.most_ratio)) },
            cell(band(column.first + column.counts.len() - 1)),
        ]
    });
    let bands = heat.bands.iter().filter(|band| band.n > 0).map(|band| {
        vec![
            cell(charts::band_name(band)),
            cell(show_count(band.n as i64)),
            cell(show_ratio(band.share_ratio)),
        ]
    });
    let numbers = html! {
        p { "Stretch by stretch, the bands that hold its fastest, its most and its slowest answers; the JSON holds every cell." }
        (table("Heat map of response times, by stretch", &columns, stretches.collect()))
        p { "Band by band, over the whole run." }
        (table("Heat map of response times, by band", &[text("Response time"), figures("n"), figures("Of all")], bands.collect()))
    };
    let width = match heat.column_s {
        1 => "a column a second".to_owned(),
        width => format!("columns of {}", words::length(width as f64)),
    };
    let note = format!("share of the answers of its column, {width}, {} answers", show_count(heat.n as i64));
    figure("Heat map of response times", &note, &charts::heat(report), numbers)
}

/// Throughput and errors over the run.
pub fn traffic(report: &Report) -> Markup {
    let columns =
        ["Answered", "Failed", "Offered", "Begun", "Dropped", "Users", "In flight"].map(figures).into();
    let numbers = over_time(report, "Throughput and errors over the run", columns, |bin| {
        let mut row: Vec<Markup> =
            [bin.completed_per_s, bin.failed_per_s, bin.offered_per_s, bin.started_per_s, bin.dropped_per_s]
                .map(rate)
                .into();
        row.extend([bin.users, bin.in_flight].map(|count| cell(show_count(count as i64))));
        row
    });
    let note = per_bin(report);
    figure("Throughput and errors over the run", &note, &charts::traffic(report), numbers)
}

/// What the target counts, over the run.
pub fn cache(report: &Report) -> Option<Markup> {
    let drawn = charts::cache(report)?;
    let first = report.timeline.bins.first()?;
    let columns = charts::observed(report, first).map(|(label, _)| figures(label)).collect();
    let title = charts::cache_title(report);
    let numbers = over_time(report, title, columns, |bin| {
        charts::observed(report, bin).map(|(_, shown)| cell(shown)).collect()
    });
    Some(figure(title, &per_bin(report), &drawn, numbers))
}

/// How late the generator was, and what processor it used.
pub fn health(report: &Report) -> Markup {
    let lag =
        over_time(report, "How late the generator was", vec![figures("Lag p99"), figures("Timer")], |bin| {
            vec![bin.lag_p99_us.map_or_else(|| cell(""), |lag| us(Some(lag))), us(Some(bin.timer_slip_us))]
        });
    let columns = ["Cores used", "Waited a second", "Memory"].map(figures).into();
    let cpu = over_time(report, "What processor it used", columns, |bin| {
        vec![
            cell(show_number(bin.cpu_cores)),
            cell(show_us(bin.cpu_wait * 1e6)),
            cell(words::bytes(bin.memory_bytes)),
        ]
    });
    html! {
        div class="two" {
            (figure("How late it was", "worst second of each bin", &charts::lag(report), lag))
            (figure("What processor it used", "means", &charts::cpu(report), cpu))
        }
    }
}
