//! The key that signs tokens and cursors.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::clock;
use crate::config::Config;

/// The configured secret, or the one kept beside the database file, made at the first need with mode 0600. A database
/// in memory gets one that dies with it.
///
/// # Errors
/// When the file cannot be read or written.
pub fn obtain(config: &Config) -> anyhow::Result<SecretString> {
    if let Some(secret) = &config.auth.secret {
        return Ok(secret.clone());
    }
    let fresh = || STANDARD.encode(clock::random_bytes::<48>());
    if config.database.in_memory() {
        return Ok(fresh().into());
    }
    anyhow::ensure!(
        config.database.url.is_empty(),
        "auth.secret is not set; on PostgreSQL every process has to sign with the same one: set SERVICE_AUTH_SECRET or \
         SERVICE_AUTH_SECRET_FILE (try: openssl rand -base64 32)"
    );
    let path = PathBuf::from(format!("{}.secret", config.database.path));
    // Written whole under another name first: a second process that starts now sees all of it or nothing.
    let draft = path.with_extension(format!("secret.{}", std::process::id()));
    if !path.exists() {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .with_context(|| format!("cannot write {}", draft.display()))?;
        file.write_all(fresh().as_bytes())?;
        file.sync_all()?;
        // A link fails where the name is taken: the first process wins, and everybody reads its secret below.
        let linked = std::fs::hard_link(&draft, &path);
        std::fs::remove_file(&draft)?;
        match linked {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(e).with_context(|| format!("cannot write {}", path.display()));
            }
            _ => {}
        }
    }
    let secret: SecretString = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .trim_end()
        .to_owned()
        .into();
    anyhow::ensure!(
        secret.expose_secret().len() >= 32,
        "{} is shorter than 32 bytes; remove it to have a new one made (tokens issued so far become invalid)",
        path.display()
    );
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_secret_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.database.path = dir.path().join("data.db").to_str().unwrap().to_owned();
        let first = obtain(&config).unwrap();
        let second = obtain(&config).unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        let mode = std::fs::metadata(dir.path().join("data.db.secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left behind");
    }
}
