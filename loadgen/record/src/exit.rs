use serde::{Deserialize, Serialize};

/// Exit codes of `loadgen run` and `reports gate`: the same number for the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// Every budget was met by a valid run.
    Pass,
    /// A defect of the tool itself.
    Internal,
    /// A bad command line, scenario or record.
    Usage,
    /// A valid run missed a budget.
    BudgetMissed,
    /// A valid run is worse than its baseline.
    Regression,
    /// The run supports no verdict.
    Invalid,
    /// Nothing was measured: the target was not reached, or the record is empty.
    NoData,
    /// Stopped by the user; the record holds what was measured up to then.
    Interrupted,
}

impl Exit {
    /// The process exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::BudgetMissed => 10,
            Self::Regression => 11,
            Self::Invalid => 12,
            Self::NoData => 13,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
