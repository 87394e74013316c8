//! Results of other load generators as points: a file each.

use std::{collections::BTreeMap, path::Path};

use record::unit::parse_duration;
use serde::Deserialize;

use super::Point;

/// The point of a result of k6, Goose or wrk, and what a reader must know of it; nothing where `text` is none of them.
///
/// # Errors
/// It is one, but what a point needs is not in it: a sentence.
pub fn point(path: &Path, text: &str) -> Option<Result<(Point, Option<String>), String>> {
    if text.trim_start().starts_with('{') {
        return Some(if text.contains("\"raw_metrics\"") { goose(path, text) } else { k6(path, text) });
    }
    text.contains("Requests/sec:").then(|| wrk(path, text))
}

/// A metric of k6; which fields it has goes by its kind. Times are milliseconds.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Metric {
    rate: Option<f64>,
    value: Option<f64>,
    avg: Option<f64>,
    max: Option<f64>,
    #[serde(rename = "p(95)")]
    p95: Option<f64>,
    /// Where `handleSummary` writes them, a level deeper.
    values: Option<Box<Metric>>,
}

/// The file that `k6 run --summary-export` writes, or the data of `handleSummary`
/// (<https://grafana.com/docs/k6/latest/results-output/end-of-test/>).
#[derive(Deserialize)]
struct Summary {
    metrics: BTreeMap<String, Metric>,
}

fn k6(path: &Path, text: &str) -> Result<(Point, Option<String>), String> {
    let summary: Summary = serde_json::from_str(text)
        .map_err(|error| format!("not a summary of k6 (`k6 run --summary-export`): {error}"))?;
    let of = |name: &str, field: fn(&Metric) -> Option<f64>| {
        let metric = summary.metrics.get(name)?;
        field(metric.values.as_deref().unwrap_or(metric))
    };
    let need = |name: &str, field: fn(&Metric) -> Option<f64>| {
        let found = of(name, field).filter(|value| value.is_finite() && *value > 0.0);
        found.ok_or_else(|| format!("the summary of k6 has no `{name}` above 0"))
    };
    let failed = of("http_req_failed", |metric| metric.value.or(metric.rate)).unwrap_or(0.0);
    let mean_s = need("http_req_duration", |metric| metric.avg)? / 1e3;
    let point = Point {
        concurrency: need("vus", |metric| metric.max)?,
        throughput_per_s: need("http_reqs", |metric| metric.rate)? * (1.0 - failed),
        runs: 1,
        mean_s: Some(mean_s),
        latency_s: of("http_req_duration", |metric| metric.p95).map(|ms| ms / 1e3),
        keeps: None,
        load: None,
        observed: Vec::new(),
    };
    Ok((point, lost(path, failed)))
}

/// The file that Goose writes by `--report-file report.json` (<https://book.goose.rs/getting-started/metrics.html>).
#[derive(Deserialize)]
struct GooseReport {
    raw_metrics: GooseMetrics,
}

#[derive(Deserialize)]
struct GooseMetrics {
    /// Seconds that the load lasted, without its ramp.
    duration: u64,
    maximum_users: u64,
    requests: BTreeMap<String, GooseRequest>,
}

#[derive(Deserialize)]
struct GooseRequest {
    raw_data: GooseTimes,
    success_count: u64,
    fail_count: u64,
}

/// How often each time was seen, rounded: microseconds since 0.19, whole milliseconds before.
#[derive(Deserialize)]
struct GooseTimes {
    #[serde(default)]
    times_us: BTreeMap<u64, u64>,
    #[serde(default)]
    times: BTreeMap<u64, u64>,
}

