//! Values made up as a user goes, from its own stream of random numbers.

use std::fmt::{self, Write};

use chrono::{Datelike, Timelike, Utc};
use rand::{RngExt, rngs::ChaCha8Rng};
use rand_distr::{Distribution, Zipf};

use super::{data::DataSet, session::Session};

/// The words that sentences are made of: what people write into task lists.
const WORDS: [&str; 96] = [
    "answer", "archive", "ask", "batch", "before", "board", "book", "bring", "budget", "build", "buy",
    "call", "check", "clean", "collect", "compare", "copy", "customer", "deliver", "design", "draft",
    "early", "email", "estimate", "evening", "every", "figures", "file", "final", "finish", "fix", "follow",
    "for", "forward", "Friday", "from", "garden", "give", "house", "invoice", "invite", "kitchen", "label",
    "late", "letter", "list", "look", "lunch", "measure", "meeting", "message", "Monday", "month", "morning",
    "move", "new", "next", "notes", "office", "old", "open", "order", "pack", "paint", "paper", "pay",
    "phone", "photos", "plan", "plants", "prepare", "print", "quarter", "question", "read", "report",
    "return", "review", "room", "school", "second", "sell", "send", "share", "short", "sort", "start",
    "table", "team", "test", "the", "ticket", "to", "update", "week", "write",
];

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
    /// This many words.
    Sentence(u32),
    /// The time of day in UTC, RFC 3339 with milliseconds.
    Now,
    /// Number of the user, from 0.
    UserIndex,
    /// Number of the iteration of the user, from 0.
    Iteration,
}

impl Generator {
    /// Whether what it makes is a number.
    pub const fn is_number(&self) -> bool {
        matches!(self, Self::Int(..) | Self::Rank(_) | Self::UserIndex | Self::Iteration)
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
            Self::Sentence(words) => (0..*words).try_for_each(|index| {
                if index > 0 {
                    out.write_char(' ')?;
                }
                out.write_str(WORDS[session.rng.random_range(0..WORDS.len())])
            }),
            Self::Now => write_now(out),
            Self::UserIndex => write!(out, "{}", session.user_index),
            Self::Iteration => write!(out, "{}", session.iteration),
        }
    }
}

/// A rank from 1.
fn rank(law: &Zipf<f64>, rng: &mut ChaCha8Rng) -> u64 {
    (law.sample(rng) as u64).max(1)
}

#[allow(clippy::disallowed_methods, reason = "a request that carries the time of day carries the real one")]
fn write_now(out: &mut impl Write) -> fmt::Result {
    let now = Utc::now();
    write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        now.year(),
        now.month(),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.timestamp_subsec_millis()
    )
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
        for generator in [Generator::Uuid, Generator::Int(1, 1000), Generator::Sentence(5)] {
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
        assert!(chrono::DateTime::parse_from_rfc3339(&draws(&Generator::Now, 1, 1)[0]).is_ok());
        assert_eq!(draws(&Generator::UserIndex, 1, 1), ["3"]);
        assert_eq!(draws(&Generator::Iteration, 1, 1), ["8"]);
        assert_eq!(draws(&Generator::Sentence(4), 1, 1)[0].split(' ').count(), 4);
    }
}
