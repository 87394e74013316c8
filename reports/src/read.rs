//! Opens a record and refuses what no figure can be drawn from, by file and line.

use std::path::Path;

use chrono::DateTime;
use record::{Exit, Histogram, Histograms, Judgement, Record, Summary, files, judge};

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
        let (summary, judgement) = record.conclude()?;
        let totals = record.totals()?;
        Ok(Self { record, summary, judgement, totals, oddities })
    }

    /// The same record, judged by other budgets.
    pub fn with_budgets(mut self, budgets: Vec<record::Budget>) -> Self {
        self.record.run.budgets = budgets;
        self.judgement = judge(&self.record.run, &self.summary, &self.totals);
        self
    }

    /// Response times by second, checked against the rows of the series.
    ///
    /// # Errors
    /// The log is damaged, or does not belong to the series beside it.
    pub fn response_by_second(&self) -> Result<Vec<(u64, Histogram)>, Failure> {
        let path = self.record.folder.join(files::LATENCY);
        let mut seconds = self.record.response_by_second()?;
        if let Some(pair) = seconds.windows(2).find(|pair| pair[1].0 <= pair[0].0) {
            return Err(Failure::usage(format!(
                "{}: second {} follows second {}; seconds only grow in a record, so the clock was set back or two logs \
                 were joined",
                path.display(),
                pair[1].0,
                pair[0].0
            )));
        }
        // The log is written before the row: a killed generator leaves at most one second without a row.
        let end = self.record.recorded_s();
        if let Some((second, _)) = seconds.iter().find(|(second, _)| *second > end) {
            return Err(Failure::usage(format!(
                "{}: holds second {second}, but {} ends before second {end}; the two are not of one run",
                path.display(),
                files::SERIES
            )));
        }
        seconds.retain(|(second, _)| *second < end);
        let answered: u64 = self.record.series.iter().map(|row| row.completed).sum();
        if answered > 0 && seconds.iter().all(|(_, histogram)| histogram.is_empty()) {
            return Err(Failure::usage(format!(
                "{}: holds no response time, but {} counts {answered} answers; restore the file from where the record \
                 was made",
                path.display(),
                files::SERIES
            )));
        }
        Ok(seconds)
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
        for (what, value) in [("cpu_cores", row.cpu_cores), ("cpu_wait", row.cpu_wait)] {
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
