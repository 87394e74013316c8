//! The servers of one shard.

use std::convert::Infallible;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::SecretUrl;

/// A shard: `PRIMARY` or `PRIMARY|REPLICA|REPLICA`, each a URL. Passwords are masked wherever text is made of it.
#[derive(Clone, Debug)]
pub struct ShardUrls {
    /// The primary.
    pub primary: SecretUrl,
    /// Its replicas.
    pub replicas: Vec<SecretUrl>,
}

impl FromStr for ShardUrls {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut urls = text.split('|').map(|url| url.parse().unwrap_or_default());
        Ok(Self { primary: urls.next().unwrap_or_default(), replicas: urls.collect() })
    }
}

impl Serialize for ShardUrls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let urls: Vec<String> =
            std::iter::once(&self.primary).chain(&self.replicas).map(SecretUrl::masked).collect();
        serializer.serialize_str(&urls.join("|"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_a_primary_and_its_replicas_and_shows_no_password() {
        let shard: ShardUrls =
            "postgres://a:s3cret@h/d|postgres://a:s3cret@r1/d| postgres://r2/d".parse().unwrap();
        assert_eq!(shard.replicas.len(), 2);
        let shown = serde_json::to_string(&shard).unwrap();
        assert_eq!(shown, "\"postgres://a:********@h/d|postgres://a:********@r1/d|postgres://r2/d\"");
        assert!(!format!("{shard:?}").contains("s3cret"));
    }
}
