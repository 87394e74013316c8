//! Quantities as people write and read them: one way to parse, one way to print.

use std::time::Duration;

/// Reads `250us`, `200ms`, `1.5s`, `2m` or `1h`; compound forms such as `1m30s` too.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "`{text}` is not a duration; write a number and us, ms, s, m or h, such as `200ms` or `1m30s`"
        )
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        seconds += number
            * match &rest[..letters] {
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3600.0,
                _ => return Err(wrong()),
            };
        rest = rest[letters..].trim_start();
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// A time in microseconds with a unit and two or three significant digits: `840 µs`, `4.1 ms`, `112 ms`, `1.25 s`.
pub fn show_us(us: f64) -> String {
    let (value, unit) = match us.abs() {
        value if value < 999.5 => (us, "µs"),
        value if value < 999_500.0 => (us / 1e3, "ms"),
        _ => (us / 1e6, "s"),
    };
    format!("{} {unit}", show_number(value))
}

/// A ratio as a percentage: `0.02 %`, `83 %`, `0.1 %`.
pub fn show_ratio(ratio: f64) -> String {
    format!("{} %", show_number(ratio * 100.0))
}

/// A number with about three significant digits and thousands separated: `0.02`, `4.1`, `83`, `1,840`.
pub fn show_number(value: f64) -> String {
    let text = match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 99.95 => return show_count(value.round() as i64),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.01 => format!("{value:.2}"),
        size if size >= 1e-6 => format!("{value:.*}", (1.0 - size.log10().floor()) as usize),
        _ => format!("{value:.1e}"),
    };
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A count with thousands separated: `1,000`.
pub fn show_count(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    if value < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let read = |text| parse_duration(text).unwrap().as_secs_f64();
        assert_eq!(read("200ms"), 0.2);
        assert_eq!(read("1m30s"), 90.0);
        assert_eq!(read("1.5 s"), 1.5);
        assert_eq!(read("2h"), 7200.0);
        for wrong in ["", "200", "ms", "2 parsecs", "-1s", "1..5s"] {
            assert!(parse_duration(wrong).unwrap_err().contains("200ms"), "{wrong}");
        }
    }

    #[test]
    fn figures_keep_three_digits_and_a_unit() {
        let shown: Vec<_> = [840.0, 4_100.0, 112_400.0, 999_600.0, 1_250_000.0].map(show_us).into();
        assert_eq!(shown, ["840 µs", "4.1 ms", "112 ms", "1 s", "1.25 s"]);
        assert_eq!([0.0002, 0.83, 0.001, 1.0].map(show_ratio), ["0.02 %", "83 %", "0.1 %", "100 %"]);
        assert_eq!([1840.0, 0.0, 12.345].map(show_number), ["1,840", "0", "12.3"]);
        assert_eq!([0.0099, 0.00012, 1e-9].map(show_number), ["0.0099", "0.00012", "1.0e-9"]);
        assert_eq!(show_count(-1_234_567), "-1,234,567");
    }
}
