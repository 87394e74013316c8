use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use hdrhistogram::serialization::{V2DeflateSerializer, interval_log};

use crate::{
    ErrorSample, Histogram, Histograms, Kind, RecordError, Run, SeriesRow, Summary, Tag, TargetRow, files,
    judge, new_histogram,
    observed::Tallies,
    summary::{merged, sum_up},
};

/// One second of the run, to be written.
#[derive(Debug, Default)]
pub struct Second {
    /// Its row of `series.csv`.
    pub row: SeriesRow,
    /// What ended in it.
    pub histograms: Histograms,
    /// What was observed of the target in it.
    pub target: Vec<TargetRow>,
}

/// Writes a record as the run goes: after each call what was given to it is in the files.
pub struct Writer {
    folder: PathBuf,
    latency: File,
    series: csv::Writer<File>,
    target: csv::Writer<File>,
    errors: File,
    warm_up_s: u64,
    totals: Histograms,
    rows: Vec<SeriesRow>,
    observed: Tallies,
}

impl Writer {
    /// Creates the folder and writes `run` to it as a run that goes on. A folder that already holds a record is
    /// refused, so that no run is lost to the next.
    ///
    /// # Errors
    /// The folder cannot be created or is not empty, or a file cannot be written.
    pub fn create(folder: &Path, run: &Run, start: SystemTime) -> Result<Self, RecordError> {
        refuse_taken(folder)?;
        fs::create_dir_all(folder).map_err(RecordError::io(folder))?;
        write_run(folder, run)?;
        let open = |name: &str| {
            let path = folder.join(name);
            File::create(&path).map_err(RecordError::io(&path))
        };
        let mut latency = open(files::LATENCY)?;
        latency.write_all(&log_header(start)).map_err(RecordError::io(folder))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            latency,
            series: csv::Writer::from_writer(open(files::SERIES)?),
            target: csv::Writer::from_writer(open(files::TARGET)?),
            errors: open(files::ERRORS)?,
            warm_up_s: run.warm_up_s,
            totals: Histograms::new(),
            rows: Vec::new(),
            observed: Tallies::new(&run.observed, run.warm_up_s),
        })
    }

    /// Appends one second.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn second(&mut self, second: Second) -> Result<(), RecordError> {
        let at = Duration::from_secs(second.row.second);
        let all = merged(&second.histograms, |kind| *kind == Kind::Response);
        let mut lines = Vec::new();
        write_lines(&mut lines, at, Some(&all), &second.histograms);
        let written = self.latency.write_all(&lines).and_then(|()| {
            self.series.serialize(&second.row)?;
            self.series.flush()
        });
        written.map_err(RecordError::io(&self.folder))?;
        self.observed(second.target)?;
        if second.row.second >= self.warm_up_s {
            for (tag, histogram) in &second.histograms {
                add(&mut self.totals, tag.clone(), histogram);
            }
        }
        self.rows.push(second.row);
        Ok(())
    }

    /// Appends one failed request.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn error(&mut self, sample: &ErrorSample) -> Result<(), RecordError> {
        let mut line = serde_json::to_vec(sample).expect("strings and numbers are JSON");
        line.push(b'\n');
        self.errors.write_all(&line).map_err(RecordError::io(&self.folder))
    }

    /// Appends what was observed of the target after the second it belongs to had been written.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn observed(&mut self, rows: Vec<TargetRow>) -> Result<(), RecordError> {
        let written = rows.iter().try_for_each(|row| self.target.serialize(row).map_err(io::Error::from));
        written.and_then(|()| self.target.flush()).map_err(RecordError::io(&self.folder))?;
        rows.iter().for_each(|row| self.observed.push(row));
        Ok(())
    }

    /// Writes `run.json` anew, so that what changed in it outlives a killed run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn run(&self, run: &Run) -> Result<(), RecordError> {
        write_run(&self.folder, run)
    }

    /// Figures of what was judged so far, for a live view.
    pub fn so_far(&self, run: &Run) -> (Summary, crate::Judgement) {
        let window = run.judged(self.rows.last().map_or(0, |row| row.second + 1));
        let summary = sum_up(run, &self.totals, &self.rows, self.observed.observations(), window);
        let judgement = judge(run, &summary, &self.totals);
        (summary, judgement)
    }

    /// Sums up, judges, and writes the totals and the final `run.json`; gives back the run with both.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(self, mut run: Run) -> Result<Run, RecordError> {
        let (summary, judgement) = self.so_far(&run);
        let path = self.folder.join(files::TOTALS);
        let mut lines = log_header(SystemTime::UNIX_EPOCH);
        write_lines(&mut lines, Duration::from_secs(summary.from_s), None, &self.totals);
        fs::write(&path, lines).map_err(RecordError::io(&path))?;
        run.totals = Some(summary);
        run.judgement = Some(judgement);
        write_run(&self.folder, &run)?;
        Ok(run)
    }
}

/// Refuses a folder that holds a record already.
///
/// # Errors
/// It does.
pub fn refuse_taken(folder: &Path) -> Result<(), RecordError> {
    if folder.join(files::RUN).exists() {
        let taken =
            io::Error::new(io::ErrorKind::AlreadyExists, "holds a run record already; name another folder");
        return Err(RecordError::io(folder)(taken));
    }
    Ok(())
}

/// Adds a histogram to those of its tag.
pub(crate) fn add(into: &mut Histograms, tag: Tag, histogram: &Histogram) {
    let sum = into.entry(tag).or_insert_with(new_histogram);
    sum.add(histogram).expect("a growing histogram takes any other");
}

fn log_header(start: SystemTime) -> Vec<u8> {
    let mut header = b"#[Histogram log format version 1.2]\n".to_vec();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = interval_log::IntervalLogWriterBuilder::new();
    builder
        .add_comment(
            "values are microseconds; untagged: response time of all successful requests; tag: request/kind",
        )
        .with_start_time(start)
        .with_base_time(start);
    builder.begin_log_with(&mut header, &mut serializer).expect("writing to memory");
    header.extend(
        b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
    );
    header
}

fn write_lines(into: &mut Vec<u8>, at: Duration, all: Option<&Histogram>, histograms: &Histograms) {
    let mut serializer = V2DeflateSerializer::new();
    let mut log = interval_log::IntervalLogWriterBuilder::new()
        .begin_log_with(into, &mut serializer)
        .expect("writing to memory");
    let second = Duration::from_secs(1);
    if let Some(all) = all {
        log.write_histogram(all, at, second, None).expect("writing to memory");
    }
    for (tag, histogram) in histograms.iter().filter(|(_, histogram)| !histogram.is_empty()) {
        let tag = tag.to_string();
        let tag = interval_log::Tag::new(&tag);
        log.write_histogram(histogram, at, second, tag).expect("writing to memory");
    }
}

/// Replaces `run.json` whole: a reader sees the old or the new one, never half.
fn write_run(folder: &Path, run: &Run) -> Result<(), RecordError> {
    let path = folder.join(files::RUN);
    let draft = folder.join("run.json.new");
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(File::create(&draft)?);
        serde_json::to_writer_pretty(&mut file, run)?;
        file.write_all(b"\n")?;
        file.into_inner()?.sync_all()?;
        fs::rename(&draft, &path)
    };
    write().map_err(RecordError::io(&path))
}
