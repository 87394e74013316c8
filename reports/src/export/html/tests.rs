use std::collections::BTreeSet;

use record::{
    Model, State,
    unit::{show_count, show_number, show_ratio, show_us},
};
use serde_json::Value;

use super::*;
use crate::{fixture::Fixture, read::Evidence, report::report, words};

fn of(fixture: &Fixture) -> Report {
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    report(&Evidence::open(folder.path()).unwrap()).unwrap()
}

/// Every sort of run that a page must cope with.
fn runs() -> Vec<(&'static str, Fixture)> {
    let all = Fixture::default;
    vec![
        ("open, finished", all()),
        ("closed", Fixture { model: Model::Closed, ..all() }),
        ("killed", Fixture { state: State::Running, ..all() }),
        ("interrupted", Fixture { state: State::Interrupted, ..all() }),
        ("aborted", Fixture { state: State::Aborted, ..all() }),
        ("without a warm-up", Fixture { warm_up_s: 0, ..all() }),
        ("ended in its warm-up", Fixture { warm_up_s: 60, ..all() }),
        ("without an error", Fixture { failed_per_s: 0, ..all() }),
        ("of one second", Fixture { seconds: 1, warm_up_s: 0, ..all() }),
        ("with thousands of errors", Fixture { failed_per_s: 4_000, ..all() }),
        ("of errors alone", Fixture { per_s: 0, failed_per_s: 50, ..all() }),
        ("with dropped arrivals", Fixture { dropped_per_s: 3, ..all() }),
        ("nothing observed", Fixture { observed: false, budgets: vec![(None, "p95", "1s")], ..all() }),
        ("without budgets", Fixture { budgets: Vec::new(), ..all() }),
        ("one answer a second", Fixture { per_s: 1, failed_per_s: 0, seconds: 30, ..all() }),
    ]
}

/// Holds that every element that is opened is closed, in order.
pub fn well_formed(name: &str, page: &str) {
    const VOID: [&str; 2] = ["meta", "link"];
    let mut open: Vec<&str> = Vec::new();
    for piece in page.split('<').skip(1) {
        let (tag, rest) = piece.split_once('>').unwrap_or_else(|| panic!("{name}: `<{piece}` is not ended"));
        assert!(
            !rest.contains('>') || open.last() == Some(&"style") || tag == "style",
            "{name}: stray `>` in {rest}"
        );
        let word = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap();
        if tag.starts_with('!') || VOID.contains(&word) || tag.ends_with('/') {
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{name}: {tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(word), "{name}: closed out of turn");
        } else {
            open.push(word);
        }
    }
    assert!(open.is_empty(), "{name}: never closed: {open:?}");
}

#[test]
fn every_sort_of_run_makes_a_whole_page_that_asks_for_nothing() {
    for (name, fixture) in runs() {
        let report = of(&fixture);
        let page = html(&report);
        well_formed(name, &page);
        for foreign in
            ["<script", "javascript:", "src=", "@import", "url(", "NaN", "inf/s", "None", "<no value>"]
        {
            assert!(!page.contains(foreign), "{name}: {foreign}");
        }
        let links = page.match_indices("href=\"").map(|(at, _)| &page[at + 6..at + 7]);
        assert!(links.into_iter().all(|first| first == "#" || first == "d"), "{name}");
        assert!(page.contains(&report.headline.word.to_owned()), "{name}");
    }
}

