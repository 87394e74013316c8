use record::{Exit, RecordError};

/// Why a command did not come to its answer: one message, and the exit code that goes with it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What, where, and what would be right.
    pub message: String,
}

impl Failure {
    /// A bad command line, record or budgets file.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// A defect of this program.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self { exit: Exit::Internal, message: format!("internal error: {error}") }
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Self::usage(error.to_string())
    }
}
