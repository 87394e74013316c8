use maud::{Markup, html};
use record::unit::show_us;

/// A column: its heading, and whether its cells are text (set left) or figures (set right).
pub struct Column {
    heading: String,
    text: bool,
}

/// A column of figures.
pub fn figures(heading: impl Into<String>) -> Column {
    Column { heading: heading.into(), text: false }
}

/// A column of text.
pub fn text(heading: impl Into<String>) -> Column {
    Column { heading: heading.into(), text: true }
}

/// A table in a frame that scrolls on its own where the page is too narrow, and can be reached by keyboard for it. The
/// first cell of a row names it.
pub fn table(name: &str, columns: &[Column], rows: Vec<Vec<Markup>>) -> Markup {
    html! {
        div class="wrap" role="region" aria-label=(name) tabindex="0" {
            table {
                thead {
                    tr {
                        @for column in columns {
                            th scope="col" class=[column.text.then_some("t")] { (column.heading) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, cell) in row.into_iter().enumerate() {
                                @if index == 0 {
                                    th scope="row" { (cell) }
                                } @else {
                                    td class=[columns.get(index).filter(|it| it.text).map(|_| "t")] { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A cell.
pub fn cell(text: impl Into<String>) -> Markup {
    let text = text.into();
    html! { @if text.is_empty() { span class="mute" { "–" } } @else { (glued(&text)) } }
}

/// A cell of a percentile, microseconds.
pub fn us(us: Option<u64>) -> Markup {
    match us {
        Some(us) => cell(show_us(us as f64)),
        None => html! { span class="mute" { "n too small" } },
    }
}

/// Text in which a figure stays on one line with its unit.
pub fn glued(text: &str) -> String {
    const UNITS: [&str; 12] = ["µs", "ms", "s", "min", "h", "%", "B", "KiB", "MiB", "GiB", "TiB", "GHz"];
    let mut words = text.split(' ');
    let mut joined = words.next().unwrap_or_default().to_owned();
    for word in words {
        let unit = word.trim_end_matches([',', ';', '.', ':', ')']);
        let figure = joined.ends_with(|c: char| c.is_ascii_digit());
        joined.push(if figure && UNITS.contains(&unit) { '\u{a0}' } else { ' ' });
        joined += word;
    }
    // Nor does a range break at its dash.
    joined.replace('–', "\u{2060}–\u{2060}")
}
