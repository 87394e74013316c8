//! A plan's file as it is written.

use std::path::PathBuf;

use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanText {
    pub version: u32,
    pub name: String,
    #[serde(default)]
    pub about: String,
    #[serde(default)]
    pub seed: u64,
    pub replications: Option<u64>,
    pub load: LoadText,
    #[serde(default)]
    pub requests: RequestsText,
    pub zones: Option<usize>,
    pub balancer: Option<TierText>,
    pub api: TierText,
    pub cache: Option<CacheText>,
    pub database: Option<DatabaseText>,
    pub faults: Option<Vec<FaultText>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadText {
    pub mean: Option<String>,
    pub shape: Option<Vec<f64>>,
    pub by_hour: Option<Vec<String>>,
    pub step: Option<String>,
    pub sample: Option<String>,
    pub settle: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestsText {
    pub writes: Option<String>,
    pub timeout: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierText {
    pub instances: usize,
    pub workers: u32,
    pub service: ServiceText,
    pub queue: Option<usize>,
    pub pick: Option<Pick>,
    pub detect: Option<String>,
    pub usd_per_hour: Option<String>,
    pub sku: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    InTurn,
    LeastBusy,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheText {
    pub instances: usize,
    pub workers: u32,
    pub service: ServiceText,
    pub queue: Option<usize>,
    pub hits: String,
    pub refill: Option<String>,
    pub usd_per_hour: Option<String>,
    pub sku: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseText {
    pub shards: Option<usize>,
    pub replicas: Option<usize>,
    pub workers: u32,
    pub read: ServiceText,
    pub write: Option<ServiceText>,
    pub queue: Option<usize>,
    pub failover: Option<String>,
    pub usd_per_hour: Option<String>,
    pub sku: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceText {
    pub constant: Option<String>,
    pub exponential: Option<String>,
    pub erlang: Option<ErlangText>,
    pub log_normal: Option<LogNormalText>,
    pub record: Option<PathBuf>,
    pub request: Option<String>,
    pub observed: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErlangText {
    pub phases: u32,
    pub mean: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogNormalText {
    pub p50: String,
    pub p99: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultText {
    pub lose: Lose,
    pub at: Option<String>,
    #[serde(rename = "for")]
    pub lasts: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lose {
    Instance,
    Zone,
    Cache,
    Primary,
}
