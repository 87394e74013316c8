use std::{borrow::Cow, io};

use super::Origin;

/// Why a request failed: a short kind that failures are counted by, and one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `timeout`, `connect`, `reset`, `closed`, `status_500`, `check`, …
    pub kind: Cow<'static, str>,
    /// What was expected and what came.
    pub detail: String,
}

impl Failure {
    /// A failure of `kind`.
    pub fn new(kind: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { kind: kind.into(), detail: detail.into() }
    }

    /// The user was stopped in the middle of it: not the target's failure, and not counted.
    pub const fn cut() -> Self {
        Self { kind: Cow::Borrowed("cut"), detail: String::new() }
    }

    /// The answer did not come, or not whole, within the time allowed.
    pub const fn timeout() -> Self {
        Self { kind: Cow::Borrowed("timeout"), detail: String::new() }
    }

    /// Whether it is [`Failure::cut`].
    pub fn is_cut(&self) -> bool {
        self.kind == "cut"
    }

    pub(super) fn dns(origin: &Origin, error: &io::Error) -> Self {
        Self::new("dns", format!("{}: {error}", origin.host))
    }

    /// An error of the system while connecting (`connect`) or later.
    pub(super) fn io(stage: &'static str, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused => "refused",
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                "reset"
            }
            io::ErrorKind::TimedOut => "timeout",
            io::ErrorKind::UnexpectedEof => "closed",
            // EMFILE, EADDRNOTAVAIL: this machine's limits, not the target's.
            _ if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::EADDRNOTAVAIL)) => {
                "local_limit"
            }
            _ => stage,
        };
        Self::new(kind, error.to_string())
    }

    pub(super) fn hyper(error: &hyper::Error) -> Self {
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                return Self::io("io", io);
            }
            source = cause.source();
        }
        let kind = if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            "closed"
        } else if error.is_parse() || error.is_parse_too_large() {
            "protocol"
        } else {
            "io"
        };
        Self::new(kind, error.to_string())
    }
}
