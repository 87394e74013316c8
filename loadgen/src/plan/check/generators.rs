//! Generators: values that are made up during the run, `${int(1,100)}`.

use chrono::TimeDelta;
use rand_distr::Zipf;
use record::unit::parse_duration;

use super::Check;
use crate::{flow::generate::Generator, plan::problem::suggest};

/// Each generator as it is written.
pub const GENERATORS: [&str; 20] = [
    "uuid",
    "int(1,100)",
    "float(0,1)",
    "normal(100,15)",
    "zipf(set.column, 1.1)",
    "choice(a,b,c)",
    "word()",
    "sentence(5)",
    "paragraph(3)",
    "name()",
    "email()",
    "hex(16)",
    "alnum(8)",
    "now",
    "now(+7d)",
    "date()",
    "date(+7d)",
    "unix()",
    "unix_ms()",
    "iteration",
];

/// What [`Generator::Sentence`] and its like make at most of.
const MOST: u32 = 10_000;

/// The generators that need no brackets; no variable can have their names.
pub fn generator_of_name(name: &str) -> Option<Generator> {
    Some(match name {
        "uuid" => Generator::Uuid,
        "now" => Generator::Now(TimeDelta::zero()),
        "iteration" => Generator::Iteration,
        "user.index" => Generator::UserIndex,
        _ => return None,
    })
}

fn names() -> impl Iterator<Item = &'static str> {
    GENERATORS.iter().map(|written| written.split('(').next().unwrap_or(written))
}

impl Check<'_> {
    /// The generator of a placeholder with brackets.
    pub fn generator(&self, inside: &str) -> Result<Generator, String> {
        let open = inside.find('(').unwrap_or(inside.len());
        let name = inside[..open].trim();
        let Some(args) = inside[open..].trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
        else {
            return Err(format!("`{inside}` has no closing `)`"));
        };
        let args: Vec<&str> =
            if args.trim().is_empty() { Vec::new() } else { args.split(',').map(str::trim).collect() };
        match (name, args.as_slice()) {
            ("int", [from, to]) => match (from.parse::<i64>(), to.parse::<i64>()) {
                (Ok(from), Ok(to)) if from <= to => Ok(Generator::Int(from, to)),
                _ => Err(format!(
                    "`{inside}`: write two whole numbers, the smaller first, such as `int(1,100)`"
                )),
            },
            ("float", [from, to]) => match (decimal(from), decimal(to)) {
                (Some(from), Some(to)) if from.0 <= to.0 => {
                    // `float(0,1)` of no decimals would be 0 or 1.
                    Ok(Generator::Float(from.0, to.0, from.1.max(to.1).max(2)))
                }
                _ => Err(format!("`{inside}`: write two numbers, the smaller first, such as `float(0,1)`")),
            },
            ("normal", [mean, deviation]) => match (decimal(mean), decimal(deviation)) {
                (Some(mean), Some(deviation)) if deviation.0 >= 0.0 => {
                    Ok(Generator::Normal(mean.0, deviation.0, mean.1.max(deviation.1)))
                }
                _ => Err(format!(
                    "`{inside}`: write a mean and a standard deviation, such as `normal(100,15)`"
                )),
            },
            ("choice", [_, ..]) if args.iter().all(|it| !it.is_empty()) => {
                Ok(Generator::Choice(args.iter().map(|it| (*it).to_owned()).collect()))
            }
            ("choice", _) => Err(format!(
                "`{inside}`: write what to choose from, with commas between, such as `choice(a,b,c)`"
            )),
            ("sentence", [words]) => so_many(inside, words, "words", "sentence(5)").map(Generator::Sentence),
            ("paragraph", [sentences]) => {
                so_many(inside, sentences, "sentences", "paragraph(3)").map(Generator::Paragraph)
            }
            ("hex", [digits]) => so_many(inside, digits, "digits", "hex(16)").map(Generator::Hex),
            ("alnum", [length]) => so_many(inside, length, "characters", "alnum(8)").map(Generator::Alnum),
            ("now", [away]) => offset(inside, away).map(Generator::Now),
            ("date", [away]) => offset(inside, away).map(Generator::Date),
            ("zipf", [over, rest @ ..]) if rest.len() <= 1 => self.zipf(inside, over, rest.first().copied()),
            ("uuid", []) => Ok(Generator::Uuid),
            ("word", []) => Ok(Generator::Sentence(1)),
            ("name", []) => Ok(Generator::Name),
            ("email", []) => Ok(Generator::Email),
            ("now", []) => Ok(Generator::Now(TimeDelta::zero())),
            ("date", []) => Ok(Generator::Date(TimeDelta::zero())),
            ("unix", []) => Ok(Generator::Unix),
            ("unix_ms", []) => Ok(Generator::UnixMs),
            ("iteration", []) => Ok(Generator::Iteration),
            _ if names().any(|other| other == name) => {
                let right = GENERATORS.iter().rfind(|it| it.split('(').next() == Some(name)).unwrap_or(&"");
                Err(format!("`{inside}` has the wrong number of values; write `{right}`"))
            }
            _ => Err(format!("unknown generator `{name}`{}", suggest(name, names()))),
        }
    }

    fn zipf(&self, inside: &str, over: &str, exponent: Option<&str>) -> Result<Generator, String> {
        let wrong = || {
            format!(
                "`{inside}`: write a data set, one of its columns, or a number of values, and an exponent from 0 to 10, \
                 such as `zipf(products.id, 1.1)`"
            )
        };
        let exponent: f64 = exponent.unwrap_or("1").parse().map_err(|_| wrong())?;
        let law = |n: f64| match (0.0..=10.0).contains(&exponent) {
            true => Zipf::new(n, exponent).map_err(|_| wrong()),
            false => Err(wrong()),
        };
        if over.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return match over.parse::<u32>() {
                Ok(n) if n > 0 => law(f64::from(n)).map(Generator::Rank),
                _ => Err(wrong()),
            };
        }
        let (set, column) = match over.split_once('.') {
            Some((set, column)) => self.column(set, Some(column))?,
            None => self.column(over, None)?,
        };
        let rows = self.data.get(set).map_or(1, |set| set.rows());
        Ok(Generator::Popular { set, column, law: law(rows as f64)? })
    }
}

