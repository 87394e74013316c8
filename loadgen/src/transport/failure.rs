use std::{borrow::Cow, io};

use super::{Origin, connection::LARGEST_BODY};

/// Why a request failed: a short kind that failures are counted by, and one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `timeout`, `connect`, `reset`, `closed`, `status_500`, `check`, …
    pub kind: Cow<'static, str>,
    /// What was expected and what came.
    pub detail: String,
    /// Whether the other side said that it did nothing with the request: then any request may be sent again.
    pub untouched: bool,
}

impl Failure {
    /// A failure of `kind`.
    pub fn new(kind: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { kind: kind.into(), detail: detail.into(), untouched: false }
    }

    /// The user was stopped in the middle of it: not the target's failure, and not counted.
    pub const fn cut() -> Self {
        Self { kind: Cow::Borrowed("cut"), detail: String::new(), untouched: false }
    }

    /// The answer did not come, or not whole, within the time allowed.
    pub const fn timeout() -> Self {
        Self { kind: Cow::Borrowed("timeout"), detail: String::new(), untouched: false }
    }

    /// Whether it is [`Failure::cut`].
    pub fn is_cut(&self) -> bool {
        self.kind == "cut"
    }

    /// Whether it is [`Failure::timeout`].
    pub fn is_timeout(&self) -> bool {
        self.kind == "timeout"
    }

    pub(super) fn too_large(what: &str) -> Self {
        Self::new("too_large", format!("{what} larger than {} MiB", LARGEST_BODY >> 20))
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

    /// An error of an HTTP/2 stream or of its whole connection.
    pub(super) fn h2(error: &h2::Error) -> Self {
        if let Some(io) = error.get_io() {
            return match io.kind() {
                // What h2 makes of a connection that was closed with streams still open.
                io::ErrorKind::BrokenPipe if io.raw_os_error().is_none() => {
                    Self::new("closed", io.to_string())
                }
                _ => Self::io("io", io),
            };
        }
        let kind = match error.is_remote() {
            true if error.is_reset() => "reset",
            true => "closed",
            false => "protocol",
        };
        let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        // The streams that a GOAWAY names as not processed end with it; those that were go on, or end otherwise.
        let untouched = error.is_remote() && (refused || error.is_go_away());
        Self { untouched, ..Self::new(kind, error.to_string()) }
    }
}
