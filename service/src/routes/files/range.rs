//! Which bytes of a file are wanted (RFC 9110 §14).

use std::ops::Range;

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Everything: there is no header, or it is not one range of bytes, which may be ignored.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Nothing,
}

/// What `header` wants of a file of `size` bytes.
pub fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some((unit, set)) = header.and_then(|header| header.split_once('=')) else { return Wanted::All };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::All;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return Wanted::All };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // A number beyond all bounds is beyond the end of the file, too.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            Some(0) => Wanted::Nothing,
            Some(_) if size == 0 => Wanted::Nothing,
            Some(last) => Wanted::Part(size.saturating_sub(last)..size),
            None => Wanted::All,
        },
        (first, last) => match (number(first), last, number(last)) {
            (Some(first), _, Some(last)) if last < first => Wanted::All,
            (Some(first), "", _) | (Some(first), _, Some(_)) if first >= size => Wanted::Nothing,
            (Some(first), "", _) => Wanted::Part(first..size),
            (Some(first), _, Some(last)) => Wanted::Part(first..last.saturating_add(1).min(size)),
            _ => Wanted::All,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_range_of_bytes_is_served_and_everything_else_is_ignored_or_refused() {
        for (header, expected) in [
            ("bytes=0-4", Wanted::Part(0..5)),
            ("Bytes=5-", Wanted::Part(5..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=8-99", Wanted::Part(8..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=5-2", Wanted::All),
            ("bytes=0-1,4-5", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes=", Wanted::All),
            ("lines=0-4", Wanted::All),
        ] {
            assert_eq!(wanted(Some(header), 10), expected, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::All);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_file_and_is_not_empty(text in "(bytes=)?[-0-9,]{0,8}", size in 0u64..1000) {
            if let Wanted::Part(part) = wanted(Some(&text), size) {
                prop_assert!(part.start < part.end && part.end <= size, "{} of {}", text, size);
            }
        }
    }
}
