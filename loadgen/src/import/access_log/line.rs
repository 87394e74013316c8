//! One line of an access log, whatever server wrote it.

use std::borrow::Cow;

/// What a line says.
#[derive(Debug, PartialEq)]
pub struct Line<'a> {
    /// Seconds since 1970, UTC.
    pub time_s: f64,
    /// In capital letters.
    pub method: Cow<'a, str>,
    /// Path and query as they were asked for.
    pub target: Cow<'a, str>,
    /// Of the answer.
    pub status: u16,
    /// Who asked.
    pub client: Cow<'a, str>,
    /// With what.
    pub agent: Cow<'a, str>,
}

/// Why a line is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is empty or a comment.
    Empty,
    /// It is in no form that is known.
    Unknown,
    /// It is a log line about something that is no HTTP request: a broken handshake, a port scan.
    NoRequest,
}

/// Reads a line: common or combined log format, with a virtual host before it or anything behind it, or JSON.
pub fn read(line: &str) -> Result<Line<'_>, Unread> {
    let line = line.trim();
    match line.as_bytes().first() {
        None | Some(b'#') => Err(Unread::Empty),
        Some(b'{') => super::json::read(line),
        Some(_) => clf(line),
    }
}

/// `client ident user [time] "METHOD target HTTP/1.1" status bytes "referer" "agent"`.
fn clf(line: &str) -> Result<Line<'_>, Unread> {
    let open = line.find('[').ok_or(Unread::Unknown)?;
    let close = open + line[open..].find(']').ok_or(Unread::Unknown)?;
    let time_s = clf_time(&line[open + 1..close]).ok_or(Unread::Unknown)?;
    let rest = line[close + 1..].trim_start();
    let rest = rest.strip_prefix('"').ok_or(Unread::Unknown)?;
    let (request, rest) = quoted(rest).ok_or(Unread::Unknown)?;
    let mut after = rest.split_ascii_whitespace();
    let status: u16 = after.next().and_then(|it| it.parse().ok()).ok_or(Unread::Unknown)?;
    let mut before = line[..open].split_ascii_whitespace();
    let first = before.next().unwrap_or_default();
    // `vhost:port client ident user`: one word more than there should be.
    let client = if before.clone().count() > 2 && first.contains(':') && !first.contains("::") {
        before.next().unwrap_or(first)
    } else {
        first
    };
    // The agent is the second text in quotes; the first is where the user came from.
    let agent = rest
        .split_once('"')
        .and_then(|(_, rest)| quoted(rest))
        .and_then(|(_, rest)| rest.split_once('"'))
        .and_then(|(_, rest)| quoted(rest))
        .map_or("", |(agent, _)| agent);
    let (method, target) = request_line(request)?;
    Ok(Line {
        time_s,
        method: Cow::Borrowed(method),
        target: Cow::Borrowed(target),
        status,
        client: Cow::Borrowed(client),
        agent: Cow::Borrowed(agent),
    })
}

/// The text up to the closing quote, and what is behind it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some((&text[..at], &text[at + 1..])),
            // Apache and nginx put a backslash before a quote.
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// `GET /path HTTP/1.1`.
pub fn request_line(text: &str) -> Result<(&str, &str), Unread> {
    let (method, rest) = text.split_once(' ').ok_or(Unread::NoRequest)?;
    let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target).trim();
    if !is_method(method) || target.is_empty() {
        return Err(Unread::NoRequest);
    }
    Ok((method, target))
}

/// Whether it is one word of capital letters.
pub fn is_method(method: &str) -> bool {
    (3..=20).contains(&method.len()) && method.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `10/Oct/2000:13:55:36 -0700`.
pub fn clf_time(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 20 {
        return None;
    }
    let number = |from: usize, length: usize| -> Option<i64> { text.get(from..from + length)?.parse().ok() };
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        .iter()
        .position(|it| *it == &text[3..6])? as i64
        + 1;
    if bytes[2] != b'/' || bytes[6] != b'/' || bytes[11] != b':' || bytes[14] != b':' || bytes[17] != b':' {
        return None;
    }
    let days = days_from_civil(number(7, 4)?, month, number(0, 2)?)?;
    let seconds = number(12, 2)? * 3600 + number(15, 2)? * 60 + number(18, 2)?;
    let offset = match text.get(20..).map(str::trim) {
        Some(zone) if zone.len() == 5 => {
            let minutes = zone[1..3].parse::<i64>().ok()? * 60 + zone[3..5].parse::<i64>().ok()?;
            if zone.starts_with('-') { -minutes * 60 } else { minutes * 60 }
        }
        _ => 0,
    };
    Some((days * 86_400 + seconds - offset) as f64)
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMBINED: &str = r#"203.0.113.7 - ann [10/Oct/2000:13:55:36 -0700] "GET /a?b=\"c\" HTTP/1.1" 200 2326 "http://x/" "Mozilla/5.0 (X11)""#;

    #[test]
    fn the_common_forms_are_read() {
        let line = read(COMBINED).unwrap();
        assert_eq!((line.time_s, &*line.method, line.status), (971_211_336.0, "GET", 200));
        assert_eq!(
            (&*line.target, &*line.client, &*line.agent),
            (r#"/a?b=\"c\""#, "203.0.113.7", "Mozilla/5.0 (X11)")
        );
        let common = read(r#"::1 - - [01/Mar/2024:00:00:00 +0000] "POST /x HTTP/2.0" 201 -"#).unwrap();
        assert_eq!((common.time_s, &*common.client, &*common.agent), (1_709_251_200.0, "::1", ""));
        let vhost = format!("example.com:443 {COMBINED}");
        assert_eq!(&*read(&vhost).unwrap().client, "203.0.113.7");
    }

    #[test]
    fn what_is_no_request_is_told_from_what_is_no_log() {
        let broken = r#"203.0.113.7 - - [10/Oct/2000:13:55:36 +0000] "\x16\x03\x01" 400 0 "-" "-""#;
        assert_eq!(read(broken), Err(Unread::NoRequest));
        assert_eq!(read("Oct 10 host app: hello"), Err(Unread::Unknown));
        assert_eq!(read("  "), Err(Unread::Empty));
    }

    proptest! {
        #[test]
        fn times_are_those_of_the_calendar(seconds in 0_i64..4_000_000_000, minutes in -720_i32..840) {
            let zone = chrono::FixedOffset::east_opt(minutes * 60).unwrap();
            let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap().with_timezone(&zone);
            prop_assert_eq!(clf_time(&time.format("%d/%b/%Y:%H:%M:%S %z").to_string()), Some(seconds as f64));
        }

        #[test]
        fn no_line_stops_the_reader(line in any::<String>(), cut in 0..COMBINED.len(), put in any::<String>()) {
            let _ = read(&line);
            let _ = read(&format!("{}{put}{}", &COMBINED[..cut], &COMBINED[cut..]));
        }
    }
}
