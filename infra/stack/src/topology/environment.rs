//! What the service is told about its parts: the names of its settings as variables.

use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::parts::{DATABASE, Parts, RedisKind};
use super::plan::{Cache, Plan};
use crate::nginx::{IDLE_S, SOURCE};

/// How much longer than nginx keeps an unused connection a stopping service waits, in milliseconds.
const MARGIN_MS: u32 = 500;

/// The variables of every process, in `folder` where all of them keep what is on disk.
///
/// # Errors
/// The folder cannot be written.
pub fn environment(plan: &Plan, parts: &Parts, folder: &Path) -> Result<Vec<(String, String)>> {
    let secret = folder.join("secret");
    fs::write(&secret, fresh_secret()?)?;
    fs::set_permissions(&secret, Permissions::from_mode(0o600))?;

    let mut set = vec![("auth.secret_file".to_owned(), show(&secret))];
    let mut tell = |key: &str, value: String| set.push((key.to_owned(), value));
    tell("database.path", show(&folder.join("service.db")));
    if let Some(main) = &parts.main {
        tell("database.url", main.primary.url(DATABASE));
        if !main.replicas.is_empty() {
            tell("database.replicas", main.replica_urls().join(","));
        }
    }
    if !parts.shards.is_empty() {
        let shard = |shard: &super::parts::Cluster| {
            let primary = shard.primary.url(DATABASE);
            std::iter::once(primary).chain(shard.replica_urls()).collect::<Vec<_>>().join("|")
        };
        tell("database.shards", parts.shards.iter().map(shard).collect::<Vec<_>>().join(","));
    }
    match &parts.redis {
        Some(RedisKind::Server(redis)) => tell("redis.urls", redis.url()),
        Some(RedisKind::Cluster(cluster)) => tell("redis.urls", cluster.urls().join(",")),
        None => {}
    }
    if plan.several() {
        tell("limits.store", "redis".to_owned());
        tell("auth.revocations", "redis".to_owned());
        tell("http.trusted_proxies", format!("{SOURCE}/32"));
        tell("lifecycle.drain_wait_ms", (IDLE_S * 1000 + MARGIN_MS).to_string());
    }
    match plan.cache {
        Cache::Off => tell("cache.policy", "off".to_owned()),
        Cache::Local => {}
        Cache::Redis => tell("cache.tier", "redis".to_owned()),
        Cache::Tiered => tell("cache.tier", "tiered".to_owned()),
    }
    if let Some(rabbitmq) = &parts.rabbitmq {
        tell("queue.kind", "rabbitmq".to_owned());
        tell("queue.url", rabbitmq.url());
    }
    // The last one of a name counts.
    set.extend(plan.settings.iter().cloned());
    Ok(set.into_iter().map(|(key, value)| (variable(&key), value)).collect())
}

/// The variable of the setting `section.key`.
fn variable(key: &str) -> String {
    format!("SERVICE_{}", key.replace('.', "_").to_uppercase())
}

fn show(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// 32 bytes of the system's randomness, in hexadecimal.
fn fresh_secret() -> Result<String> {
    let mut bytes = [0_u8; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes).context("reading /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Phase;

    #[test]
    fn a_setting_of_the_plan_comes_after_the_topologys_own_and_every_secret_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::of(Phase::Single).with("cache.policy", "aside");
        plan.cache = Cache::Off;
        let set = environment(&plan, &Parts::default(), folder.path()).unwrap();
        let policies: Vec<&str> = set
            .iter()
            .filter(|(name, _)| name == "SERVICE_CACHE_POLICY")
            .map(|(_, it)| it.as_str())
            .collect();
        assert_eq!(policies, ["off", "aside"]);
        assert_ne!(fresh_secret().unwrap(), fresh_secret().unwrap());
        assert_eq!(fresh_secret().unwrap().len(), 64);
    }
}
