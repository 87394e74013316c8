//! Makes one record of the records of a load's parts, exactly: counts add, histograms add second by second, and every
//! percentile is computed after.
//!
//! ```text
//! parts ─► fit (do they belong together?) ─► seconds, target (added) ─► Writer ─► the one verdict
//! ```

mod errors;
mod fit;
mod seconds;
mod target;

use std::path::Path;

pub use self::{
    errors::FirstErrors,
    fit::{finished, whole},
    seconds::sum,
    target::TargetSum,
};
use crate::{ErrorSample, Follow, Record, RecordError, Run, Second, Writer, refuse_taken};

/// Merges the records of the parts of one run into a new record in `out` and judges it. With `partial`, parts may be
/// missing: the record says which, and is invalid.
///
/// # Errors
/// They are not parts of one run, one is missing or there twice, one is damaged, or `out` holds a record already.
pub fn merge(out: &Path, parts: Vec<Record>, partial: bool) -> Result<Run, RecordError> {
    let (mut run, parts) = whole(parts, partial)?;
    refuse_taken(out)?;
    let mut writer = Writer::create(out, &run, parts[0].start())?;
    let mut follows: Vec<Follow> = parts.iter().map(|part| Follow::new(&part.folder)).collect();
    let mut heads: Vec<Option<Second>> = follows.iter().map(|_| None).collect();
    // What is not counted per part is observed by one of them: the first.
    let mut target = TargetSum::new(&run.observed, 0);
    parts.iter().enumerate().for_each(|(index, part)| target.push(index, part.target.clone()));
    loop {
        for (head, follow) in heads.iter_mut().zip(&mut follows).filter(|(head, _)| head.is_none()) {
            *head = follow.second()?;
        }
        let Some(at) = heads.iter().flatten().map(|head| head.row.second).min() else { break };
        let ended = heads.iter_mut().filter_map(|head| head.take_if(|head| head.row.second == at));
        let mut second = sum(at, ended);
        second.target = target.take(at);
        writer.second(second)?;
    }
    writer.observed(target.take(u64::MAX))?;
    let mut samples: Vec<&ErrorSample> = parts.iter().flat_map(|part| &part.errors).collect();
    samples.sort_by_key(|sample| sample.second);
    let mut first = FirstErrors::default();
    samples.into_iter().filter(|sample| first.takes(sample)).try_for_each(|sample| writer.error(sample))?;
    finished(&mut run, &parts)?;
    writer.finish(run)
}

#[cfg(test)]
mod tests;
