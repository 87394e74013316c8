//! Quantities in words that the record has no use for: bytes, lengths and positions of time, instants.

use chrono::DateTime;

/// Bytes with a binary unit and about three digits: `48 MiB`, `1.9 GiB`.
pub fn bytes(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1023.5 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", record::unit::show_number(value), units[unit])
}

/// A position in the run: `0:05`, `12:30`, `1:00:00`.
pub fn clock(second: u64) -> String {
    let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A length of time: `45 s`, `2 min`, `1 h 30 min`, `0.5 s`.
pub fn length(seconds: f64) -> String {
    if seconds < 60.0 || seconds.fract() != 0.0 {
        return format!("{} s", record::unit::show_number(seconds));
    }
    let whole = seconds as u64;
    let parts = [(whole / 3600, "h"), (whole / 60 % 60, "min"), (whole % 60, "s")];
    let parts =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

/// An RFC 3339 instant as people write it: `21 November 2026, 09:00 UTC`; the text itself where it is none.
pub fn instant(text: &str) -> String {
    DateTime::parse_from_rfc3339(text)
        .map_or_else(|_| text.to_owned(), |it| it.to_utc().format("%-d %B %Y, %H:%M UTC").to_string())
}

/// `1 request`, `2 requests`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", record::unit::show_count(count as i64), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_people_say_them() {
        assert_eq!([0, 1_000, 50_331_648, 2_040_109_466].map(bytes), ["0 B", "1,000 B", "48 MiB", "1.9 GiB"]);
        assert_eq!([5, 750, 3600].map(clock), ["0:05", "12:30", "1:00:00"]);
        assert_eq!(
            [0.5, 45.0, 120.0, 5400.0, 90.5].map(length),
            ["0.5 s", "45 s", "2 min", "1 h 30 min", "90.5 s"]
        );
        assert_eq!(instant("2026-11-21T10:00:00+01:00"), "21 November 2026, 09:00 UTC");
        assert_eq!(counted(1, "request", "requests"), "1 request");
    }
}
