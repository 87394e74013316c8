//! Values made up as a user goes, from its own stream of random numbers.

mod words;

use std::fmt::{self, Write};

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use rand::{RngExt, rngs::ChaCha8Rng};
use rand_distr::{Distribution, StandardNormal, Zipf};

use self::words::{FAMILY, FIRST, WORDS};
use super::{data::DataSet, session::Session};

/// How a value is made.
#[derive(Debug, Clone, PartialEq)]
pub enum Generator {
    /// A UUID of version 4.
    Uuid,
    /// A whole number from the first to the second, both included, equally likely.
    Int(i64, i64),
    /// A whole number 1..=n, k drawn in proportion to 1/k^s (Zipf's law).
    Rank(Zipf<f64>),
    /// The cell of a data set's row that is drawn by Zipf's law: the first row is the most popular.
    Popular {
        /// Index of the data set in the plan.
        set: usize,
        /// Index of its column.
        column: usize,
        /// Over its rows.
        law: Zipf<f64>,
    },
    /// A number from the first to the second, equally likely, with so many decimals.
    Float(f64, f64, usize),
    /// A number that is normally distributed, by mean and standard deviation, with so many decimals.
    Normal(f64, f64, usize),
    /// This many words.
    Sentence(u32),
    /// This many sentences of five to twelve words.
    Paragraph(u32),
    /// A first and a family name.
    Name,
    /// An address under `example.org`, which no mail leaves for (RFC 2606); hardly ever twice the same.
    Email,
    /// This many digits from 0 to f.
    Hex(u32),
    /// This many letters and digits.
    Alnum(u32),
    /// One of these, equally likely.
    Choice(Vec<String>),
    /// The time of day in UTC, so far from now; RFC 3339 with milliseconds.
    Now(TimeDelta),
    /// The day in UTC, so far from now: `2026-11-21`.
    Date(TimeDelta),
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// Number of the user, from 0.
    UserIndex,
    /// Number of the iteration of the user, from 0.
    Iteration,
}

impl Generator {
    /// Whether what it makes is a number.
    pub const fn is_number(&self) -> bool {
        match self {
            Self::Int(..) | Self::Rank(_) | Self::Float(..) | Self::Normal(..) => true,
            Self::Unix | Self::UnixMs | Self::UserIndex | Self::Iteration => true,
            Self::Uuid | Self::Popular { .. } | Self::Sentence(_) | Self::Paragraph(_) | Self::Name => false,
            Self::Email | Self::Hex(_) | Self::Alnum(_) | Self::Choice(_) | Self::Now(_) | Self::Date(_) => {
                false
            }
        }
    }

