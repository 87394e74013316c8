//! What is imported, as bytes: a file or standard input, gzipped or not.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

use crate::stop::Stop;

/// The most that is read of a file that has to be held whole, bytes.
const MOST: u64 = 1 << 30;

/// Opens `file` (`-`: standard input) and unpacks it if it is gzipped.
///
/// # Errors
/// Names the file and what is wrong.
pub fn open(file: &Path) -> Result<Box<dyn BufRead>, Stop> {
    let raw: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(|error| Stop::Usage(unreadable(file, &error)))?)
    };
    let mut raw = BufReader::with_capacity(1 << 18, raw);
    let start = raw.fill_buf().map_err(|error| Stop::Usage(unreadable(file, &error)))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(raw))));
    }
    Ok(Box::new(raw))
}

/// All of `file` as text.
///
/// # Errors
/// Names the file and what is wrong.
pub fn read(file: &Path) -> Result<String, Stop> {
    let mut bytes = Vec::new();
    let read = open(file)?.take(MOST + 1).read_to_end(&mut bytes);
    read.map_err(|error| Stop::Usage(unreadable(file, &error)))?;
    if bytes.len() as u64 > MOST {
        return Err(Stop::Usage(format!("`{}` is larger than 1 GiB; import a part of it", file.display())));
    }
    // Exporters on Windows begin with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
    String::from_utf8(bytes).map_err(|_| Stop::Usage(format!("`{}` is not UTF-8 text", file.display())))
}

/// Why a file cannot be read, in a sentence.
pub fn unreadable(file: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    };
    format!("cannot read `{}`: {why}", file.display())
}
