//! Addresses of servers, which often hold a password.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A URL such as `postgres://user:password@host:5432/name`. Wherever text is made of it, the password is masked;
/// an empty one stands for none.
#[derive(Clone)]
pub struct SecretUrl(SecretString);

const MASK: &str = "********";

impl SecretUrl {
    /// The URL with its password, for whoever connects.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// Whether it begins with one of `schemes`, such as `postgres`.
    pub fn has_scheme(&self, schemes: &[&str]) -> bool {
        self.expose().split_once("://").is_some_and(|(scheme, _)| schemes.contains(&scheme))
    }

    /// The URL without its password.
    pub fn masked(&self) -> String {
        let url = self.expose();
        let Some((scheme, rest)) = url.split_once("://") else {
            return if url.is_empty() { String::new() } else { MASK.to_owned() };
        };
        // What follows a question mark can hold a password too.
        let without_query = |text: &str| match text.split_once('?') {
            Some((text, _)) => format!("{text}?{MASK}"),
            None => text.to_owned(),
        };
        // A password may hold any sign that somebody forgot to escape: the last @ ends it.
        match rest.rsplit_once('@') {
            Some((credentials, place)) => {
                let user = credentials.split_once(':').map_or(credentials, |(user, _)| user);
                format!("{scheme}://{user}:{MASK}@{}", without_query(place))
            }
            None => format!("{scheme}://{}", without_query(rest)),
        }
    }
}

impl Default for SecretUrl {
    fn default() -> Self {
        Self(SecretString::from(""))
    }
}

impl FromStr for SecretUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.trim().to_owned().into()))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.masked())
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.trim().to_owned().into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> SecretUrl {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn a_url_shows_where_it_leads_but_no_password() {
        for (given, shown) in [
            ("postgres://app:s3cret@127.0.0.1:5432/app", "postgres://app:********@127.0.0.1:5432/app"),
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            ("postgres://h/db?password=s3cret", "postgres://h/db?********"),
            ("postgres://a:p@ss@h/db", "postgres://a:********@h/db"),
            ("s3cret", "********"),
            ("", ""),
        ] {
            assert_eq!(url(given).masked(), shown);
            assert_eq!(format!("{:?}", url(given)), format!("{shown:?}"));
        }
    }

    proptest! {
        #[test]
        fn a_password_never_shows(password in "[A-Z0-9:@/?#%]{6,24}") {
            let url = url(&format!("postgres://app:{password}@host/db"));
            prop_assert!(!url.masked().contains(&password), "{}", url.masked());
        }
    }
}
