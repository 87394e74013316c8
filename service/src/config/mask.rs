//! Secrets in what `service config` prints.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serializer;

/// A row of stars for a secret that is set; nothing for one that is empty.
pub fn masked<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if secret.expose_secret().is_empty() { "" } else { "********" })
}