    /// Writes a new value.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, data: &[DataSet], session: &mut Session, out: &mut impl Write) -> fmt::Result {
        match self {
            Self::Uuid => {
                let uuid = uuid::Builder::from_random_bytes(session.rng.random()).into_uuid();
                out.write_str(uuid.hyphenated().encode_lower(&mut [0; 36]))
            }
            Self::Int(from, to) => write!(out, "{}", session.rng.random_range(*from..=*to)),
            Self::Rank(law) => write!(out, "{}", rank(law, &mut session.rng)),
            Self::Popular { set, column, law } => {
                let set = &data[*set];
                let row = (rank(law, &mut session.rng) as usize - 1).min(set.rows() - 1);
                out.write_str(set.cell(row, *column))
            }
            Self::Float(from, to, decimals) => {
                let number = from + (to - from) * session.rng.random::<f64>();
                write!(out, "{number:.decimals$}")
            }
            Self::Normal(mean, deviation, decimals) => {
                let z: f64 = StandardNormal.sample(&mut session.rng);
                write!(out, "{:.decimals$}", mean + deviation * z)
            }
            Self::Sentence(words) => write_words(*words, &mut session.rng, out),
            Self::Paragraph(sentences) => (0..*sentences).try_for_each(|index| {
                out.write_str(if index > 0 { " " } else { "" })?;
                let words = session.rng.random_range(5..=12);
                write_words(words, &mut session.rng, out)?;
                out.write_char('.')
            }),
            Self::Name => {
                let [first, family] = [one_of(&FIRST, &mut session.rng), one_of(&FAMILY, &mut session.rng)];
                write!(out, "{first} {family}")
            }
            Self::Email => {
                let [first, family] = [one_of(&FIRST, &mut session.rng), one_of(&FAMILY, &mut session.rng)];
                let (first, family) = (first.to_ascii_lowercase(), family.to_ascii_lowercase());
                write!(out, "{first}.{family}.{:08x}@example.org", session.rng.random::<u32>())
            }
            Self::Hex(digits) => write_of(b"0123456789abcdef", *digits, &mut session.rng, out),
            Self::Alnum(digits) => {
                let all = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
                write_of(all, *digits, &mut session.rng, out)
            }
            Self::Choice(all) => out.write_str(&all[session.rng.random_range(0..all.len())]),
            Self::Now(away) => {
                let time = now() + *away;
                write_date(time, out)?;
                let (hour, minute, second) = (time.hour(), time.minute(), time.second());
                write!(out, "T{hour:02}:{minute:02}:{second:02}.{:03}Z", time.timestamp_subsec_millis())
            }
            Self::Date(away) => write_date(now() + *away, out),
            Self::Unix => write!(out, "{}", now().timestamp()),
            Self::UnixMs => write!(out, "{}", now().timestamp_millis()),
            Self::UserIndex => write!(out, "{}", session.user_index),
            Self::Iteration => write!(out, "{}", session.iteration),
        }
    }
}

/// A rank from 1.
fn rank(law: &Zipf<f64>, rng: &mut ChaCha8Rng) -> u64 {
    (law.sample(rng) as u64).max(1)
}

fn one_of<'w>(words: &[&'w str], rng: &mut ChaCha8Rng) -> &'w str {
    words[rng.random_range(0..words.len())]
}

fn write_words(count: u32, rng: &mut ChaCha8Rng, out: &mut impl Write) -> fmt::Result {
    (0..count).try_for_each(|index| {
        out.write_str(if index > 0 { " " } else { "" })?;
        out.write_str(one_of(&WORDS, rng))
    })
}

fn write_of(characters: &[u8], count: u32, rng: &mut ChaCha8Rng, out: &mut impl Write) -> fmt::Result {
    (0..count).try_for_each(|_| out.write_char(char::from(characters[rng.random_range(0..characters.len())])))
}

#[expect(clippy::disallowed_methods, reason = "a request that carries the time of day carries the real one")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

