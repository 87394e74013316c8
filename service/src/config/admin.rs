//! `[admin]`: who may use the admin routes.

use serde::{Deserialize, Serialize};

use super::Cidr;
use super::list::list;

/// Admin routes need the role `admin` and an address in this list.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Networks that admin requests may come from.
    #[serde(deserialize_with = "list")]
    pub allow: Vec<Cidr>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"];
        Self { allow: loopback.iter().map(|net| net.parse().expect("a literal network")).collect() }
    }
}
