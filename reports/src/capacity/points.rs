//! The measured points of a fit, and where they come from.

mod file;
mod runs;
mod search;
mod tools;

use std::path::PathBuf;

use record::Capacity;
use serde::Serialize;

use crate::failure::Failure;

/// Throughput at one concurrency, from one run or the mean of several.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// How many are served at once, on average.
    pub concurrency: f64,
    /// What is got done, per second.
    pub throughput_per_s: f64,
    /// Runs behind it.
    pub runs: u64,
    /// Mean time of one, seconds.
    pub mean_s: Option<f64>,
    /// The figure that a latency limit is held against, seconds: the upper end of the 95 % interval of p95 where there is a
    /// record, else the latency as given.
    pub latency_s: Option<f64>,
    /// Whether it keeps its limit: that of `--slo`, else the budgets of the record; nothing where that is open.
    pub keeps: Option<bool>,
    /// The load as it was set, where concurrency only followed from it: runs at one load are one point.
    #[serde(skip)]
    pub load: Option<f64>,
    /// Values observed of the target.
    #[serde(skip)]
    pub observed: Vec<(String, f64)>,
}

/// What concurrency counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// As the file says.
    Given,
    /// Users of a closed model, thinking or waiting; of other tools, their users or connections.
    Users,
    /// Requests in flight: throughput × mean response time.
    InFlight,
}

impl Axis {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Given => "concurrency as given",
            Self::Users => "users",
            Self::InFlight => "mean requests in flight (Little's law: throughput × mean response time)",
        }
    }
}

/// The points of a fit.
#[derive(Debug, Clone)]
pub struct Points {
    /// What concurrency counts.
    pub axis: Axis,
    /// One a concurrency, in its order.
    pub points: Vec<Point>,
    /// What a reader must know of them, one sentence each.
    pub notes: Vec<String>,
}

impl Points {
    /// Concurrency and throughput.
    pub fn pairs(&self) -> Vec<(f64, f64)> {
        self.points.iter().map(|point| (point.concurrency, point.throughput_per_s)).collect()
    }
}

/// Reads the points of `inputs`: one CSV file, or results of k6, Goose or wrk, or folders of run records and capacity searches. `slo_s` is
/// the latency to keep, seconds.
///
/// # Errors
/// Not to be read, or not of one kind; a number that is none, with file and line; nothing that can be a point.
pub fn points(inputs: &[PathBuf], slo_s: Option<f64>) -> Result<Points, Failure> {
    let searches = inputs.iter().filter(|input| input.join(Capacity::FILE).is_file()).count();
    let files = inputs.iter().filter(|input| input.is_file()).count();
    let mut found = match (inputs, files, searches) {
        (results, count, _) if count == results.len() => of_files(results)?,
        (_, 0, 0) => runs::points(inputs)?,
        (folders, 0, _) => of_searches(folders)?,
        _ => {
            return Err(Failure::usage(
                "give one CSV file, or the results of another tool, or the folders of capacity searches and run records; points \
                 of different kinds do not belong on one line",
            ));
        }
    };
    found.points = means(found.points);
    if let Some(slo_s) = slo_s {
        if found.points.iter().all(|point| point.latency_s.is_none()) {
            return Err(Failure::usage(
                "--slo needs a latency for the points: add a column `latency` with durations such as `12ms`",
            ));
        }
        for point in &mut found.points {
            point.keeps = point.latency_s.map(|latency_s| latency_s <= slo_s);
        }
    }
    Ok(found)
}

/// The rates of capacity searches, and of single runs beside them.
fn of_searches(folders: &[PathBuf]) -> Result<Points, Failure> {
    let (searches, records): (Vec<PathBuf>, Vec<PathBuf>) =
        folders.iter().cloned().partition(|folder| folder.join(Capacity::FILE).is_file());
    let mut all = Points { axis: Axis::InFlight, points: Vec::new(), notes: Vec::new() };
    for folder in &searches {
        let found = search::points(folder)?;
        all.points.extend(found.points);
        all.notes.extend(found.notes);
    }
    if !records.is_empty() {
        let found = runs::points(&records)?;
        if found.axis != all.axis {
            return Err(Failure::usage(
                "a capacity search and runs of the closed model do not count the same concurrency; give one of the two",
            ));
        }
        all.points.extend(found.points);
        all.notes.extend(found.notes);
    }
    Ok(all)
}

