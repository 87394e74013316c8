//! What jobs do, as stored.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::Timestamp;

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Greets a new user.
    WelcomeMail,
    /// Sends a user the way to a new password; the token is made of the id when the mail is.
    PasswordResetMail {
        /// Which request for a new password.
        reset_id: Uuid,
    },
    /// Writes all tasks of a user into a file.
    ExportTasks {
        /// In which form.
        format: ExportFormat,
    },
}

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// Comma-separated values with a header line (RFC 4180).
    #[default]
    Csv,
    /// One JSON object per line.
    Ndjson,
}

/// Every kind of work, as metrics and the database name it.
pub const KINDS: [&str; 3] = ["welcome_mail", "password_reset_mail", "export_tasks"];

impl Work {
    /// As metrics and the database name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::WelcomeMail => KINDS[0],
            Self::PasswordResetMail { .. } => KINDS[1],
            Self::ExportTasks { .. } => KINDS[2],
        }
    }

    /// As stored.
    pub fn payload(&self) -> String {
        // Enums of ids and words always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A job to be done.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Identity.
    pub id: Uuid,
    /// For whom.
    pub user_id: Uuid,
    /// What.
    pub work: Work,
    /// Now.
    pub now: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_stored_under_its_kind_and_read_back() {
        let works = [
            Work::WelcomeMail,
            Work::PasswordResetMail { reset_id: Uuid::from_u128(7) },
            Work::ExportTasks { format: ExportFormat::Ndjson },
        ];
        for (work, kind) in works.into_iter().zip(KINDS) {
            assert!(work.payload().contains(&format!("\"kind\":\"{kind}\"")), "{}", work.payload());
            assert_eq!(work.kind(), kind);
            assert_eq!(serde_json::from_str::<Work>(&work.payload()).unwrap(), work);
        }
    }
}
