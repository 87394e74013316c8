//! Prometheus' text format, version 0.0.4 and what OpenMetrics adds to a line, read line by line.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::borrow::Cow;

/// One line: a value of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    /// Metric name, with the `_bucket`, `_sum`, `_count` or `_total` it is exposed under.
    pub name: Cow<'a, str>,
    /// Labels in the order of the line, unescaped.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The value; may be NaN or infinite.
    pub value: f64,
}

impl Sample<'_> {
    /// A label's value; empty when the series has no such label, which is how Prometheus sees it.
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

/// Reads one line. Nothing for comments, blank lines and lines that are not of the format: one broken line must not
/// cost the rest of the page. Timestamps and exemplars are read over.
pub fn sample(line: &str) -> Option<Sample<'_>> {
    let line = line.trim();
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    let quoted_later = name.is_empty() && rest.starts_with('{');
    if !is_name(name) && !quoted_later {
        return None;
    }
    let mut name = Cow::Borrowed(name);
    let mut labels = Vec::new();
    let rest = match rest.trim_start().strip_prefix('{') {
        Some(inside) => read_labels(inside, &mut name, &mut labels)?,
        None => rest,
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    (!name.is_empty()).then_some(Sample { name, labels, value })
}

/// Whether `text` is a page of this format: empty, or with a comment or a sample on it.
pub fn is_exposition(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    lines.peek().is_none() || lines.any(|line| line.starts_with('#') || sample(line).is_some())
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, '_' | ':'))
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
}

/// Reads from behind `{` to behind `}`. A quoted string without a value is the metric's name (Prometheus 3).
fn read_labels<'a>(
    mut rest: &'a str,
    name: &mut Cow<'a, str>,
    labels: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
) -> Option<&'a str> {
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if let Some(behind) = rest.strip_prefix('}') {
            return Some(behind);
        }
        let label = if let Some(quoted) = rest.strip_prefix('"') {
            let (text, behind) = read_quoted(quoted)?;
            rest = behind.trim_start();
            if !rest.starts_with('=') {
                *name = text;
                continue;
            }
            text
        } else {
            let (text, _) = rest.split_once('=')?;
            rest = &rest[text.len()..];
            Cow::Borrowed(text.trim_end())
        };
        let value = rest.strip_prefix('=')?.trim_start().strip_prefix('"')?;
        let (value, behind) = read_quoted(value)?;
        labels.push((label, value));
        rest = behind;
    }
}

/// Reads from behind the opening quote to behind the closing one; undoes `\\`, `\"` and `\n`.
fn read_quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let plain = text.find(['"', '\\'])?;
    if text[plain..].starts_with('"') {
        return Some((Cow::Borrowed(&text[..plain]), &text[plain + 1..]));
    }
    let mut unescaped = text[..plain].to_owned();
    let mut letters = text[plain..].char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((Cow::Owned(unescaped), &text[plain + at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => unescaped.push('\n'),
                escaped @ ('"' | '\\') => unescaped.push(escaped),
                other => unescaped.extend(['\\', other]),
            },
            _ => unescaped.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the format's documentation.
    const DOCUMENTED: &str = r#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320
"#;

    #[test]
    fn the_documented_example_is_read_whole() {
        let samples: Vec<_> = DOCUMENTED.lines().filter_map(sample).collect();
        assert_eq!(samples.len(), 9);
        assert_eq!((samples[0].value, samples[0].label("code")), (1027.0, "200"));
        assert_eq!(samples[2].label("path"), r"C:\DIR\FILE.TXT");
        assert_eq!(samples[2].label("error"), "Cannot find file:\n\"FILE.TXT\"");
        assert_eq!(samples[3].value, 12.47);
        assert_eq!(samples[4].value, f64::INFINITY);
        assert_eq!(samples[6].label("le"), "+Inf");
        assert_eq!(samples[6].label("absent"), "");
    }

    #[test]
    fn exemplars_quoted_names_and_nan_are_read() {
        let exemplar = sample(r#"foo_bucket{le="1"} 11 # {trace_id="a}b"} 0.67 1520879607.789"#).unwrap();
        assert_eq!((exemplar.value, exemplar.label("le")), (11.0, "1"));
        let quoted = sample(r#"{"http.server.requests", "the route"="/a{b}"} 3"#).unwrap();
        assert_eq!((&*quoted.name, quoted.label("the route")), ("http.server.requests", "/a{b}"));
        assert!(sample("up NaN").unwrap().value.is_nan());
        assert_eq!(sample("up {a=\"b\" , } 1e-3 ").unwrap().value, 1e-3);
    }

    #[test]
    fn a_page_of_something_else_is_told_apart() {
        assert!(is_exposition("") && is_exposition("\n# EOF\n") && is_exposition("up 1"));
        assert!(!is_exposition("<html>\n<p>Please sign in, 12 users did\n"));
        assert!(!is_exposition("{\"up\": 1}"));
    }

    #[test]
    fn broken_lines_are_left_out() {
        for line in
            ["up", "up x", "up{a=\"b\" 1", "up{a=b} 1", "up{a=\"b", "1up 1", "{} 1", "{a=\"b\"} 1", "#up 1"]
        {
            assert_eq!(sample(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(line in "\\PC{0,80}", braces in "[a-z{}\"\\\\=, #0-9.+é]{0,60}") {
            let _ = (sample(&line), sample(&braces), is_exposition(&braces));
        }

        #[test]
        fn what_is_written_by_the_format_s_rules_is_read_back(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
            labels in prop::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,8}", "\\PC{0,12}|[\\\\\"\n,{}=]{0,6}"), 0..4),
            value in -1e12f64..1e12,
        ) {
            let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let written: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escape(value))).collect();
            let line = format!("{name}{{{}}} {value}", written.join(","));
            let read = sample(&line).expect("a line of the format");
            prop_assert_eq!(&*read.name, &name);
            prop_assert_eq!(read.value, value);
            let read: Vec<_> = read.labels.into_iter().map(|(a, b)| (a.into_owned(), b.into_owned())).collect();
            prop_assert_eq!(read, labels);
        }
    }
}