#[test]
fn headings_never_skip_a_level_and_every_figure_has_words_and_a_table() {
    for (name, fixture) in runs() {
        let page = html(&of(&fixture));
        let levels = page.match_indices("<h").filter_map(|(at, _)| page[at + 2..at + 3].parse::<u8>().ok());
        let mut before = 0;
        for level in levels {
            assert!(level <= before + 1, "{name}: h{level} after h{before}");
            before = level;
        }
        assert_eq!(page.matches("<h1>").count(), 1, "{name}");
        let figures: Vec<&str> =
            page.split("<figure>").skip(1).map(|it| it.split("</figure>").next().unwrap()).collect();
        assert!(figures.len() >= 3, "{name}");
        for figure in figures {
            for part in [
                "role=\"img\"",
                "<title id=",
                "<desc id=",
                "<details>",
                "<th scope=\"col\"",
                "tabindex=\"0\"",
            ] {
                assert!(figure.contains(part), "{name}: a figure lacks {part}");
            }
        }
        let ids: Vec<&str> =
            page.match_indices(" id=\"").map(|(at, _)| page[at + 5..].split('"').next().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{name}: an id stands twice");
    }
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(folder.path());
    let page = || html(&report(&Evidence::open(folder.path()).unwrap()).unwrap());
    assert!(page() == page());
}

#[test]
fn text_of_the_record_cannot_become_part_of_the_page() {
    let page = html(&of(&Fixture::default()));
    assert!(page.contains("two &lt;requests&gt; &amp; more"));
    assert!(page.contains("&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
}

/// The numbers in a text: digits with what belongs to them, when they don't belong to a word such as `p95`.
pub fn numbers(text: &str, into: &mut BTreeSet<String>) {
    let mut before = ' ';
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_ascii_digit() || before.is_alphanumeric() || before == '_' {
            // The point of `p99.9` keeps the word together.
            let inside =
                letter == '.' && letters.peek().is_some_and(char::is_ascii_digit) && before.is_alphanumeric();
            before = if inside { 'p' } else { letter };
            continue;
        }
        let mut number = letter.to_string();
        while let Some(next) = letters.next_if(|next| next.is_ascii_alphanumeric() || ".,:".contains(*next)) {
            number.push(next);
        }
        before = number.chars().last().unwrap_or(' ');
        let number = number.trim_end_matches(['.', ',', ':']);
        if !number.ends_with("th") {
            into.insert(number.to_owned());
        }
    }
}

/// Every way in which the page may put a figure of the JSON.
pub fn shown(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|value| shown(value, into)),
        Value::Array(values) => values.iter().for_each(|value| shown(value, into)),
        Value::String(text) => numbers(text, into),
        Value::Number(number) => {
            let value = number.as_f64().unwrap();
            let mut forms = vec![
                number.to_string(),
                show_us(value),
                show_us(value * 1e6),
                show_number(value),
                show_ratio(value),
                show_count(value as i64),
                words::length(value),
            ];
            if let Some(whole) = number.as_u64() {
                forms.extend([words::clock(whole), words::bytes(whole)]);
            }
            forms.iter().for_each(|form| numbers(form, into));
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// The text of a page without its style, its attributes, and the ticks of its axes, which are no figures.
pub fn text_of(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let pieces = body.split('<').filter(|piece| !piece.contains("class=\"tick\""));
    let text = pieces.filter_map(|piece| piece.split_once('>')).map(|(_, text)| text);
    text.collect::<Vec<_>>().join("\n").replace(['\u{2060}', '\u{a0}'], " ")
}

#[test]
fn every_number_on_the_page_is_in_the_json() {
    for (name, fixture) in runs() {
        let report = of(&fixture);
        let (mut known, mut found) = (BTreeSet::new(), BTreeSet::new());
        shown(&serde_json::to_value(&report).unwrap(), &mut known);
        // The confidence of an interval is its name, as 99 is of the 99th percentile.
        known.insert("95".to_owned());
        numbers(&text_of(&html(&report)), &mut found);
        assert!(found.len() > 50, "{name}: too few numbers found to have checked anything");
        let unknown: Vec<&String> = found.difference(&known).collect();
        assert!(unknown.is_empty(), "{name}: not in the JSON: {unknown:?}");
    }
}

#[test]
fn a_number_that_is_not_in_the_json_would_be_found() {
    let mut found = BTreeSet::new();
    numbers("p95 is 1,234.5 ms at 0:30, not p99.9, the 99.9th, in 12.", &mut found);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["0:30", "1,234.5", "12"]);
}

#[test]
fn a_stretch_that_is_not_judged_is_shaded_and_named() {
    let page = html(&of(&Fixture { seconds: 24, ..Fixture::default() }));
    assert!(page.contains(">warm-up</text>"));
    assert!(!html(&of(&Fixture { warm_up_s: 0, ..Fixture::default() })).contains(">warm-up</text>"));
}

/// Relative luminance of `#rrggbb` or `#rgb` (WCAG 2.2, "relative luminance").
fn luminance(color: &str) -> f64 {
    let digits = color.trim_start_matches('#');
    let wide =
        if digits.len() == 3 { digits.chars().flat_map(|it| [it, it]).collect() } else { digits.to_owned() };
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&wide[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_and_lines_stand_out_from_what_they_stand_on_light_dark_and_printed() {
    let themes: Vec<&str> = STYLE.split(":root{").skip(1).map(|it| it.split('}').next().unwrap()).collect();
    assert_eq!(themes.len(), 3);
    for theme in themes {
        let value = |name: &str| {
            let found = theme.split(';').find_map(|it| it.strip_prefix(&format!("--{name}:")));
            found.unwrap_or_else(|| panic!("{name} is missing in {theme}"))
        };
        for ground in ["bg", "card"] {
            for text in ["ink", "mute", "ok", "warn", "bad", "a-text", "b-text", "c-text", "d-text", "e-text"]
            {
                let ratio = contrast(value(text), value(ground));
                assert!(ratio >= 4.5, "{text} on {ground}: {ratio:.2} in {theme}");
            }
            for line in ["a", "b", "c", "d", "e"] {
                let ratio = contrast(value(line), value(ground));
                assert!(ratio >= 3.0, "{line} on {ground}: {ratio:.2} in {theme}");
            }
        }
        // A heat map's cells are told apart by how light they are alone, and the faintest from no cell at all.
        let ramp: Vec<&str> = ["card", "h0", "h1", "h2", "h3", "h4", "h5"].map(value).into();
        let steps: Vec<f64> = ramp.windows(2).map(|pair| contrast(pair[0], pair[1])).collect();
        assert!(steps.iter().all(|step| *step >= 1.25), "{steps:?} in {theme}");
        let rises = ramp.windows(2).map(|pair| luminance(pair[1]) > luminance(pair[0]));
        assert_eq!(rises.collect::<BTreeSet<_>>().len(), 1, "one way, in {theme}");
    }
}

#[test]
fn a_heat_map_shows_every_cell_with_its_count_and_never_too_many() {
    let report = of(&Fixture { seconds: 400, warm_up_s: 20, ..Fixture::default() });
    let heat = &report.heat;
    assert!(heat.columns.len() > 30 && heat.columns.len() <= 60 && heat.bands.len() <= 40, "{heat:?}");
    let page = html(&report);
    let cells: usize =
        heat.columns.iter().map(|column| column.counts.iter().filter(|count| **count > 0).count()).sum();
    // Once for a wide page and once for a phone.
    assert_eq!(page.matches("class=\"cell\"").count(), 2 * cells);
    let column = &heat.columns[10];
    let title = format!(
        "{}–{} · {} · {} of {} answers</title>",
        words::clock(column.from_s),
        words::clock(column.to_s),
        crate::charts::band_name(&heat.bands[column.first]),
        show_count(column.counts[0] as i64),
        show_count(column.n as i64)
    );
    assert_eq!(page.matches(&title).count(), 2, "{title}");
    for said in
        ["under 0.1 %", "0.1–1 %", "50 % or more", "share of the answers of its column, 40,000 in all:"]
    {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn figures_of_a_run_are_whole_svg_files_of_their_own_in_plain_colours() {
    let folder = tempfile::tempdir().unwrap();
    let written = crate::export::report_svg(&of(&Fixture::default()), folder.path()).unwrap();
    let mut names = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg width=") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(svg.contains("xmlns=\"http://www.w3.org/2000/svg\"") && !svg.contains("var(--"), "{svg}");
        well_formed("svg", &svg);
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    assert!(names.len() == written && names.contains(&"heat-map.svg".to_owned()), "{names:?}");
}

#[test]
fn a_figure_without_data_is_said_in_words_and_not_drawn() {
    let figures = |fixture: &Fixture| html(&of(fixture)).matches("<figure>").count();
    let all = figures(&Fixture::default());
    assert_eq!(figures(&Fixture { per_s: 0, failed_per_s: 50, ..Fixture::default() }), all - 3);
    // Neither percentiles nor the target's counters have a judged second.
    assert_eq!(figures(&Fixture { warm_up_s: 60, ..Fixture::default() }), all - 2);
    assert_eq!(figures(&Fixture { observed: false, budgets: Vec::new(), ..Fixture::default() }), all - 1);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]
    #[test]
    fn any_record_with_a_request_in_it_makes_a_whole_page(
        seconds in 1u64..40, warm_up_s in 0u64..45, per_s in 0u64..30, failed_per_s in 0u64..4, dropped_per_s in 0u64..3,
        closed: bool, killed: bool, observed: bool,
    ) {
        let fixture = Fixture {
            seconds,
            warm_up_s,
            model: if closed { Model::Closed } else { Model::Open },
            state: if killed { State::Running } else { State::Finished },
            per_s: per_s.max(u64::from(failed_per_s == 0)),
            failed_per_s,
            dropped_per_s,
            observed,
            ..Fixture::default()
        };
        let page = html(&of(&fixture));
        well_formed("any", &page);
        proptest::prop_assert!(!page.contains("NaN") && !page.contains("inf"), "{fixture:?}");
    }
}
