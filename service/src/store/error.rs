//! Why the store did not answer, whatever kind of database it is.

use crate::error::Error;

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row contradicts a unique constraint.
    #[error("already there")]
    Taken,
    /// The row refers to one that does not exist.
    #[error("refers to something that does not exist")]
    Dangling,
    /// A text that the database cannot keep: PostgreSQL has no place for the character U+0000.
    #[error("a text holds the character U+0000, which cannot be stored")]
    Unstorable,
    /// Every connection, or the write lock, stayed taken for as long as a request may wait.
    #[error("the database stayed busy for too long")]
    Exhausted,
    /// A statement took longer than it may.
    #[error("the database took too long")]
    Slow,
    /// The database would have to take back what another transaction did at the same time; trying again helps.
    #[error("another transaction changed the same rows at the same time")]
    Contended,
    /// The user's data are in another database now and could not be found there in time. Nothing was done.
    #[error("the data are being moved to another database")]
    Moved,
    /// The same request, by its idempotency key, is being done at this moment. Nothing was done.
    #[error("the same request is in progress")]
    InFlight,
    /// Another registration with the same e-mail may or may not be over.
    #[error("another registration with this e-mail address is not over yet")]
    Undecided,
    /// The server is not there, is starting or stopping, or went away before it answered. What a write wanted may or may
    /// not have happened.
    #[error("the database cannot be reached: {0}")]
    Unreachable(sqlx::Error),
    /// Anything else.
    #[error(transparent)]
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(e) if e.is_unique_violation() => Self::Taken,
            sqlx::Error::Database(e) if e.is_foreign_key_violation() => Self::Dangling,
            sqlx::Error::Database(e) => match e.code().map_or(Said::Other, |code| said(&code)) {
                Said::Unstorable => Self::Unstorable,
                Said::Busy => Self::Exhausted,
                Said::Slow => Self::Slow,
                Said::Contended => Self::Contended,
                Said::Moved => Self::Moved,
                Said::InFlight => Self::InFlight,
                Said::Away => Self::Unreachable(error),
                Said::Other => Self::Failed(error),
            },
            sqlx::Error::PoolTimedOut => Self::Exhausted,
            sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::BeginFailed => {
                Self::Unreachable(error)
            }
            // What sqlx makes of a connection that ended within a message.
            sqlx::Error::Protocol(_) => Self::Unreachable(error),
            _ => Self::Failed(error),
        }
    }
}

enum Said {
    Unstorable,
    Busy,
    Slow,
    Contended,
    Moved,
    InFlight,
    Away,
    Other,
}

/// What a database says by an error code: SQLSTATE (PostgreSQL, appendix A), or SQLite's number.
fn said(code: &str) -> Said {
    match code {
        // SQLITE_BUSY in any of its extended forms: another process held the write lock for the whole busy timeout.
        "5" | "261" | "517" | "773" => Said::Busy,
        // character_not_in_repertoire, untranslatable_character: U+0000 in a text.
        "22021" | "22P05" => Said::Unstorable,
        // too_many_connections, lock_not_available.
        "53300" | "55P03" => Said::Busy,
        // query_canceled: the statement's time limit.
        "57014" => Said::Slow,
        // Our own: the bucket is not here.
        "HB001" => Said::Moved,
        // Our own: another is at the same request.
        "HB002" => Said::InFlight,
        // serialization_failure, deadlock_detected.
        "40001" | "40P01" => Said::Contended,
        // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout; a primary that became a standby.
        "57P01" | "57P02" | "57P03" | "57P05" | "25006" => Said::Away,
        // Connection exceptions.
        other if other.len() == 5 && other.starts_with("08") => Said::Away,
        _ => Said::Other,
    }
}

impl StoreError {
    /// No connection to the server at all.
    pub(super) fn away() -> Self {
        Self::Unreachable(sqlx::Error::PoolClosed)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exhausted => Self::Busy("the database is overloaded"),
            StoreError::Slow => Self::Busy("the database took too long"),
            StoreError::Contended => {
                Self::Busy("too many changes of the same thing at the same time; try again")
            }
            StoreError::Moved => Self::Busy("the data are just being moved to another database; try again"),
            StoreError::Undecided => {
                Self::Busy("another registration with this e-mail address is not over yet; try again")
            }
            StoreError::InFlight => Self::Conflict(
                "a request with this Idempotency-Key is still in progress; send it again when that one has ended",
            ),
            StoreError::Unreachable(_) => Self::Busy("the database cannot be reached; try again"),
            StoreError::Unstorable => {
                Self::Malformed("a text holds the character U+0000, which cannot be stored".to_owned())
            }
            other => Self::internal(other),
        }
    }
}