fn write_date(time: DateTime<Utc>, out: &mut impl Write) -> fmt::Result {
    write!(out, "{:04}-{:02}-{:02}", time.year(), time.month(), time.day())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn session(seed: u64) -> Session {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Session { slots: vec![], rows: vec![], rng, user_index: 3, iteration: 8 }
    }

    fn draws(generator: &Generator, seed: u64, n: usize) -> Vec<String> {
        let mut session = session(seed);
        (0..n)
            .map(|_| {
                let mut out = String::new();
                generator.write(&[], &mut session, &mut out).unwrap();
                out
            })
            .collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_values() {
        for generator in [
            Generator::Uuid,
            Generator::Int(1, 1_000_000),
            Generator::Float(0.0, 1.0, 9),
            Generator::Normal(0.0, 1.0, 9),
            Generator::Sentence(5),
            Generator::Paragraph(2),
            Generator::Name,
            Generator::Email,
            Generator::Hex(16),
            Generator::Alnum(16),
            Generator::Choice(["a", "b", "c"].map(str::to_owned).into()),
        ] {
            assert_eq!(draws(&generator, 5, 20), draws(&generator, 5, 20));
            assert_ne!(draws(&generator, 5, 20), draws(&generator, 6, 20));
        }
    }

    #[test]
    fn a_uuid_is_one_of_version_4() {
        for text in draws(&Generator::Uuid, 1, 50) {
            assert_eq!(uuid::Uuid::parse_str(&text).unwrap().get_version_num(), 4);
        }
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_both_ends() {
        let numbers: Vec<i64> =
            draws(&Generator::Int(-1, 2), 2, 200).iter().map(|it| it.parse().unwrap()).collect();
        assert_eq!((numbers.iter().min(), numbers.iter().max()), (Some(&-1), Some(&2)));
    }

    #[test]
    fn ranks_follow_zipfs_law() {
        let (n, s, samples) = (50_u32, 1.1, 40_000);
        let mut seen = vec![0_u32; n as usize];
        for text in draws(&Generator::Rank(Zipf::new(f64::from(n), s).unwrap()), 3, samples) {
            seen[text.parse::<usize>().unwrap() - 1] += 1;
        }
        let norm: f64 = (1..=n).map(|k| f64::from(k).powf(-s)).sum();
        for k in [1_u32, 2, 5, 20] {
            let expected = f64::from(k).powf(-s) / norm * samples as f64;
            let deviation = (f64::from(seen[k as usize - 1]) - expected).abs() / expected.sqrt();
            assert!(deviation < 5.0, "rank {k}: {} seen, {expected:.0} expected", seen[k as usize - 1]);
        }
    }

    #[test]
    fn now_is_rfc_3339_and_the_rest_is_what_it_says() {
        let now = draws(&Generator::Now(TimeDelta::zero()), 1, 1).remove(0);
        assert!(now.len() == 24 && DateTime::parse_from_rfc3339(&now).is_ok(), "{now}");
        assert_eq!(draws(&Generator::UserIndex, 1, 1), ["3"]);
        assert_eq!(draws(&Generator::Iteration, 1, 1), ["8"]);
        assert_eq!(draws(&Generator::Sentence(4), 1, 1)[0].split(' ').count(), 4);
    }

    #[test]
    fn times_lie_as_far_from_now_as_was_asked() {
        let seconds = |generator: &Generator| -> i64 { draws(generator, 1, 1)[0].parse().unwrap() };
        let in_a_week = draws(&Generator::Now(TimeDelta::days(7)), 1, 1).remove(0);
        let away = DateTime::parse_from_rfc3339(&in_a_week).unwrap().timestamp() - seconds(&Generator::Unix);
        assert!((604_799..=604_801).contains(&away), "{away}");
        assert!((seconds(&Generator::UnixMs) / 1000 - seconds(&Generator::Unix)).abs() <= 1);
        let then = draws(&Generator::Date(TimeDelta::days(-1)), 1, 1).remove(0);
        assert!(then < in_a_week && then.len() == 10, "{then}");
    }

    #[test]
    fn fractions_have_their_decimals_and_their_law() {
        let floats = draws(&Generator::Float(1.5, 2.5, 3), 4, 2_000);
        assert!(floats.iter().all(|it| it.len() == 5 && ("1.500"..="2.500").contains(&it.as_str())));
        let normal: Vec<f64> = draws(&Generator::Normal(100.0, 15.0, 2), 5, 20_000)
            .iter()
            .map(|it| it.parse().unwrap())
            .collect();
        let n = normal.len() as f64;
        let mean = normal.iter().sum::<f64>() / n;
        let deviation = (normal.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / n).sqrt();
        // Five standard errors: 15 / √20,000 of the mean, 15 / √40,000 of the deviation.
        assert!((mean - 100.0).abs() < 0.53 && (deviation - 15.0).abs() < 0.38, "{mean} {deviation}");
    }

    #[test]
    fn digits_letters_and_choices_come_from_their_sets() {
        assert!(
            draws(&Generator::Hex(32), 1, 20)
                .iter()
                .all(|it| it.len() == 32 && it.chars().all(|c| c.is_ascii_hexdigit()))
        );
        assert!(
            draws(&Generator::Alnum(8), 1, 20)
                .iter()
                .all(|it| it.len() == 8 && it.chars().all(char::is_alphanumeric))
        );
        let choice = Generator::Choice(["a", "b"].map(str::to_owned).into());
        let seen: std::collections::BTreeSet<String> = draws(&choice, 1, 50).into_iter().collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(draws(&Generator::Email, 1, 20).iter().all(|it| it.ends_with("@example.org")));
    }
}
