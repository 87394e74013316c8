//! `[auth]`: tokens and passwords.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::choice::choice;
use super::{ConfigError, within};

/// Tokens, sessions and password hashing.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// The key that signs access tokens and cursors, at least 32 bytes. Without one, the embedded mode makes one and
    /// keeps it beside the database file, so that `seed` and `serve` agree.
    #[serde(serialize_with = "masked")]
    pub secret: Option<SecretString>,
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim.
    pub audience: String,
    /// Life of an access token, in seconds.
    pub access_ttl_s: u32,
    /// Life of a refresh token, in seconds.
    pub refresh_ttl_s: u32,
    /// Password hashes computed at the same time; 0 is one per core.
    pub hash_parallelism: usize,
    /// How long a login waits for its turn to hash before it is answered 503, in milliseconds.
    pub hash_wait_ms: u64,
    /// Sessions one user may have; a further login ends the oldest.
    pub sessions_per_user: u32,
    /// How processes tell each other of ended sessions.
    pub revocations: Told,
}

/// How processes tell each other of ended sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Told {
    /// Not at all: there is one process.
    Process,
    /// Through Redis, before the end of the session is acknowledged.
    Redis,
}

impl TryFrom<String> for Told {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        choice(&text, &[("process", Self::Process), ("redis", Self::Redis)])
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            secret: None,
            issuer: "headroom".to_owned(),
            audience: "headroom-api".to_owned(),
            access_ttl_s: 15 * 60,
            refresh_ttl_s: 7 * 24 * 3600,
            hash_parallelism: 0,
            hash_wait_ms: 1000,
            sessions_per_user: 10,
            revocations: Told::Process,
        }
    }
}

/// Fewer bytes than the hash's output weaken HMAC-SHA256 (RFC 7518 §3.2).
const SECRET_BYTES: usize = 32;

impl AuthConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if let Some(secret) = &self.secret
            && secret.expose_secret().len() < SECRET_BYTES
        {
            return Err(ConfigError::new(format!(
                "auth.secret is {} bytes; it must be at least {SECRET_BYTES} (try: openssl rand -base64 32)",
                secret.expose_secret().len()
            )));
        }
        if self.issuer.is_empty() || self.audience.is_empty() {
            return Err(ConfigError::new("auth.issuer and auth.audience must not be empty"));
        }
        within("auth.access_ttl_s", self.access_ttl_s, 1..=7 * 24 * 3600)?;
        within("auth.refresh_ttl_s", self.refresh_ttl_s, 1..=366 * 24 * 3600)?;
        within("auth.hash_parallelism", self.hash_parallelism, 0..=256)?;
        within("auth.hash_wait_ms", self.hash_wait_ms, 0..=60_000)?;
        within("auth.sessions_per_user", self.sessions_per_user, 1..=1000)
    }
}

fn masked<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_str("********"),
        None => serializer.serialize_none(),
    }
}