fn goose(path: &Path, text: &str) -> Result<(Point, Option<String>), String> {
    let report: GooseReport = serde_json::from_str(text)
        .map_err(|error| format!("not a report of Goose (`--report-file report.json`): {error}"))?;
    let metrics = report.raw_metrics;
    let sum = |of: fn(&GooseRequest) -> u64| metrics.requests.values().map(of).sum::<u64>();
    let (answered, lost_count) = (sum(|it| it.success_count), sum(|it| it.fail_count));
    let mut times_us: BTreeMap<u64, u64> = BTreeMap::new();
    for request in metrics.requests.values() {
        let fine = request.raw_data.times_us.iter().map(|(us, count)| (*us, *count));
        let coarse = request.raw_data.times.iter().map(|(ms, count)| (ms * 1000, *count));
        fine.chain(coarse).for_each(|(us, count)| *times_us.entry(us).or_default() += count);
    }
    let n: u64 = times_us.values().sum();
    if metrics.duration == 0 || metrics.maximum_users == 0 || answered == 0 || n == 0 {
        return Err("the report of Goose holds no answer, or lasted no second".to_owned());
    }
    let mean_us = times_us.iter().map(|(us, count)| *us as f64 * *count as f64).sum::<f64>() / n as f64;
    let mut below = 0;
    let p95 = times_us.iter().find_map(|(us, count)| {
        below += count;
        (below as f64 >= 0.95 * n as f64).then_some(*us)
    });
    let point = Point {
        concurrency: metrics.maximum_users as f64,
        throughput_per_s: answered as f64 / metrics.duration as f64,
        runs: 1,
        // Whole milliseconds of a quick target are all 0.
        mean_s: Some(mean_us / 1e6).filter(|mean_s| *mean_s > 0.0),
        latency_s: p95.map(|us| us as f64 / 1e6).filter(|s| *s > 0.0),
        keeps: None,
        load: None,
        observed: Vec::new(),
    };
    Ok((point, lost(path, lost_count as f64 / (answered + lost_count) as f64)))
}

/// The text that wrk and wrk2 print (<https://github.com/giltene/wrk2>).
fn wrk(path: &Path, text: &str) -> Result<(Point, Option<String>), String> {
    let after = |label: &str| text.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
    let connections = text.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "connections")?;
        number(words.get(at.checked_sub(1)?)?)
    });
    let rate = after("Requests/sec:").and_then(number).ok_or("no number after `Requests/sec:`")?;
    let mean = after("Latency")
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|word| parse_duration(word).ok());
    // The percentiles of `--latency`; 95 is none of wrk's, so the next above it.
    let p99 = text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let percent = words.next()?.strip_suffix('%')?.parse::<f64>().ok()?;
        (percent == 99.0).then(|| parse_duration(words.next()?).ok())?
    });
    // The spectrum that wrk2 prints has milliseconds by share, and the 95th within it.
    let p95 = text.lines().find_map(|line| {
        let numbers: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        let [ms, share, ..] = numbers.as_slice() else { return None };
        (numbers.len() == 4 && *share >= 0.95).then_some(ms / 1e3)
    });
    let sent = text
        .lines()
        .find_map(|line| line.split_once(" requests in "))
        .and_then(|(count, _)| number(count.trim()));
    let wrong = after("Non-2xx or 3xx responses:").and_then(number).unwrap_or(0.0);
    let failed = sent.map_or(0.0, |sent| (wrong / sent).min(1.0));
    let point = Point {
        concurrency: connections.ok_or("no line such as `2 threads and 100 connections`")?,
        throughput_per_s: rate * (1.0 - failed),
        runs: 1,
        mean_s: mean.map(|mean| mean.as_secs_f64()),
        latency_s: p95.or_else(|| p99.or(mean).map(|it| it.as_secs_f64())),
        keeps: None,
        load: None,
        observed: Vec::new(),
    };
    Ok((point, lost(path, failed)))
}

