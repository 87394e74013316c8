//! Sums of a document's own figures: numbers and ranges, `+ - * / ( )`, and figures of other claims by `@id`.

use std::collections::BTreeMap;

use record::unit::show_number;
use serde::{Deserialize, Serialize};

/// A sum as a claims file has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// What comes out.
    pub what: String,
    /// What is worked out: `20..30 * 4`.
    pub sum: String,
    /// What the document says comes out; nothing where the sum only tells what its figures mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<String>,
    /// The unit of both.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Whether the document gives it as a round figure: then [`ROUNDED`] is no error, else [`EXACT`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rounded: bool,
}

/// How far a round figure may be from its sum, relative.
const ROUNDED: f64 = 0.05;
/// How far any figure may be from its sum, relative: the last digit of three.
const EXACT: f64 = 0.005;

/// Brackets within brackets are read by calls within calls.
const LONGEST: usize = 400;

/// What came of a sum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worked {
    /// What comes out.
    pub what: String,
    /// The whole sum in words: `20–30 × 4 = 80–120 cores, not 240`.
    pub text: String,
    /// The least that comes out.
    pub low: f64,
    /// The most.
    pub high: f64,
    /// The unit.
    pub unit: String,
    /// Whether what the document says can come out; nothing where it says nothing.
    pub holds: Option<bool>,
}

/// From the least to the most that a figure can be.
pub type Range = (f64, f64);

impl Sum {
    /// Works it out; `figures` are those of the claims by id.
    ///
    /// # Errors
    /// A sentence: what is no sum, or names a claim without a figure.
    pub fn work_out(&self, figures: &BTreeMap<String, Range>) -> Result<Worked, String> {
        let ((low, high), mut text) = work_out(&self.sum, figures)?;
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        // One figure of another claim is no sum that would be worth an equals sign.
        if text == range((low, high)) {
            text += &unit;
        } else {
            text += &format!(" = {}{unit}", range((low, high)));
        }
        let mut holds = None;
        if let Some(stated) = &self.stated {
            let (from, to) = work_out(stated, figures)?.0;
            let slack = if self.rounded { ROUNDED } else { EXACT };
            let can = low - slack * low.abs() <= from && to <= high + slack * high.abs();
            holds = Some(can);
            text += &if can {
                format!("; {} is stated", range((from, to)))
            } else {
                format!(", not {}", range((from, to)))
            };
        }
        Ok(Worked { what: self.what.clone(), text, low, high, unit: self.unit.clone(), holds })
    }
}

fn range((low, high): Range) -> String {
    if low == high { show_number(low) } else { format!("{}–{}", show_number(low), show_number(high)) }
}

/// The value of a sum, and the sum as people write it.
fn work_out(text: &str, figures: &BTreeMap<String, Range>) -> Result<(Range, String), String> {
    if text.len() > LONGEST {
        return Err(format!("a sum has at most {LONGEST} characters"));
    }
    let mut reader = Reader { rest: text.trim(), figures, shown: String::new() };
    let value = reader.terms().map_err(|why| format!("`{text}` is no sum: {why}"))?;
    if !reader.rest.is_empty() {
        return Err(format!("`{text}` is no sum: `{}` is left over", reader.rest));
    }
    if !value.0.is_finite() || !value.1.is_finite() {
        return Err(format!("`{text}` is no sum: it divides by 0"));
    }
    Ok((value, reader.shown))
}

struct Reader<'a> {
    rest: &'a str,
    figures: &'a BTreeMap<String, Range>,
    shown: String,
}

impl Reader<'_> {
    fn takes(&mut self, sign: char) -> bool {
        let Some(rest) = self.rest.strip_prefix(sign) else { return false };
        self.rest = rest.trim_start();
        self.shown += match sign {
            '+' => " + ",
            '-' => " − ",
            '*' => " × ",
            '/' => " ÷ ",
            '(' => "(",
            _ => ")",
        };
        true
    }

    fn terms(&mut self) -> Result<Range, String> {
        let mut value = self.factors()?;
        loop {
            if self.takes('+') {
                let other = self.factors()?;
                value = (value.0 + other.0, value.1 + other.1);
            } else if self.takes('-') {
                let other = self.factors()?;
                value = (value.0 - other.1, value.1 - other.0);
            } else {
                return Ok(value);
            }
        }
    }

    fn factors(&mut self) -> Result<Range, String> {
        let mut value = self.factor()?;
        loop {
            let other = if self.takes('*') {
                self.factor()?
            } else if self.takes('/') {
                let (low, high) = self.factor()?;
                if low <= 0.0 && high >= 0.0 {
                    return Err("it divides by 0".to_owned());
                }
                (1.0 / high, 1.0 / low)
            } else {
                return Ok(value);
            };
            let ends = [value.0 * other.0, value.0 * other.1, value.1 * other.0, value.1 * other.1];
            value = (
                ends.iter().copied().fold(f64::INFINITY, f64::min),
                ends.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            );
        }
    }

    fn factor(&mut self) -> Result<Range, String> {
        if self.takes('(') {
            let value = self.terms()?;
            return if self.takes(')') { Ok(value) } else { Err("a `)` is missing".to_owned()) };
        }
        let end =
            self.rest.find(|c: char| c.is_whitespace() || "+*()".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        // Ids hold dashes and strokes; so what follows an id is set off by a space.
        let value = match word.strip_prefix('@') {
            Some(id) => *self.figures.get(id).ok_or_else(|| format!("no claim `{id}` has a figure"))?,
            None => literal(word)?,
        };
        self.rest = rest.trim_start();
        self.shown += &range(value);
        Ok(value)
    }
}

