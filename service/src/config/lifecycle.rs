//! `[lifecycle]`: stopping.

use serde::{Deserialize, Serialize};

/// What happens between the signal and the end.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LifecycleConfig {
    /// How long the service keeps accepting after `/readyz` turned 503, so that a balancer takes it out, in
    /// milliseconds. Behind nginx or Kubernetes use a few seconds; with nobody in front it only delays the end.
    pub drain_wait_ms: u64,
    /// How long requests in progress may still take after that, in milliseconds.
    pub drain_timeout_ms: u64,
}

impl Default for LifecycleConfig {
    fn default() -> Self {
        Self { drain_wait_ms: 200, drain_timeout_ms: 10_000 }
    }
}
