//! Why a command ends without having done its work.

use std::fmt;

use record::{Exit, RecordError};

use crate::plan::PlanError;

/// Why a command ends without having done its work; its text is for the user.
#[derive(Debug)]
pub enum Stop {
    /// A bad command line or scenario.
    Usage(String),
    /// The target cannot be reached.
    NoData(String),
    /// The user stopped it before there was anything to record.
    Interrupted,
    /// This machine or this program failed.
    Internal(String),
}

impl Stop {
    /// The exit code that says so.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::NoData(_) => Exit::NoData,
            Self::Interrupted => Exit::Interrupted,
            Self::Internal(_) => Exit::Internal,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::NoData(text) | Self::Internal(text) => f.write_str(text),
            Self::Interrupted => f.write_str("stopped before the load began; nothing was recorded"),
        }
    }
}

impl From<PlanError> for Stop {
    fn from(error: PlanError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<RecordError> for Stop {
    fn from(error: RecordError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(format!("{error:#}"))
    }
}