/// `4` or `20..30`.
fn literal(word: &str) -> Result<Range, String> {
    let number = |text: &str| {
        let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
        value.ok_or_else(|| {
            format!(
                "`{word}` is neither a number, nor a range such as `20..30`, nor `@` and the id of a claim"
            )
        })
    };
    let (low, high) = match word.split_once("..") {
        Some((low, high)) => (number(low)?, number(high)?),
        None => (number(word)?, number(word)?),
    };
    if low <= high { Ok((low, high)) } else { Err(format!("`{word}` ends before it begins")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn worked(sum: &str, stated: Option<&str>) -> Result<Worked, String> {
        let figures = BTreeMap::from([("a-1".to_owned(), (20.0, 50.0)), ("a-1/2".to_owned(), (15.0, 30.0))]);
        let stated = stated.map(str::to_owned);
        Sum { what: String::new(), sum: sum.to_owned(), stated, unit: "x".to_owned(), rounded: false }
            .work_out(&figures)
    }

    #[test]
    fn a_sum_that_cannot_come_out_is_an_error_and_is_shown() {
        let cores = worked("20..30 * 4", Some("240")).unwrap();
        assert_eq!((cores.holds, cores.text.as_str()), (Some(false), "20–30 × 4 = 80–120 x, not 240"));
        assert_eq!(worked("30 * 4", Some("120")).unwrap().holds, Some(true));
        let relief = worked("1 / (1 - 0.70..0.80)", Some("5..10")).unwrap();
        assert_eq!(
            (relief.holds, relief.text.as_str()),
            (Some(false), "1 ÷ (1 − 0.7–0.8) = 3.33–5 x, not 5–10")
        );
        let day = worked("500000 / 86400", Some("5.79")).unwrap();
        assert_eq!((day.holds, day.text.as_str()), (Some(true), "500,000 ÷ 86,400 = 5.79 x; 5.79 is stated"));
        let parts = worked("@a-1 + @a-1/2", Some("50")).unwrap();
        assert_eq!((parts.low, parts.high, parts.holds), (35.0, 80.0, Some(true)));
        assert_eq!(worked("50", None).unwrap().text, "50 x");
    }

    #[test]
    fn what_is_no_sum_is_refused_with_a_reason() {
        for (sum, says) in [
            ("", "neither a number"),
            ("2 +", "neither a number"),
            ("2 3", "`3` is left over"),
            ("(2", "a `)` is missing"),
            ("1 / 0", "it divides by 0"),
            ("1 / (1 - 1)", "it divides by 0"),
            ("30..20", "ends before it begins"),
            ("@b", "no claim `b` has a figure"),
            ("1e400", "neither a number"),
        ] {
            let message = worked(sum, None).unwrap_err();
            assert!(message.contains(says), "{sum}: {message}");
        }
    }

    proptest! {
        #[test]
        fn what_can_come_out_lies_between_the_ends(a in 1.0f64..100.0, b in 1.0f64..100.0, c in 1.0f64..100.0, d in 1.0f64..100.0, x in 0.0f64..=1.0, y in 0.0f64..=1.0) {
            let ((a, b), (c, d)) = ((a.min(b), a.max(b)), (c.min(d), c.max(d)));
            let (one, other) = (a + (b - a) * x, c + (d - c) * y);
            for (sign, value) in [("+", one + other), ("-", one - other), ("*", one * other), ("/", one / other)] {
                let Worked { low, high, .. } = worked(&format!("{a}..{b} {sign} {c}..{d}"), None).unwrap();
                prop_assert!(low <= value + 1e-9 && value <= high + 1e-9, "{sign}: {value} in {low}..{high}");
            }
        }

        #[test]
        fn no_text_makes_it_fall(text in "[0-9.@+*/() -]{0,24}") {
            let _ = worked(&text, Some(&text));
        }
    }
}
