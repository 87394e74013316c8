//! An access log becomes its own mix, replayed at its own rate.
//!
//! ```text
//! line (one request) ─► tally (kinds, minutes, targets; sessions) ─► plan (flows by share, stages by hour) ─► journey
//! ```

mod json;
mod line;
mod plan;
mod sessions;
mod tally;
mod visits;
mod zipf;

use std::io::BufRead;

use self::tally::{GRAIN_S, Tally};
use super::{
    input::{open, unreadable},
    journey::Journey,
    options::AccessLog,
};
use crate::stop::Stop;

/// Longer lines are cut: no request line is longer.
const LONGEST_LINE: usize = 1 << 16;

/// Reads a log.
pub fn journey(options: &AccessLog) -> Result<Journey, Stop> {
    let shown = options.common.file.display();
    if options.every.is_some_and(|seconds| seconds % GRAIN_S > 0) {
        return Err(Stop::Usage("--every: whole minutes, such as `10m` or `1h`".to_owned()));
    }
    let log = open(&options.common.file)?;
    let tally = count(log, options).map_err(|error| Stop::Usage(unreadable(&options.common.file, &error)))?;
    plan::journey(tally, options).map_err(|message| Stop::Usage(format!("{shown}: {message}")))
}

/// The journey of a log that is read already.
#[cfg(test)]
pub fn from_reader(log: impl BufRead, options: &AccessLog) -> Result<Journey, String> {
    plan::journey(count(log, options).map_err(|error| error.to_string())?, options)
}

fn count(mut log: impl BufRead, options: &AccessLog) -> std::io::Result<Tally> {
    let mut tally = Tally::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let (read, whole) = read_line(&mut log, &mut line)?;
        if !read {
            break;
        }
        // Servers escape what is not ASCII; what is not UTF-8 all the same was never asked for by a browser.
        tally.add(&String::from_utf8_lossy(&line), options);
        if !whole {
            skip_line(&mut log)?;
        }
    }
    tally.sessions.finish();
    Ok(tally)
}

/// A line of at most [`LONGEST_LINE`]; whether there was one, and whether that was all of it.
fn read_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<(bool, bool)> {
    let read = std::io::Read::take(log, LONGEST_LINE as u64).read_until(b'\n', line)?;
    Ok((read > 0, read < LONGEST_LINE || line.ends_with(b"\n")))
}

fn skip_line(log: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = log.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        if let Some(at) = buffer.iter().position(|byte| *byte == b'\n') {
            log.consume(at + 1);
            return Ok(());
        }
        let length = buffer.len();
        log.consume(length);
    }
}

#[cfg(test)]
mod tests;