fn so_many(inside: &str, count: &str, what: &str, right: &str) -> Result<u32, String> {
    match count.parse::<u32>() {
        Ok(count) if (1..=MOST).contains(&count) => Ok(count),
        _ => Err(format!("`{inside}`: write a number of {what} from 1 to {MOST}, such as `{right}`")),
    }
}

/// A number and how many decimals it is written with.
fn decimal(text: &str) -> Option<(f64, usize)> {
    let number = text.parse::<f64>().ok().filter(|it| it.is_finite() && it.abs() <= 1e15)?;
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    Some((number, decimals.min(15)))
}

/// How far from now: `+7d`, `-90m`.
fn offset(inside: &str, away: &str) -> Result<TimeDelta, String> {
    let wrong = || format!("`{inside}`: write how far from now, such as `+7d`, `-1d` or `+90m`");
    let (sign, length) = match away.split_at_checked(1) {
        Some(("+", length)) => (1, length),
        Some(("-", length)) => (-1, length),
        _ => return Err(wrong()),
    };
    let seconds = match length.trim().strip_suffix('d') {
        Some(days) => days.trim().parse::<u32>().map_err(|_| wrong())? as f64 * 86_400.0,
        None => parse_duration(length).map_err(|_| wrong())?.as_secs_f64(),
    };
    if seconds > 100.0 * 366.0 * 86_400.0 {
        return Err(format!("`{inside}`: more than a hundred years from now"));
    }
    Ok(TimeDelta::milliseconds((seconds * 1e3) as i64 * sign))
}
