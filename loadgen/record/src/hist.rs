use std::{collections::BTreeMap, fmt, str::FromStr};

/// A histogram of microseconds.
pub type Histogram = hdrhistogram::Histogram<u64>;

/// Histograms by what they measure.
pub type Histograms = BTreeMap<Tag, Histogram>;

/// Significant decimal digits kept of every value.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// The longest time told apart, microseconds (120 s); longer ones are recorded as this.
pub const HIGHEST_US: u64 = 120_000_000;

/// An empty histogram of 3 significant digits that grows with the values it meets, so that the thousands of
/// small ones a run holds stay small.
pub fn new_histogram() -> Histogram {
    let mut histogram =
        Histogram::new_with_bounds(1, 2048, SIGNIFICANT_DIGITS).expect("bounds are constants");
    histogram.auto(true);
    histogram
}

/// What a histogram of a request measures. All times are microseconds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Due instant → last byte of the body, of successful requests.
    Response,
    /// Sent → last byte, of successful requests.
    Service,
    /// Due → sent, of every request that found a free user waiting: the generator's own lateness.
    Lag,
    /// Sent → first byte of the response head, of every answered request.
    FirstByte,
    /// Opening a TCP connection, where the request had to.
    Connect,
    /// TLS handshake, where the request had to.
    Tls,
    /// Due → end of a block of requests that all went well; the requests are recorded by themselves as well, so a block is
    /// no further request.
    Block,
    /// Due → given up or answered wrongly, of the failed requests of one kind (`timeout`, `status_500`, …).
    Error(String),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response => f.write_str("response"),
            Self::Service => f.write_str("service"),
            Self::Lag => f.write_str("lag"),
            Self::FirstByte => f.write_str("first_byte"),
            Self::Connect => f.write_str("connect"),
            Self::Tls => f.write_str("tls"),
            Self::Block => f.write_str("block"),
            Self::Error(kind) => write!(f, "error:{kind}"),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "response" => Self::Response,
            "service" => Self::Service,
            "lag" => Self::Lag,
            "first_byte" => Self::FirstByte,
            "connect" => Self::Connect,
            "tls" => Self::Tls,
            "block" => Self::Block,
            _ => match text.strip_prefix("error:") {
                Some(kind) if !kind.is_empty() => Self::Error(kind.to_owned()),
                _ => return Err(format!("unknown kind of latency `{text}`")),
            },
        })
    }
}

/// The tag of a histogram in an interval log: `request name/kind`, the name percent-encoded where the format
/// has no room for a character (comma, white space, slash, percent, control).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// The request's name in the scenario.
    pub request: String,
    /// What is measured of it.
    pub kind: Kind,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.request.bytes() {
            if byte.is_ascii_graphic() && !matches!(byte, b',' | b'/' | b'%') {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        write!(f, "/{}", self.kind)
    }
}

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, kind) = text.rsplit_once('/').ok_or_else(|| format!("tag `{text}` has no `/kind`"))?;
        let mut bytes = Vec::with_capacity(name.len());
        let mut rest = name.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let digits: Vec<u8> = rest.by_ref().take(2).collect();
            let decoded = std::str::from_utf8(&digits).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
            bytes.push(decoded.ok_or_else(|| format!("tag `{text}` has a broken percent-encoding"))?);
        }
        let request = String::from_utf8(bytes).map_err(|_| format!("tag `{text}` is not UTF-8"))?;
        Ok(Self { request, kind: kind.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_tag_of_any_name_is_read_back_and_fits_the_log_format(request in ".{0,40}", error in "[a-z_0-9]{1,12}") {
            for kind in [Kind::Response, Kind::FirstByte, Kind::Error(error.clone())] {
                let tag = Tag { request: request.clone(), kind };
                let text = tag.to_string();
                prop_assert!(!text.contains([',', ' ', '\n', '\r', '\t']));
                prop_assert_eq!(text.parse::<Tag>(), Ok(tag));
            }
        }

        #[test]
        fn merging_histograms_equals_recording_into_one(values in prop::collection::vec(1u64..HIGHEST_US, 1..400), split in 0usize..400) {
            let split = split.min(values.len());
            let (mut one, mut left, mut right) = (new_histogram(), new_histogram(), new_histogram());
            for value in &values { one.record(*value).unwrap(); }
            for value in &values[..split] { left.record(*value).unwrap(); }
            for value in &values[split..] { right.record(*value).unwrap(); }
            left.add(&right).unwrap();
            prop_assert_eq!(left, one);
        }
    }
}