fn lost(path: &Path, failed: f64) -> Option<String> {
    let share = record::unit::show_ratio(failed);
    (failed > 0.0)
        .then(|| format!("{share} of the requests of {} failed and are not counted.", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Point, Option<String>), String> {
        point(Path::new("result"), text).unwrap()
    }

    #[test]
    fn a_summary_of_k6_is_a_point_in_either_of_its_forms() {
        // As k6 2.2.0 wrote it of two users against a server of 10 ms, shortened.
        let flat = r#"{ "metrics": { "http_reqs": { "count": 347, "rate": 173.35 },
            "http_req_failed": { "passes": 0, "fails": 347, "value": 0 }, "vus": { "min": 1, "max": 2, "value": 1 },
            "http_req_duration": { "avg": 11.411, "min": 10.15, "med": 10.47, "max": 36.2, "p(90)": 13.58, "p(95)": 14.06 } } }"#;
        let (found, note) = read(flat).unwrap();
        assert_eq!((found.concurrency, found.throughput_per_s, note), (2.0, 173.35, None));
        assert!((found.latency_s.unwrap() - 0.01406).abs() < 1e-12);
        let deep = r#"{ "metrics": { "http_reqs": { "type": "counter", "values": { "rate": 100.0 } },
            "http_req_failed": { "values": { "rate": 0.25 } }, "vus": { "values": { "max": 4 } },
            "http_req_duration": { "values": { "avg": 40.0 } } } }"#;
        let (found, note) = read(deep).unwrap();
        assert_eq!((found.throughput_per_s, found.mean_s, found.latency_s), (75.0, Some(0.04), None));
        assert_eq!(note.unwrap(), "25 % of the requests of result failed and are not counted.");
        assert!(read(r#"{"metrics":{}}"#).err().unwrap().contains("no `http_req_duration` above 0"));
        assert!(read("{").err().unwrap().starts_with("not a summary of k6"));
    }

    #[test]
    fn what_wrk2_prints_is_a_point() {
        // From the README of wrk2, shortened.
        let text = "Running 30s test @ http://127.0.0.1:80/index.html\n  2 threads and 100 connections\n  \
            Thread calibration: mean lat.: 9747 usec, rate sampling interval: 21 msec\n  \
            Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency     6.46ms    1.93ms  12.34ms   67.66%\n    \
            Req/Sec     1.05k     1.12k    2.50k    64.84%\n  Latency Distribution (HdrHistogram - Recorded Latency)\n \
            50.000%    6.67ms\n 99.000%    9.61ms\n 99.900%   11.16ms\n  60018 requests in 30.00s, 19.81MB read\n\
            Requests/sec:   2000.28\nTransfer/sec:    676.18KB\n";
        let (found, note) = read(text).unwrap();
        assert_eq!((found.concurrency, found.throughput_per_s), (100.0, 2000.28));
        assert!(
            (found.mean_s.unwrap() - 0.00646).abs() < 1e-9
                && (found.latency_s.unwrap() - 0.00961).abs() < 1e-9
        );
        assert_eq!(note, None);
        assert!(point(Path::new("x"), "n,x\n1,2\n").is_none());
    }

    /// A file as the tool wrote it of a server of 10 ms that fails one request in fifty.
    fn written(name: &str) -> (Point, Option<String>) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tools").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        point(Path::new(name), &text).unwrap().unwrap()
    }

    #[test]
    fn files_as_k6_and_wrk_wrote_them_are_points_without_their_failures() {
        for (name, concurrency, throughput, latency_s, failed) in [
            ("k6-export.json", 4.0, 66.948_626 * (1.0 - 4.0 / 335.0), 0.077_019, "1.19 %"),
            ("k6-handle-summary.json", 4.0, 61.322_878 * (1.0 - 8.0 / 307.0), 0.098_851, "2.61 %"),
            ("goose.json", 4.0, 368.0 / 5.0, 0.026_624, "1.34 %"),
            ("wrk2.txt", 8.0, 39.89 * (1.0 - 8.0 / 320.0), 0.034_239, "2.5 %"),
            ("wrk.txt", 8.0, 123.22 * (1.0 - 18.0 / 628.0), 0.125_82, "2.87 %"),
        ] {
            let (found, note) = written(name);
            assert_eq!(found.concurrency, concurrency, "{name}");
            assert!((found.throughput_per_s / throughput - 1.0).abs() < 1e-6, "{name}: {found:?}");
            assert!((found.latency_s.unwrap() / latency_s - 1.0).abs() < 1e-4, "{name}: {found:?}");
            assert_eq!(
                note.unwrap(),
                format!("{failed} of the requests of {name} failed and are not counted.")
            );
        }
    }

    #[test]
    fn a_file_cut_short_is_refused_by_the_name_of_its_tool() {
        for (name, says) in
            [("k6-export.json", "not a summary of k6"), ("goose.json", "not a report of Goose")]
        {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tools").join(name);
            let text = std::fs::read_to_string(path).unwrap();
            let message = point(Path::new(name), &text[..text.len() - 20]).unwrap().err().unwrap();
            assert!(message.starts_with(says), "{message}");
        }
    }
}
