use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use base64::Engine as _;
use hdrhistogram::serialization::{
    Deserializer,
    interval_log::{IntervalLogIterator, LogEntry},
};
use record::{Histogram, Record, RecordError, files};

use crate::failure::Failure;

/// Hands the response times of all successful requests together to `take`, second by second, and holds one histogram at
/// a time: the 3,600 of an hour would be half a gigabyte.
///
/// # Errors
/// The log is damaged elsewhere than at its cut-off end, or does not belong to the series beside it.
pub fn each_second(record: &Record, mut take: impl FnMut(u64, &Histogram)) -> Result<(), Failure> {
    let path = record.folder.join(files::LATENCY);
    let refuse = |message: String| Failure::usage(format!("{}: {message}", path.display()));
    let end = record.recorded_s();
    let (mut before, mut timed) = (None, 0);
    each_untagged(&path, |second, histogram| {
        if let Some(before) = before.replace(second).filter(|before| second <= *before) {
            return Err(refuse(format!(
                "second {second} follows second {before}; seconds only grow in a record, so the clock was set back or two \
                 logs were joined"
            )));
        }
        // The log is written before the row: a killed generator leaves at most one second without a row.
        if second > end {
            return Err(refuse(format!(
                "holds second {second}, but {} ends before second {end}; the two are not of one run",
                files::SERIES
            )));
        }
        if second < end {
            timed += histogram.len();
            take(second, histogram);
        }
        Ok(())
    })?;
    let counted: u64 = record.series.iter().map(|row| row.completed).sum();
    if counted > 0 && timed == 0 {
        return Err(refuse(format!(
            "holds no response time, but {} counts {counted} answers; restore the file from where the record was made",
            files::SERIES
        )));
    }
    Ok(())
}

/// Decodes the untagged lines and passes over the others, which are most. A last line without its end was being written
/// when the generator was killed, and is left out.
fn each_untagged(
    path: &Path,
    mut take: impl FnMut(u64, &Histogram) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let unread = |source| Failure::from(RecordError::Io { path: path.to_path_buf(), source });
    let file = match File::open(path) {
        Ok(file) => file,
        // A run killed before its first second has no such file yet.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unread(error)),
    };
    let mut lines = BufReader::with_capacity(1 << 20, file);
    let (mut decoder, mut line, mut bytes, mut number) = (Deserializer::new(), Vec::new(), Vec::new(), 0);
    loop {
        let ahead = lines.fill_buf().map_err(unread)?;
        let Some(first) = ahead.first() else { return Ok(()) };
        number += 1;
        if !first.is_ascii_digit() {
            lines.skip_until(b'\n').map_err(unread)?;
            continue;
        }
        line.clear();
        lines.read_until(b'\n', &mut line).map_err(unread)?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let wrong = |detail: &dyn std::fmt::Display| {
            let (path, detail) = (path.to_path_buf(), detail.to_string());
            Failure::from(RecordError::Damaged { path, line: number, detail })
        };
        let Some(Ok(LogEntry::Interval(entry))) = IntervalLogIterator::new(&line).next() else {
            return Err(wrong(&"not a line of an HdrHistogram interval log"));
        };
        bytes.clear();
        let decoded =
            base64::engine::general_purpose::STANDARD.decode_vec(entry.encoded_histogram(), &mut bytes);
        decoded.map_err(|error| wrong(&error))?;
        let histogram: Histogram =
            decoder.deserialize(&mut bytes.as_slice()).map_err(|error| wrong(&error))?;
        take(entry.start_timestamp().as_secs(), &histogram)?;
    }
}
