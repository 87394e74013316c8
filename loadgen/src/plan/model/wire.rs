use std::{net::IpAddr, num::NonZeroU64, path::PathBuf, time::Duration};

pub use crate::plan::file::{Dns, PerUser};

/// How connections to the target are made and kept. The default is what a browser does: HTTP as the target prefers it,
/// connections kept for as long as both sides like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wire {
    /// Version of HTTP.
    pub http: Http,
    /// What users show of themselves in the TLS handshake.
    pub client_certificate: Option<ClientCertificate>,
    /// Local addresses that connections come from, in turn; none: whatever the system gives. No two alike.
    pub source_addresses: Vec<IpAddr>,
    /// When the target's name is looked up.
    pub dns: Dns,
    /// Requests that go over one connection before it is closed.
    pub max_requests: Option<NonZeroU64>,
    /// Age from which a connection is closed: not during a request, but after its answer or before the next; above 0.
    pub max_age: Option<Duration>,
    /// What becomes of a user's connections at the end of an iteration.
    pub per_user: PerUser,
}

/// Version of HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Http {
    /// https: what the target chooses of `h2` and `http/1.1` (ALPN); http: 1.1.
    #[default]
    Auto,
    /// 1.1 alone.
    One,
    /// 2 alone: https offers nothing else, http begins with it at once (RFC 9113 §3.3, prior knowledge).
    Two,
}

/// A certificate and its key, PEM files that were there when the plan was made; not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and behind it those that vouch for it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}
