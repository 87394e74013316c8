//! Makes one record of the records of a load's parts.

use record::{Exit, Record};

use crate::{cli::Merge, failure::Failure, report::word};

/// Merges and says the verdict. The exit code says whether there is a merged record, not what it holds.
///
/// # Errors
/// The records are not the parts of one run, one is missing or damaged, or the folder holds a record already.
pub fn merge(args: &Merge) -> Result<Exit, Failure> {
    let parts = args.records.iter().map(|folder| Record::open(folder)).collect::<Result<Vec<_>, _>>()?;
    if parts.iter().all(|part| part.series.iter().all(|row| row.completed + row.failed == 0)) {
        let message = format!("nothing was measured: no request ended in any of the {} records", parts.len());
        return Err(Failure { exit: Exit::NoData, message });
    }
    let run = record::merge::merge(&args.out, parts, args.partial)?;
    if let Some(judgement) = &run.judgement {
        let (word, _) = word(judgement.verdict);
        eprintln!("verdict: {word}\n{}", judgement.sentence);
        for reason in judgement.validity.reasons.iter().filter(|it| !judgement.sentence.contains(&it.detail))
        {
            eprintln!("also: {}", reason.detail);
        }
    }
    eprintln!("record: {}", args.out.display());
    Ok(Exit::Pass)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use record::{State, files};

    use super::*;
    use crate::fixture::Fixture;

    /// Merges parts of two of `fixture`, of which the first `there` exist.
    fn merged(fixture: &Fixture, there: u64, partial: bool) -> (Result<Exit, Failure>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let records: Vec<PathBuf> = (0..there).map(|index| folder.path().join(index.to_string())).collect();
        for (index, path) in records.iter().enumerate() {
            Fixture { part: Some((index as u64, 2)), ..fixture.clone() }.write(path);
        }
        let out = folder.path().join("out");
        let done = merge(&Merge { out: out.clone(), records, partial });
        (done, out.join(files::TOTALS).exists())
    }

    #[test]
    fn the_exit_code_says_whether_there_is_a_record_and_not_what_it_holds() {
        let missed = merged(&Fixture::default(), 2, false);
        assert_eq!((missed.0.unwrap(), missed.1), (Exit::Pass, true));
        let stopped = Fixture { state: State::Interrupted, ..Fixture::default() };
        assert_eq!(merged(&stopped, 2, false).0.unwrap(), Exit::Pass);
    }

    #[test]
    fn a_part_that_is_missing_is_a_bad_command_line_unless_it_is_said() {
        let (done, there) = merged(&Fixture::default(), 1, false);
        let failure = done.unwrap_err();
        assert_eq!((failure.exit, there), (Exit::Usage, false));
        assert!(failure.message.contains("part 1 of 2 is missing"), "{failure}");
        assert_eq!(merged(&Fixture::default(), 1, true).0.unwrap(), Exit::Pass);
    }

    #[test]
    fn parts_in_which_nothing_was_measured_are_no_data() {
        let nothing = Fixture { per_s: 0, failed_per_s: 0, ..Fixture::default() };
        let (done, there) = merged(&nothing, 2, false);
        assert_eq!((done.unwrap_err().exit, there), (Exit::NoData, false));
    }
}
