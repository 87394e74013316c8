use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind, Read as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use base64::Engine as _;
use hdrhistogram::serialization::{
    Deserializer,
    interval_log::{IntervalLogIterator, LogEntry},
};

use crate::{
    ErrorSample, Histogram, Histograms, Judgement, RecordError, Run, SCHEMA, SeriesRow, Summary, Tag,
    TargetRow, Window, files, judge, summarise, writer::add,
};

/// A record, opened. The small files are read at once, the histograms when asked for.
#[derive(Debug)]
pub struct Record {
    /// Where it is.
    pub folder: PathBuf,
    /// `run.json`.
    pub run: Run,
    /// `series.csv`.
    pub series: Vec<SeriesRow>,
    /// `target.csv`.
    pub target: Vec<TargetRow>,
    /// `errors.jsonl`.
    pub errors: Vec<ErrorSample>,
}

impl Record {
    /// Opens the record in `folder`. The last line of a file, cut off where a killed generator stopped, is left out;
    /// damage elsewhere is an error.
    ///
    /// # Errors
    /// There is no record, it is of another version, or a file is damaged.
    pub fn open(folder: &Path) -> Result<Self, RecordError> {
        let path = folder.join(files::RUN);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(RecordError::NotARecord(folder.to_path_buf()));
            }
            Err(error) => return Err(RecordError::io(&path)(error)),
        };
        let run = read_run(&path, &text)?;
        let errors = whole_lines(&folder.join(files::ERRORS))?;
        let errors = errors.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        Ok(Self {
            folder: folder.to_path_buf(),
            run,
            series: read_csv(&folder.join(files::SERIES))?,
            target: read_csv(&folder.join(files::TARGET))?,
            errors: errors
                .map_err(|error| damaged(&folder.join(files::ERRORS), error.line() as u64, &error))?,
        })
    }

    /// Seconds recorded.
    pub fn recorded_s(&self) -> u64 {
        self.series.last().map_or(0, |row| row.second + 1)
    }

    /// The judged window.
    pub fn judged(&self) -> Window {
        self.run.judged(self.recorded_s())
    }

    /// The histograms of the judged window, by tag: from `totals.hlog`, or, in the record of a killed run, summed
    /// from `latency.hlog`.
    ///
    /// # Errors
    /// A file is damaged.
    pub fn totals(&self) -> Result<Histograms, RecordError> {
        let path = self.folder.join(files::TOTALS);
        if self.run.totals.is_some() && path.exists() {
            let mut totals = Histograms::new();
            let all = Lines::Tagged { worker: 0, workers: 1 };
            each_histogram(&path, all, |_, tag, histogram| {
                totals.extend(tag.map(|tag| (tag, histogram)));
                Ok::<(), RecordError>(())
            })?;
            return Ok(totals);
        }
        let window = self.judged();
        self.sum_of_latencies(|second| window.contains(second))
    }

    /// The sum of every tagged line of `latency.hlog` whose second is `wanted`. Decoding is the work, so that each core
    /// reads the whole file and decodes its share of the lines.
    fn sum_of_latencies(&self, wanted: impl Fn(u64) -> bool + Sync) -> Result<Histograms, RecordError> {
        let path = self.folder.join(files::LATENCY);
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let share = |worker: usize| {
            let mut sum = Histograms::new();
            let lines = Lines::Tagged { worker, workers };
            each_histogram(&path, lines, |second, tag, histogram| {
                if let Some(tag) = tag.filter(|_| wanted(second)) {
                    add(&mut sum, tag, &histogram);
                }
                Ok::<(), RecordError>(())
            })?;
            Ok(sum)
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|worker| scope.spawn(move || share(worker))).collect();
            let mut totals = Histograms::new();
            for thread in threads {
                let share = thread.join().expect("reading does not panic")?;
                share.into_iter().for_each(|(tag, histogram)| add(&mut totals, tag, &histogram));
            }
            Ok(totals)
        })
    }

    /// Hands response time of all successful requests together to `take`, second by second, one histogram at a time: the
    /// 3,600 of an hour would be half a gigabyte.
    ///
    /// # Errors
    /// The file is damaged, or whatever `take` says.
    pub fn each_response_second<E: From<RecordError>>(
        &self,
        mut take: impl FnMut(u64, &Histogram) -> Result<(), E>,
    ) -> Result<(), E> {
        each_histogram(&self.folder.join(files::LATENCY), Lines::Untagged, |second, _, histogram| {
            take(second, &histogram)
        })
    }

    /// The instant that the seconds of `latency.hlog` are counted from, as its header names it.
    pub(crate) fn start(&self) -> SystemTime {
        let mut header = Vec::new();
        let file = fs::File::open(self.folder.join(files::LATENCY));
        // Without a header there are no seconds either.
        let _ = file.and_then(|file| file.take(4096).read_to_end(&mut header));
        let start = IntervalLogIterator::new(&header).find_map(|entry| match entry {
            Ok(LogEntry::StartTime(since_epoch)) => Some(since_epoch),
            _ => None,
        });
        SystemTime::UNIX_EPOCH + start.unwrap_or_default()
    }

    /// Hands every tagged histogram to `take`, in order of time.
    ///
    /// # Errors
    /// The file is damaged, or whatever `take` says.
    pub fn each_second<E: From<RecordError>>(
        &self,
        mut take: impl FnMut(u64, Tag, &Histogram) -> Result<(), E>,
    ) -> Result<(), E> {
        let all = Lines::Tagged { worker: 0, workers: 1 };
        each_histogram(&self.folder.join(files::LATENCY), all, |second, tag, histogram| {
            tag.map_or(Ok(()), |tag| take(second, tag, &histogram))
        })
    }

    /// Figures and verdict: those written when the run ended, or, in the record of a killed run, computed now.
    ///
    /// # Errors
    /// A file is damaged.
    pub fn conclude(&self) -> Result<(Summary, Judgement), RecordError> {
        if let (Some(summary), Some(judgement)) = (&self.run.totals, &self.run.judgement) {
            return Ok((summary.clone(), judgement.clone()));
        }
        let totals = self.totals()?;
        let summary = summarise(&self.run, &totals, &self.series, &self.target, self.judged());
        let judgement = judge(&self.run, &summary, &totals);
        Ok((summary, judgement))
    }
}

