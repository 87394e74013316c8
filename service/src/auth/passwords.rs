//! Password hashing: argon2id, on the blocking pool, a bounded number at a time.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::AuthConfig;
use crate::error::Error;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes and verifies passwords.
pub struct Passwords {
    turns: Arc<Semaphore>,
    wait: Duration,
    /// The hash of a password nobody has: verified against where there is no account, so that both take as long.
    nobody: String,
}

impl Passwords {
    /// As configured. Computes one hash.
    ///
    /// # Errors
    /// When the hash cannot be computed, for want of memory.
    pub fn new(config: &AuthConfig) -> anyhow::Result<Self> {
        let parallelism = match config.hash_parallelism {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            n => n,
        };
        Ok(Self {
            turns: Arc::new(Semaphore::new(parallelism)),
            wait: Duration::from_millis(config.hash_wait_ms),
            nobody: hash_now(&SecretString::from("nobody's password"))?,
        })
    }

    /// The PHC string of the password's hash.
    ///
    /// # Errors
    /// [`Error::Busy`] when no turn came up in time.
    pub async fn hash(&self, password: SecretString) -> Result<String, Error> {
        let turn = self.turn().await?;
        blocking(turn, move || hash_now(&password)).await?.map_err(Error::internal)
    }

    /// Whether the password is the one that `hash` was made from. Without a hash the answer is no, after the same work.
    ///
    /// # Errors
    /// [`Error::Busy`] when no turn came up in time.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool, Error> {
        let turn = self.turn().await?;
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let matches = blocking(turn, move || verify_now(&password, &hash)).await?.map_err(Error::internal)?;
        Ok(matches && known)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Error> {
        const BUSY: Error = Error::Busy("too many logins at once; try again shortly");
        match tokio::time::timeout(self.wait, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(BUSY),
        }
    }
}

/// The permit goes with the work: a client that hangs up does not let another hash begin beside this one.
async fn blocking<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(move || {
        let outcome = work();
        drop(turn);
        outcome
    })
    .await
    .map_err(Error::internal)
}

fn argon2() -> anyhow::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| anyhow::anyhow!("argon2: {e}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The PHC string of the password's hash, computed on this thread (about 20 ms).
///
/// # Errors
/// For want of memory.
pub fn hash_now(password: &SecretString) -> anyhow::Result<String> {
    let salt = crate::clock::random_bytes::<16>();
    let hash = argon2()?
        .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
        .map_err(|e| anyhow::anyhow!("argon2: {e}"))?;
    Ok(hash.to_string())
}

fn verify_now(password: &SecretString, hash: &str) -> anyhow::Result<bool> {
    let hash =
        PasswordHash::new(hash).map_err(|e| anyhow::anyhow!("a stored password hash is broken: {e}"))?;
    Ok(argon2()?.verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let passwords = Passwords::new(&AuthConfig::default()).unwrap();
        let hash = passwords.hash("a good password".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("a good password".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("a bad password".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("nobody's password".into(), None).await.unwrap(), "no account, no login");
    }

    #[tokio::test]
    async fn a_login_that_gets_no_turn_in_time_is_told_to_come_back() {
        let config = AuthConfig { hash_parallelism: 1, hash_wait_ms: 10, ..AuthConfig::default() };
        let passwords = Passwords::new(&config).unwrap();
        let _taken = passwords.turn().await.unwrap();
        assert!(matches!(passwords.hash("x".into()).await, Err(Error::Busy(_))));
    }
}
