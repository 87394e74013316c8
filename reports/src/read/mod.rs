//! Opens a record and refuses what no figure can be drawn from, by file and line.

use std::path::Path;

use chrono::DateTime;
use record::{Exit, Histograms, Judgement, Record, Summary, files, judge, summarise};

mod buckets;
mod latency;

pub use buckets::{Bucket, buckets};
pub use latency::each_second;

use crate::failure::Failure;

/// A record with everything a report is made of.
pub struct Evidence {
    /// The record.
    pub record: Record,
    /// Figures of the judged window.
    pub summary: Summary,
    /// Budgets, validity and verdict.
    pub judgement: Judgement,
    /// Histograms of the judged window, microseconds.
    pub totals: Histograms,
    /// What is odd about the record and yet leaves its figures standing, one sentence each.
    pub oddities: Vec<String>,
}

impl Evidence {
    /// Opens the record in `folder`.
    ///
    /// # Errors
    /// No record, one of another version, a damaged file, a number that is none, seconds out of order.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let record = Record::open(folder)?;
        refuse_bad_numbers(&record)?;
        refuse_seconds_out_of_order(&record)?;
        let oddities = oddities(&record)?;
        let totals = record.totals()?;
        let run = &record.run;
        let (summary, judgement) = match (&run.totals, &run.judgement) {
            (Some(summary), Some(judgement)) => (summary.clone(), judgement.clone()),
            // As `Record::conclude` does, without reading a killed run's whole log a second time.
            _ => {
                let summary = summarise(run, &totals, &record.series, &record.target, record.judged());
                let judgement = judge(run, &summary, &totals);
                (summary, judgement)
            }
        };
        Ok(Self { record, summary, judgement, totals, oddities })
    }

    /// The same record, judged by other budgets.
    pub fn with_budgets(mut self, budgets: Vec<record::Budget>) -> Self {
        self.record.run.budgets = budgets;
        self.judgement = judge(&self.record.run, &self.summary, &self.totals);
        self
    }

    /// Whether the load stays the same once the warm-up is over.
    pub fn one_load(&self) -> bool {
        let run = &self.record.run;
        let mut ends_s = 0.0;
        let judged = run.stages.iter().filter(|stage| {
            ends_s += stage.seconds;
            ends_s > run.warm_up_s as f64
        });
        let levels: Vec<f64> = judged.flat_map(|stage| [stage.from, stage.to]).collect();
        levels.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Refuses a record in which no request ended, warm-up included.
    ///
    /// # Errors
    /// There is nothing to draw.
    pub fn refuse_nothing(&self) -> Result<(), Failure> {
        if self.record.series.iter().any(|row| row.completed + row.failed > 0) {
            return Ok(());
        }
        Err(Failure {
            exit: Exit::NoData,
            message: format!(
                "{}: nothing was measured: no request ended in the {} s recorded; check that the target was up and run again",
                self.record.folder.display(),
                self.record.recorded_s()
            ),
        })
    }
}

/// The line of a row in a CSV file with a header.
const fn line(row: usize) -> usize {
    row + 2
}

fn refuse_bad_numbers(record: &Record) -> Result<(), Failure> {
    let refuse = |file: &str, row: usize, what: &str, value: f64, right: &str| {
        let path = record.folder.join(file);
        Err(Failure::usage(format!("{}:{}: {what} is {value}; {right}", path.display(), line(row))))
    };
    for (index, row) in record.series.iter().enumerate() {
        let stolen = row.cpu_stolen.unwrap_or(0.0);
        for (what, value) in
            [("cpu_cores", row.cpu_cores), ("cpu_wait", row.cpu_wait), ("cpu_stolen", stolen)]
        {
            if !value.is_finite() || value < 0.0 {
                return refuse(files::SERIES, index, what, value, "it must be a finite number from 0 up");
            }
        }
    }
    for (index, row) in record.target.iter().enumerate() {
        if !row.value.is_finite() {
            let what = format!("{} ({}) of {}", row.name, row.component, row.source);
            return refuse(files::TARGET, index, &what, row.value, "it must be a finite number");
        }
    }
    for (index, stage) in record.run.stages.iter().enumerate() {
        if let Some(value) =
            [stage.from, stage.to, stage.seconds].into_iter().find(|it| !it.is_finite() || *it < 0.0)
        {
            let path = record.folder.join(files::RUN);
            let message =
                format!("{}: stage {} has {value}; it must be from 0 up", path.display(), index + 1);
            return Err(Failure::usage(message));
        }
    }
    Ok(())
}

fn refuse_seconds_out_of_order(record: &Record) -> Result<(), Failure> {
    let order = |file: &str, seconds: &[u64], again: bool| {
        let step = seconds.windows(2).position(|pair| pair[1] < pair[0] || (pair[1] == pair[0] && !again));
        let Some(at) = step else { return Ok(()) };
        Err(Failure::usage(format!(
            "{}:{}: second {} follows second {}; seconds only grow in a record, so the clock was set back or two records \
             were joined",
            record.folder.join(file).display(),
            line(at + 1),
            seconds[at + 1],
            seconds[at]
        )))
    };
    let series: Vec<u64> = record.series.iter().map(|row| row.second).collect();
    order(files::SERIES, &series, false)?;
    let target: Vec<u64> = record.target.iter().map(|row| row.second).collect();
    order(files::TARGET, &target, true)
}

/// Seconds by which the two clocks of a run may differ before it is worth a word.
const CLOCKS_DIFFER_S: i64 = 5;