fn read_run(path: &Path, text: &str) -> Result<Run, RecordError> {
    #[derive(serde::Deserialize)]
    struct Head {
        schema: String,
    }
    let head: Head =
        serde_json::from_str(text).map_err(|error| damaged(path, error.line() as u64, &error))?;
    if head.schema != SCHEMA {
        return Err(RecordError::Schema { path: path.to_path_buf(), found: head.schema, expected: SCHEMA });
    }
    serde_json::from_str(text).map_err(|error| damaged(path, error.line() as u64, &error))
}

pub(crate) fn damaged(path: &Path, line: u64, detail: &dyn std::fmt::Display) -> RecordError {
    RecordError::Damaged { path: path.to_path_buf(), line, detail: detail.to_string() }
}

/// The text up to the last line end: what comes after it was being written when the generator was killed.
fn whole_lines(path: &Path) -> Result<String, RecordError> {
    let mut bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        // A run killed before its first second has no such file yet.
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(RecordError::io(path)(error)),
    };
    bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1));
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        damaged(path, line as u64 + 1, &"not UTF-8 text")
    })
}

fn read_csv<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, RecordError> {
    let text = whole_lines(path)?;
    let rows =
        csv::Reader::from_reader(text.as_bytes()).into_deserialize().collect::<Result<_, csv::Error>>();
    rows.map_err(|error| damaged(path, error.position().map_or(0, csv::Position::line), &error))
}

/// Which lines of an interval log are worth decoding; the others are passed over as text, which is what makes an
/// hour of fifty names readable in a moment.
enum Lines {
    /// Those of all requests together.
    Untagged,
    /// Those of single requests, every `workers`-th of them beginning with the `worker`-th.
    Tagged { worker: usize, workers: usize },
}

