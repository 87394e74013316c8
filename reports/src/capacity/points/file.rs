use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use record::unit::parse_duration;

use super::{Axis, Point, Points};
use crate::failure::Failure;

const RIGHT: &str = "write a header `concurrency,throughput` or `concurrency,throughput,latency` and a line a point, such as \
                     `8,410,19.5ms`";

/// Names of a column that people use for the same thing.
const CONCURRENCY: [&str; 9] =
    ["concurrency", "n", "load", "users", "vus", "clients", "connections", "threads", "processors"];
const THROUGHPUT: [&str; 6] = ["throughput", "x", "throughput_per_s", "rate", "rps", "requests_per_s"];
/// With the seconds that a plain number in it counts; one without a unit holds durations.
const LATENCY: [(&str, Option<f64>); 4] =
    [("latency", None), ("latency_s", Some(1.0)), ("latency_ms", Some(1e-3)), ("latency_us", Some(1e-6))];

/// Reads the `text` of a CSV file of points, lines that begin with `#` left out.
///
/// # Errors
/// With file and line: a column missing or twice, a number that is none or not above 0.
pub fn points(path: &Path, text: &str) -> Result<Points, Failure> {
    let refuse = |line: u64, what: String| Failure::usage(format!("{}:{line}: {what}", path.display()));
    let mut reader = ReaderBuilder::new().trim(Trim::All).comment(Some(b'#')).from_reader(text.as_bytes());
    let line_of = |error: &csv::Error| error.position().map_or(1, csv::Position::line);
    let header = reader.headers().map_err(|error| refuse(line_of(&error), error.to_string()))?.clone();
    let columns = Columns::of(&header).map_err(|what| refuse(1, what))?;
    let mut points = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| refuse(line_of(&error), format!("{error}; {RIGHT}")))?;
        let line = row.position().map_or(1, csv::Position::line);
        points.push(columns.point(&row).map_err(|what| refuse(line, what))?);
    }
    if points.is_empty() {
        return Err(refuse(1, format!("holds no point; {RIGHT}")));
    }
    Ok(Points { axis: Axis::Given, points, notes: Vec::new() })
}

struct Columns {
    concurrency: usize,
    throughput: usize,
    latency: Option<(usize, Option<f64>)>,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, String> {
        let names: Vec<String> = header.iter().map(str::to_lowercase).collect();
        let find = |known: &[&str]| {
            let mut found = names.iter().enumerate().filter(|(_, name)| known.contains(&name.as_str()));
            match (found.next(), found.next()) {
                (Some((first, one)), Some((_, other))) if first < names.len() => {
                    Err(format!("the columns `{one}` and `{other}` mean the same; keep one"))
                }
                (first, _) => Ok(first.map(|(index, _)| index)),
            }
        };
        let needed = |known: &[&str]| {
            find(known)?
                .ok_or_else(|| format!("no column `{}` among `{}`; {RIGHT}", known[0], names.join(", ")))
        };
        let latency = find(&LATENCY.map(|(name, _)| name))?;
        let unit =
            |index: usize| LATENCY.iter().find(|(name, _)| *name == names[index]).and_then(|(_, unit)| *unit);
        Ok(Self {
            concurrency: needed(&CONCURRENCY)?,
            throughput: needed(&THROUGHPUT)?,
            latency: latency.map(|index| (index, unit(index))),
        })
    }

    fn point(&self, row: &StringRecord) -> Result<Point, String> {
        let number = |name: &str, text: &str| match text.parse::<f64>() {
            Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
            _ => Err(format!("{name} is `{text}`; it must be a number above 0")),
        };
        let latency_s = match self.latency {
            Some((index, _)) if row[index].is_empty() => None,
            Some((index, Some(seconds))) => Some(number("latency", &row[index])? * seconds),
            Some((index, None)) => Some(parse_duration(&row[index])?.as_secs_f64()),
            None => None,
        };
        Ok(Point {
            concurrency: number("concurrency", &row[self.concurrency])?,
            throughput_per_s: number("throughput", &row[self.throughput])?,
            runs: 1,
            mean_s: latency_s,
            latency_s,
            keeps: None,
            load: None,
            observed: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Points, String> {
        points(Path::new("/points.csv"), text)
            .map_err(|failure| failure.message.trim_start_matches('/').to_owned())
    }

    #[test]
    fn columns_go_by_their_usual_names_in_any_order() {
        let found = read("# by hand\nrps, Users, latency_ms\n100, 2, 19.5\n").unwrap();
        assert_eq!(found.pairs(), [(2.0, 100.0)]);
        assert_eq!(found.points[0].latency_s, Some(0.0195));
        assert_eq!(read("n,x,latency\n2,100,1.5s\n").unwrap().points[0].latency_s, Some(1.5));
        assert_eq!(read("n,x,latency\n2,100,\n").unwrap().points[0].latency_s, None);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line() {
        for (text, says) in [
            ("", "points.csv:1: no column `concurrency`"),
            ("n,x\n", "points.csv:1: holds no point"),
            ("n,y\n1,2\n", "points.csv:1: no column `throughput` among `n, y`"),
            ("n,users,x\n1,1,2\n", "points.csv:1: the columns `n` and `users` mean the same"),
            ("n,x\n1,10\n2,NaN\n", "points.csv:3: throughput is `NaN`; it must be a number above 0"),
            ("n,x\n0,10\n", "points.csv:2: concurrency is `0`"),
            ("n,x\n1\n", "points.csv:2: "),
            ("n,x,latency\n1,10,19\n", "points.csv:2: `19` is not a duration"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.starts_with(says), "{message}");
        }
    }
}