fn oddities(record: &Record) -> Result<Vec<String>, Failure> {
    let mut odd = Vec::new();
    let gaps = record.series.windows(2).filter(|pair| pair[1].second > pair[0].second + 1);
    let missing: u64 = gaps.clone().map(|pair| pair[1].second - pair[0].second - 1).sum();
    if let Some(first) = gaps.clone().next() {
        odd.push(format!(
            "{missing} s are missing from the record, the first after second {}: the generator or its machine stood still, \
             or the clock was set forward. Rates over the run count them as seconds without an answer.",
            first[0].second
        ));
    }
    let path = record.folder.join(files::RUN);
    let instant = |what: &str, text: &str| {
        DateTime::parse_from_rfc3339(text).map_err(|error| {
            let message = format!(
                "{}: {what} `{text}` is no instant such as `2026-01-31T12:00:00Z`: {error}",
                path.display()
            );
            Failure::usage(message)
        })
    };
    let start = instant("start", &record.run.start)?;
    if let Some(end) = &record.run.end {
        let wall_s = (instant("end", end)? - start).num_seconds();
        let recorded_s = record.recorded_s() as i64;
        if (wall_s - recorded_s).abs() > CLOCKS_DIFFER_S + recorded_s / 100 {
            odd.push(format!(
                "The machine's clock was set during the run: by it the run took {wall_s} s, by the seconds recorded \
                 {recorded_s} s. Latencies come from a clock that nobody can set; only the date and time of day are in doubt."
            ));
        }
    }
    Ok(odd)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{fixture::Fixture, report::report};

    /// A record of which one file was changed.
    fn changed(file: &str, change: impl Fn(String) -> String) -> Result<Evidence, Failure> {
        let folder = tempfile::tempdir().unwrap();
        Fixture::default().write(folder.path());
        let path = folder.path().join(file);
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
        let evidence = Evidence::open(folder.path())?;
        report(&evidence)?;
        Ok(evidence)
    }

    fn refused(file: &str, change: impl Fn(String) -> String) -> String {
        let failure = changed(file, change).err().unwrap();
        assert_eq!(failure.exit, Exit::Usage);
        failure.message
    }

    fn without_lines(text: &str, from: usize, to: usize) -> String {
        let lines = text.split_inclusive('\n').enumerate();
        lines.filter(|(index, _)| !(from..to).contains(&(index + 1))).map(|(_, line)| line).collect()
    }

    #[test]
    fn a_number_that_is_none_is_named_by_file_and_line() {
        let message = refused(files::SERIES, |text| text.replacen(",0.25,", ",NaN,", 1));
        assert!(message.contains("series.csv:2: cpu_cores is NaN; it must be a finite number"), "{message}");
        let message = refused(files::TARGET, |text| text.replacen(",85.0\n", ",inf\n", 1));
        assert!(message.contains("target.csv:5: cache_hit_ratio (hits) of service is inf"), "{message}");
    }

    #[test]
    fn seconds_that_go_back_are_named_by_file_and_line() {
        let message = refused(files::SERIES, |text| text.replacen("\n7,", "\n3,", 1));
        assert!(message.contains("series.csv:9: second 3 follows second 6"), "{message}");
        let message = refused(files::LATENCY, |text| text.replacen("\n7.000", "\n3.000", 1));
        assert!(message.contains("latency.hlog: second 3 follows second 6"), "{message}");
    }

    #[test]
    fn a_log_of_another_run_is_refused() {
        let message = refused(files::LATENCY, |text| text.replacen("\n19.000", "\n190.000", 1));
        assert!(message.contains("not of one run"), "{message}");
        let message = refused(files::LATENCY, |_| String::new());
        assert!(message.contains("holds no response time, but series.csv counts 2000 answers"), "{message}");
    }

    #[test]
    fn a_histogram_that_cannot_be_decoded_is_named_by_line() {
        let message = refused(files::LATENCY, |text| {
            let line = text.lines().position(|line| line.starts_with("5.0")).unwrap();
            let broken = text.lines().enumerate().map(|(index, it)| {
                if index == line { it.replace("HISTF", "HIS*F") + "\n" } else { it.to_owned() + "\n" }
            });
            broken.collect()
        });
        assert!(message.contains("latency.hlog:") && message.contains("Invalid"), "{message}");
    }

    #[test]
    fn a_standstill_and_a_clock_that_was_set_are_told_and_leave_the_figures() {
        let evidence = changed(files::SERIES, |text| without_lines(&text, 10, 15)).unwrap();
        assert!(
            evidence.oddities[0].starts_with("5 s are missing from the record"),
            "{:?}",
            evidence.oddities
        );
        let evidence = changed(files::RUN, |text| text.replace("00:00:20Z", "01:00:20Z")).unwrap();
        assert!(evidence.oddities[0].starts_with("The machine's clock was set"), "{:?}", evidence.oddities);
        let message = refused(files::RUN, |text| text.replace("2026-01-01T00:00:00Z", "yesterday"));
        assert!(message.contains("run.json: start `yesterday` is no instant"), "{message}");
    }

    #[test]
    fn a_line_being_written_when_the_generator_died_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        Fixture { state: record::State::Running, ..Fixture::default() }.write(folder.path());
        for (name, cut) in [(files::LATENCY, 9), (files::SERIES, 3), (files::TARGET, 2)] {
            let path = folder.path().join(name);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, &text[..text.len() - cut]).unwrap();
        }
        let evidence = Evidence::open(folder.path()).unwrap();
        let bins = report(&evidence).unwrap().timeline.bins;
        assert_eq!(bins.iter().map(|bin| bin.response.n).sum::<u64>(), 19 * 100);
    }
}