/// Decodes the wanted lines of the log at `path`, one at a time. A last line without its end was being written when the
/// generator was killed, and is left out.
fn each_histogram<E: From<RecordError>>(
    path: &Path,
    lines: Lines,
    mut take: impl FnMut(u64, Option<Tag>, Histogram) -> Result<(), E>,
) -> Result<(), E> {
    let unread = |error| E::from(RecordError::io(path)(error));
    let file = match fs::File::open(path) {
        Ok(file) => file,
        // A run killed before its first second has no such file yet.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unread(error)),
    };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let (mut decoder, mut line, mut bytes) = (Deserializer::new(), Vec::new(), Vec::new());
    let (mut number, mut tagged) = (0, 0);
    while let Some(first) = reader.fill_buf().map_err(unread)?.first().copied() {
        number += 1;
        let wanted = match lines {
            Lines::Untagged => first.is_ascii_digit(),
            Lines::Tagged { worker, workers } if first == b'T' => {
                tagged += 1;
                tagged % workers == worker
            }
            Lines::Tagged { .. } => false,
        };
        if !wanted {
            reader.skip_until(b'\n').map_err(unread)?;
            continue;
        }
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(unread)?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let (second, tag, histogram) =
            decode(&line, &mut decoder, &mut bytes).map_err(|detail| damaged(path, number, &detail))?;
        take(second, tag, histogram)?;
    }
    Ok(())
}

pub(crate) fn decode(
    line: &[u8],
    decoder: &mut Deserializer,
    bytes: &mut Vec<u8>,
) -> Result<(u64, Option<Tag>, Histogram), String> {
    let Some(Ok(LogEntry::Interval(entry))) = IntervalLogIterator::new(line).next() else {
        return Err("not a line of an HdrHistogram interval log".to_owned());
    };
    bytes.clear();
    let decoded = base64::engine::general_purpose::STANDARD.decode_vec(entry.encoded_histogram(), bytes);
    decoded.map_err(|error| error.to_string())?;
    let mut histogram: Histogram =
        decoder.deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())?;
    histogram.auto(true);
    let tag = entry.tag().map(|tag| tag.as_str().parse()).transpose()?;
    Ok((entry.start_timestamp().as_secs(), tag, histogram))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_run;

    #[test]
    fn a_newer_schema_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(files::RUN), r#"{"schema":"headroom.run/2","surprise":1}"#).unwrap();
        let message = Record::open(folder.path()).unwrap_err().to_string();
        assert!(message.contains("headroom.run/2") && message.contains(SCHEMA), "{message}");
    }

    #[test]
    fn a_folder_without_a_record_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = Record::open(folder.path()).unwrap_err().to_string();
        assert!(message.contains("no run record"), "{message}");
    }

    #[test]
    fn what_was_written_is_read_back_and_a_killed_run_comes_to_the_same_figures() {
        let folder = tempfile::tempdir().unwrap();
        let finished = test_run::write(folder.path(), 12, true);
        let record = Record::open(folder.path()).unwrap();
        let (summary, judgement) = record.conclude().unwrap();
        assert_eq!(Some(&summary), finished.totals.as_ref());
        assert_eq!(Some(&judgement), finished.judgement.as_ref());
        let mut seconds = 0;
        let counted = record.each_response_second(|_, histogram| {
            seconds += 1;
            assert_eq!(histogram.len(), 99);
            Ok::<(), RecordError>(())
        });
        counted.unwrap();
        assert_eq!(seconds, 12);

        let killed = tempfile::tempdir().unwrap();
        test_run::write(killed.path(), 12, false);
        let record = Record::open(killed.path()).unwrap();
        let (again, judgement) = record.conclude().unwrap();
        assert_eq!(again, summary);
        assert_eq!(judgement.validity.reasons[0].rule, crate::Rule::Unfinished);
    }

    #[test]
    fn a_line_cut_off_at_the_end_is_left_out_and_damage_elsewhere_is_named() {
        let folder = tempfile::tempdir().unwrap();
        test_run::write(folder.path(), 5, false);
        for name in [files::SERIES, files::LATENCY] {
            let path = folder.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            bytes.truncate(bytes.len() - 7);
            fs::write(&path, bytes).unwrap();
        }
        let record = Record::open(folder.path()).unwrap();
        assert_eq!(record.recorded_s(), 4);
        record.totals().unwrap();

        let path = folder.path().join(files::LATENCY);
        let text = fs::read_to_string(&path).unwrap().replacen("HISTFAAA", "HISTF***", 1);
        fs::write(&path, text).unwrap();
        let message = record.each_response_second(|_, _| Ok::<(), RecordError>(())).unwrap_err().to_string();
        assert!(message.contains("latency.hlog:6"), "{message}");
    }
}
