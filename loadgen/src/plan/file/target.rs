use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::{
    de::At,
    forms::{HttpText, Time},
};

/// The service under test, and how connections to it are made and kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Target {
    /// Scheme, host and port, and perhaps a path that every path is put behind.
    #[schemars(extend("pattern" = "^https?://"))]
    pub base_url: Option<At<String>>,
    /// Longest time for one request. Default 10s.
    pub timeout: Option<At<Time>>,
    /// Asked until it answers 2xx before the load begins, such as `/readyz`.
    pub ready: Option<At<String>>,
    /// Program and arguments of the service, started before the run and stopped after it.
    #[schemars(length(min = 1))]
    pub command: Option<At<Vec<String>>>,
    /// A file of PEM certificates to trust beside the platform's, relative to the scenario.
    pub ca: Option<At<String>>,
    /// Version of HTTP: `auto`, `1` or `2`. `auto`, the default, is what the target prefers of both for https (ALPN) and
    /// 1.1 for http; `2` for http is HTTP/2 without asking (prior knowledge).
    pub http: Option<At<HttpText>>,
    /// The certificate that users show to the target (mutual TLS).
    pub client_certificate: Option<At<Certificate>>,
    /// Addresses of this machine that connections come from, in turn. Each has room for some 28,000 connections to one
    /// address and port of the target. Default: whatever the system gives.
    #[schemars(length(min = 1))]
    pub source_addresses: Option<At<Vec<At<String>>>>,
    /// When the target's name is looked up. Default: once.
    pub dns: Option<Dns>,
    /// How long a user keeps its connections.
    pub connections: Option<Connections>,
}

/// A certificate and its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Certificate {
    /// A PEM file: the certificate, and behind it those that vouch for it; relative to the scenario.
    pub cert: Option<At<String>>,
    /// A PEM file: the private key of the certificate; relative to the scenario.
    pub key: Option<At<String>>,
}

/// When the target's name is looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dns {
    /// Once, before the load.
    #[default]
    Once,
    /// For each connection anew, so that load follows a balancer that works by names.
    EachConnection,
}

/// How long a user keeps its connections.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Connections {
    /// Requests that go over one connection before it is closed. Default: any number.
    #[schemars(extend("minimum" = 1))]
    pub max_requests: Option<At<u64>>,
    /// Age from which a connection is closed when its answer has come. Default: none.
    pub max_age: Option<At<Time>>,
    /// What becomes of a user's connections at the end of an iteration. Default: keep.
    pub per_user: Option<PerUser>,
}

/// What becomes of a user's connections at the end of an iteration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PerUser {
    /// They stay open for the next.
    #[default]
    Keep,
    /// They are closed, as if another visitor came.
    Close,
}
