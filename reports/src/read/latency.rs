use record::{Histogram, Record, files};

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
    record.each_response_second(|second, histogram| {
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
