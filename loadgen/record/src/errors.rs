use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Failures of one kind that a record keeps as text.
pub const ERRORS_PER_KIND: usize = 10;

/// One failed request, a line of `errors.jsonl`. Texts are cut to a bound; headers that carry secrets are
/// masked by the writer of the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorSample {
    /// Seconds since the start of the load.
    pub second: u64,
    /// The request's name in the scenario.
    pub request: String,
    /// `timeout`, `status_500`, `connect`, `reset`, `check`, …
    pub kind: String,
    /// One sentence: what was expected and what came.
    pub detail: String,
    /// Request line and headers.
    pub sent: String,
    /// Status line, headers and the beginning of the body, or empty when nothing came.
    pub received: String,
    /// Due → given up or answered, microseconds.
    pub response_us: u64,
}

/// Why a record cannot be written or read: which file, where in it, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The folder or a file of it cannot be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The folder is no record.
    #[error("{}: no run record: there is no run.json in it", .0.display())]
    NotARecord(PathBuf),
    /// A record of another version.
    #[error("{}: schema `{found}`, but this program reads `{expected}`; use the version of Headroom that made it", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        found: String,
        /// What this program reads.
        expected: &'static str,
    },
    /// Records that are no parts of one run.
    #[error("{0}")]
    Unfit(String),
    /// A file is damaged at other than its last line.
    #[error("{}:{line}: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        detail: String,
    },
}

impl RecordError {
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}
