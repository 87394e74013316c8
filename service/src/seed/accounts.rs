//! The accounts file: who can log in, with live tokens, because a hundred thousand logins would measure argon2.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::app::App;
use crate::auth::refresh::new_token;
use crate::auth::tokens::Identity;
use crate::cli::SeedOptions;
use crate::clock;
use crate::store::Timestamp;
use crate::store::bulk::SeedSession;
use crate::store::users::Role;

/// The columns, in this order.
pub const COLUMNS: [&str; 5] = ["email", "password", "access_token", "refresh_token", "user_id"];

/// An accounts file being written. It holds live tokens: only its owner may read it.
pub struct Accounts {
    writer: csv::Writer<File>,
    draft: PathBuf,
    path: PathBuf,
    password: SecretString,
    token_ttl_s: u32,
}

impl Accounts {
    /// Begins to write; the file appears under its name when it is complete.
    ///
    /// # Errors
    /// When the folder is not there or not writable.
    pub fn create(path: &Path, options: &SeedOptions) -> anyhow::Result<Self> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".part");
        let draft = PathBuf::from(draft);
        let mut open = File::options();
        let file = open
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .with_context(|| format!("cannot write {}", draft.display()))?;
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(COLUMNS)?;
        let password = options.password.clone();
        Ok(Self { writer, draft, path: path.to_owned(), password, token_ttl_s: options.token_ttl })
    }

    /// Adds a user with a new session, which is returned to be stored.
    ///
    /// # Errors
    /// When a token cannot be signed or the file cannot be written.
    pub fn add(&mut self, app: &App, user_id: Uuid, email: &str) -> anyhow::Result<SeedSession> {
        let now_us = clock::now_us();
        let session_id = clock::new_id();
        let identity = Identity { user_id, session_id, role: Role::User };
        let access = app.tokens.issue(identity, now_us.div_euclid(1_000_000), self.token_ttl_s)?;
        let (refresh, hash) = new_token(user_id);
        let password = self.password.expose_secret();
        self.writer.write_record([email, password, &access, &refresh, &user_id.to_string()])?;
        let life_s = self.token_ttl_s.max(app.config.auth.refresh_ttl_s);
        Ok(SeedSession {
            id: session_id,
            user_id,
            refresh: hash,
            created_at: Timestamp(now_us),
            expires_at: Timestamp(now_us + i64::from(life_s) * 1_000_000),
        })
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        let file = self.writer.into_inner().map_err(|e| e.into_error())?;
        file.sync_all()?;
        std::fs::rename(&self.draft, &self.path)
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        eprintln!("wrote {}", self.path.display());
        Ok(())
    }
}
