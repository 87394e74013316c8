//! Mail: what is sent, and who delivers it. A mail has the id of its job, so that one that is sent again is known to be
//! the same: in a folder it replaces itself, and a mail server's users see one `Message-ID`.

mod folder;
pub mod letters;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use uuid::Uuid;

use crate::config::{Config, MailSink};
use crate::store::Timestamp;

/// Sends mail.
pub struct Mailer {
    from: Mailbox,
    sink: Sink,
}

enum Sink {
    Folder(PathBuf),
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
}

/// A mail to one person.
pub struct Letter {
    /// The job that sends it.
    pub id: Uuid,
    /// When it was decided to send it.
    pub date: Timestamp,
    /// Whose mail it is.
    pub name: String,
    /// Where to.
    pub address: String,
    /// What about.
    pub subject: &'static str,
    /// Plain text.
    pub text: String,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It never will be: no such address, refused for good.
    #[error("the mail is refused for good: {0}")]
    Lasting(String),
    /// It may be later.
    #[error("the mail was not taken: {0}")]
    Passing(String),
}

/// A mail server that does not answer in this time has failed.
const PATIENCE: Duration = Duration::from_secs(10);

impl Mailer {
    /// As configured. Connects only when there is mail.
    ///
    /// # Errors
    /// When the server's address cannot be understood.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let from = config.mail.from.parse().with_context(|| format!("mail.from `{}`", config.mail.from))?;
        let sink = match config.mail.sink {
            MailSink::File => {
                Sink::Folder(crate::files::folder(&config.mail.path, &config.database.path, "mail"))
            }
            MailSink::Smtp => {
                // The error is not shown: it might quote the password.
                let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(config.mail.url.expose())
                    .map_err(|_| {
                        anyhow::anyhow!("mail.url is not an address such as smtps://user:password@host")
                    })?;
                Sink::Smtp(Box::new(server.timeout(Some(PATIENCE)).build()))
            }
        };
        Ok(Self { from, sink })
    }

    /// Sends one mail.
    ///
    /// # Errors
    /// [`MailError`], which says whether to try again.
    pub async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let message = self.compose(letter)?;
        match &self.sink {
            Sink::Folder(folder) => folder::put(folder, letter.id, message.formatted())
                .await
                .map_err(|e| MailError::Passing(format!("{}: {e}", folder.display()))),
            Sink::Smtp(server) => server.send(message).await.map(|_| ()).map_err(|e| {
                if e.is_permanent() {
                    MailError::Lasting(e.to_string())
                } else {
                    MailError::Passing(causes(&e))
                }
            }),
        }
    }

    /// The same letter always makes the same bytes.
    fn compose(&self, letter: &Letter) -> Result<Message, MailError> {
        let lasting = |e: &dyn std::fmt::Display| MailError::Lasting(e.to_string());
        let address: Address = letter.address.parse().map_err(|e| lasting(&e))?;
        let date =
            SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(letter.date.0).unwrap_or_default());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(Some(printable(&letter.name)), address))
            .subject(letter.subject)
            .date(date)
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .map_err(|e| lasting(&e))
    }
}

/// A name without control characters, which have no way into a header: lettre panics at them.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An error with what lies behind it, which lettre's own text leaves out.
fn causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn letter(name: &str, address: &str) -> Letter {
        Letter {
            id: Uuid::from_u128(7),
            date: Timestamp(1_700_000_000_000_000),
            name: name.to_owned(),
            address: address.to_owned(),
            subject: "Welcome",
            text: "Hello.\n".to_owned(),
        }
    }

    fn mailer() -> (Mailer, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.mail.path = dir.path().join("mail").to_str().unwrap().to_owned();
        (Mailer::new(&config).unwrap(), dir)
    }

    #[tokio::test]
    async fn a_mail_that_is_sent_twice_is_in_the_folder_once() {
        let (mailer, dir) = mailer();
        for _ in 0..2 {
            mailer.send(&letter("Ada", "ada@headroom.example")).await.unwrap();
        }
        let folder = dir.path().join("mail");
        let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [format!("{}.eml", Uuid::from_u128(7)).as_str()]);
        let text = std::fs::read_to_string(folder.join(&names[0])).unwrap();
        assert!(text.contains("To: Ada <ada@headroom.example>\r\n"), "{text}");
        assert!(
            text.contains(&format!("Message-ID: <{}@headroom.example>\r\n", Uuid::from_u128(7))),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn no_name_adds_a_header_or_is_too_odd_for_one(name in "\\PC{0,20}[\\x00-\\x1f\"\\\\<>,]{0,3}.{0,20}") {
            let (mailer, _dir) = mailer();
            let letter = letter(&format!("{name}\r\nBcc: eve@headroom.example"), "ada@headroom.example");
            let message = mailer.compose(&letter).unwrap();
            let text = String::from_utf8(message.formatted()).unwrap();
            prop_assert!(!text.contains("\nBcc:"), "{}", text);
            prop_assert_eq!(message.envelope().to().len(), 1);
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_for_good() {
        let (mailer, _dir) = mailer();
        assert!(matches!(mailer.send(&letter("Ada", "nobody")).await, Err(MailError::Lasting(_))));
    }
}
