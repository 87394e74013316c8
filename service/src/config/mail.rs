//! `[mail]`: where mail goes.

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::{ConfigError, SecretUrl};

/// Mail.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// Who delivers it.
    pub sink: MailSink,
    /// The folder of the sink `file`, one file per mail; empty is the database's file name with `.mail` behind it.
    pub path: String,
    /// The server of the sink `smtp`: `smtps://user:password@host`, or `smtp://host:587?tls=required`; without `tls` it
    /// is sent in the clear.
    pub url: SecretUrl,
    /// The sender, such as `Headroom <no-reply@headroom.example>`.
    pub from: String,
}

/// Who delivers mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum MailSink {
    /// Nobody: it is put into a folder.
    File,
    /// A mail server.
    Smtp,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            sink: MailSink::File,
            path: String::new(),
            url: SecretUrl::default(),
            from: "Headroom <no-reply@headroom.example>".to_owned(),
        }
    }
}

impl MailConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.sink == MailSink::Smtp && !self.url.has_scheme(&["smtp", "smtps"]) {
            return Err(ConfigError::new(
                "mail.sink is smtp, so that mail.url has to be such as smtps://user:password@host or smtp://host:587?tls=required",
            ));
        }
        match self.from.parse::<Mailbox>() {
            Ok(_) => Ok(()),
            Err(e) => Err(ConfigError::new(format!(
                "mail.from `{}`: {e}; expected such as Headroom <no-reply@headroom.example>",
                self.from
            ))),
        }
    }
}

impl TryFrom<String> for MailSink {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("file", Self::File), ("smtp", Self::Smtp)])
    }
}
