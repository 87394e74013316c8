//! Reads a record second by second, also while it is being written.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use hdrhistogram::serialization::Deserializer;
use serde::de::DeserializeOwned;

use crate::{
    ErrorSample, Histogram, RecordError, Second, SeriesRow, Tag, TargetRow, files,
    reader::{damaged, decode},
    writer::add,
};

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// A record that is read as it grows. What a killed generator wrote of a last line is never given.
pub struct Follow {
    series: Rows,
    latency: Lines,
    target: Rows,
    errors: Lines,
    decoder: Deserializer,
    bytes: Vec<u8>,
    /// A histogram of a second that is not in `series` yet.
    ahead: Option<(u64, Tag, Histogram)>,
}

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follow").field("series", &self.series.lines.path).finish_non_exhaustive()
    }
}

impl Follow {
    /// Of the record that is, or comes to be, in `folder`.
    pub fn new(folder: &Path) -> Self {
        let lines = |name: &str| Lines::new(folder.join(name));
        let rows = |name: &str| Rows { lines: lines(name), header: None };
        Self {
            series: rows(files::SERIES),
            latency: lines(files::LATENCY),
            target: rows(files::TARGET),
            errors: lines(files::ERRORS),
            decoder: Deserializer::new(),
            bytes: Vec::new(),
            ahead: None,
        }
    }

    /// The next second that is whole in the files, and all rows of `target.csv` that are new: those of a second may come
    /// after it.
    ///
    /// # Errors
    /// A file cannot be read, or is damaged.
    pub fn second(&mut self) -> Result<Option<Second>, RecordError> {
        // A second's row is written after its histograms, so that these are whole when it is there.
        let Some(row) = self.series.next::<SeriesRow>()? else { return Ok(None) };
        let mut second = Second { row, ..Second::default() };
        while let Some((at, tag, histogram)) = self.histogram()? {
            if at > second.row.second {
                self.ahead = Some((at, tag, histogram));
                break;
            }
            add(&mut second.histograms, tag, &histogram);
        }
        second.target = self.target()?;
        Ok(Some(second))
    }

    /// The rows of `target.csv` that are new.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn target(&mut self) -> Result<Vec<TargetRow>, RecordError> {
        std::iter::from_fn(|| self.target.next().transpose()).collect()
    }

    /// The errors that are new.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn errors(&mut self) -> Result<Vec<ErrorSample>, RecordError> {
        let mut errors = Vec::new();
        while let Some(line) = self.errors.next()? {
            let error = serde_json::from_slice(&line);
            errors.push(error.map_err(|error| damaged(&self.errors.path, self.errors.number, &error))?);
        }
        Ok(errors)
    }

    fn histogram(&mut self) -> Result<Option<(u64, Tag, Histogram)>, RecordError> {
        if self.ahead.is_some() {
            return Ok(self.ahead.take());
        }
        while let Some(line) = self.latency.next()? {
            // The header, and the lines of all requests together.
            if line.first() != Some(&b'T') {
                continue;
            }
            let decoded = decode(&line, &mut self.decoder, &mut self.bytes);
            let (at, tag, histogram) =
                decoded.map_err(|detail| damaged(&self.latency.path, self.latency.number, &detail))?;
            if let Some(tag) = tag {
                return Ok(Some((at, tag, histogram)));
            }
        }
        Ok(None)
    }
}

/// The rows of a CSV file with a header.
struct Rows {
    lines: Lines,
    header: Option<csv::StringRecord>,
}

impl Rows {
    fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RecordError> {
        while let Some(mut line) = self.lines.next()? {
            // A line end within quotes belongs to a cell.
            while line.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
                match self.lines.next()? {
                    Some(more) => line.extend(more),
                    None => {
                        self.lines.give_back(line);
                        return Ok(None);
                    }
                }
            }
            let wrong = |error: csv::Error| damaged(&self.lines.path, self.lines.number, &error);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
            let mut cells = csv::StringRecord::new();
            reader.read_record(&mut cells).map_err(wrong)?;
            match &self.header {
                None => self.header = Some(cells),
                Some(header) => return cells.deserialize(Some(header)).map(Some).map_err(wrong),
            }
        }
        Ok(None)
    }
}

/// The whole lines of a file that may grow.
struct Lines {
    path: PathBuf,
    file: Option<File>,
    unread: Vec<u8>,
    /// Where the next line begins in `unread`.
    at: usize,
    /// Number of the last line given, from 1.
    number: u64,
}

impl Lines {
    const fn new(path: PathBuf) -> Self {
        Self { path, file: None, unread: Vec::new(), at: 0, number: 0 }
    }

    /// The next line with its end, if it is there whole.
    fn next(&mut self) -> Result<Option<Vec<u8>>, RecordError> {
        let mut searched = self.at;
        loop {
            if let Some(end) = self.unread[searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.unread[self.at..=searched + end].to_vec();
                self.at = searched + end + 1;
                self.number += 1;
                return Ok(Some(line));
            }
            searched = self.unread.len() - self.at;
            self.unread.drain(..self.at);
            self.at = 0;
            if self.read().map_err(RecordError::io(&self.path))? == 0 {
                return Ok(None);
            }
        }
    }

    fn read(&mut self) -> io::Result<usize> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                // Not written yet.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
                Err(error) => return Err(error),
            }
        }
        let Some(file) = &mut self.file else { return Ok(0) };
        file.take(PIECE as u64).read_to_end(&mut self.unread)
    }

    /// Puts back what was taken too early.
    fn give_back(&mut self, line: Vec<u8>) {
        self.number -= line.iter().filter(|byte| **byte == b'\n').count() as u64;
        drop(self.unread.splice(..self.at, line));
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::SystemTime};

    use super::*;
    use crate::{Writer, test_run};

    #[test]
    fn a_record_is_read_while_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut follow = Follow::new(folder.path());
        assert!(follow.second().unwrap().is_none());
        let mut writer = Writer::create(folder.path(), &test_run::run(), SystemTime::UNIX_EPOCH).unwrap();
        assert!(follow.second().unwrap().is_none());
        for at in 0..3 {
            writer.second(test_run::second(at)).unwrap();
            let (read, written) = (follow.second().unwrap().unwrap(), test_run::second(at));
            assert_eq!((read.row, read.histograms), (written.row, written.histograms));
            assert!(follow.second().unwrap().is_none());
        }
        for at in 3..40 {
            writer.second(test_run::second(at)).unwrap();
        }
        for at in 3..40 {
            assert_eq!(follow.second().unwrap().unwrap().row.second, at);
        }
    }

    #[test]
    fn a_line_is_given_once_it_is_whole_and_a_cell_may_hold_a_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(files::TARGET);
        let text = "second,source,name,component,value\n1,\"a\nb\",x,value,2.5\n2,a,x,value,3\n";
        let mut follow = Follow::new(folder.path());
        let mut sources = Vec::new();
        for end in 0..=text.len() {
            fs::write(&path, &text[..end]).unwrap();
            sources.extend(follow.target().unwrap().into_iter().map(|row| row.source));
        }
        assert_eq!(sources, ["a\nb", "a"]);
    }

    #[test]
    fn damage_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(files::ERRORS), "{}\n").unwrap();
        let message = Follow::new(folder.path()).errors().unwrap_err().to_string();
        assert!(message.contains("errors.jsonl:1: "), "{message}");
    }
}
