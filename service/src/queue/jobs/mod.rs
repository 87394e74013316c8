//! What jobs do, one file per job. A job may be run more often than once: each file says why that does no harm.

pub mod export;
mod password_reset;
mod welcome;

use crate::app::App;
use crate::mail::MailError;
use crate::store::StoreError;
use crate::store::jobs::{Attempt, KINDS, Work};

use super::worker::Progress;

/// Why an attempt failed.
#[derive(Debug)]
pub enum Failure {
    /// Another attempt may go better.
    Passing(anyhow::Error),
    /// None will.
    Lasting(anyhow::Error),
}

/// Does the work; returns a link to what came of it, where there is such a thing.
pub async fn run(
    app: &App,
    attempt: &Attempt,
    work: &Work,
    progress: &Progress,
) -> Result<Option<String>, Failure> {
    match work {
        Work::WelcomeMail => welcome::run(app, attempt).await,
        Work::PasswordResetMail { reset_id } => password_reset::run(app, attempt, *reset_id).await,
        Work::ExportTasks { format } => export::run(app, attempt, *format, progress).await,
    }
}

/// The kind that a payload names, for metrics: one of a fixed few.
pub fn kind(payload: &str) -> &'static str {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        kind: &'a str,
    }
    let named = serde_json::from_str::<Named<'_>>(payload).ok();
    named.and_then(|named| KINDS.into_iter().find(|kind| *kind == named.kind)).unwrap_or("unknown")
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Passing(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Passing(error.into())
    }
}

impl From<MailError> for Failure {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Lasting(_) => Self::Lasting(error.into()),
            MailError::Passing(_) => Self::Passing(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_payload_names_its_kind_whatever_else_is_in_it() {
        for (payload, kind) in [
            (r#"{"kind":"export_tasks","format":"csv"}"#, "export_tasks"),
            (r#"{"kind":"made_up"}"#, "unknown"),
            ("{", "unknown"),
        ] {
            assert_eq!(super::kind(payload), kind, "{payload}");
        }
    }
}