/// One CSV file, or a point a file of what k6, Goose or wrk wrote.
fn of_files(files: &[PathBuf]) -> Result<Points, Failure> {
    let (mut points, mut notes) = (Vec::new(), Vec::new());
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
        match tools::point(file, &text) {
            None if files.len() == 1 => return file::points(file, &text),
            None => {
                return Err(Failure::usage(format!(
                    "{}: neither a summary of k6, nor a report of Goose, nor what wrk prints; several files are one result each, and a CSV file of \
                     points is given alone",
                    file.display()
                )));
            }
            Some(Err(why)) => return Err(Failure::usage(format!("{}: {why}", file.display()))),
            Some(Ok((point, note))) => {
                points.push(point);
                notes.extend(note);
            }
        }
    }
    Ok(Points { axis: Axis::Users, points, notes })
}

/// One point a concurrency: throughput and mean time are means over runs; of the latency, which a mean would flatter, the
/// worst is kept.
fn means(mut points: Vec<Point>) -> Vec<Point> {
    let load = |point: &Point| point.load.unwrap_or(point.concurrency);
    points.sort_by(|a, b| load(a).total_cmp(&load(b)));
    let groups = points.chunk_by(|a, b| load(a) == load(b));
    let merged = groups.map(|group| {
        let runs: u64 = group.iter().map(|point| point.runs).sum();
        let mean = |of: fn(&Point) -> Option<f64>| {
            let sum: Option<f64> = group.iter().map(|point| Some(of(point)? * point.runs as f64)).sum();
            sum.map(|sum| sum / runs as f64)
        };
        let kept: Option<Vec<bool>> = group.iter().map(|point| point.keeps).collect();
        let names = group[0].observed.iter().map(|(name, _)| name);
        let observed = names.filter_map(|name| {
            let values: Option<Vec<f64>> = group
                .iter()
                .map(|point| point.observed.iter().find(|(known, _)| known == name).map(|(_, value)| *value))
                .collect();
            values.map(|values| (name.clone(), values.iter().sum::<f64>() / values.len() as f64))
        });
        Point {
            concurrency: mean(|point| Some(point.concurrency)).unwrap_or_default(),
            throughput_per_s: mean(|point| Some(point.throughput_per_s)).unwrap_or_default(),
            runs,
            mean_s: mean(|point| point.mean_s),
            latency_s: group.iter().filter_map(|point| point.latency_s).max_by(f64::total_cmp),
            keeps: kept.map(|kept| kept.into_iter().all(|keeps| keeps)),
            load: group[0].load,
            observed: observed.collect(),
        }
    });
    let mut points: Vec<Point> = merged.collect();
    // A target that falls back under load may hold more at once at a lower rate.
    points.sort_by(|a, b| a.concurrency.total_cmp(&b.concurrency));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_of_a_load_become_one_point() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.csv");
        std::fs::write(&path, "concurrency,throughput,latency\n4,30,20ms\n1,10,9ms\n4,34,40ms\n").unwrap();
        let found = points(&[path], Some(0.03)).unwrap();
        assert_eq!(found.pairs(), [(1.0, 10.0), (4.0, 32.0)]);
        let four = &found.points[1];
        assert_eq!((four.runs, four.latency_s, four.keeps), (2, Some(0.04), Some(false)));
        assert!((four.mean_s.unwrap() - 0.03).abs() < 1e-12);
    }

    #[test]
    fn a_limit_without_a_latency_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.csv");
        std::fs::write(&path, "concurrency,throughput\n1,10\n").unwrap();
        let failure = points(std::slice::from_ref(&path), Some(0.03)).unwrap_err();
        assert!(failure.message.contains("--slo needs a latency"), "{failure}");
        let failure = points(&[path.clone(), path.clone()], None).unwrap_err();
        assert!(failure.message.contains("a CSV file of points is given alone"), "{failure}");
        let failure = points(&[path, folder.path().to_path_buf()], None).unwrap_err();
        assert!(failure.message.contains("give one CSV file"), "{failure}");
    }
}
