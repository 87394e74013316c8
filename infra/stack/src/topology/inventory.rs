//! What runs where.

use serde::{Deserialize, Serialize};

use super::Topology;
use super::parts::{Cluster, DATABASE, RedisKind};
use crate::daemon::Daemon;

/// One running server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is called, such as `api-1`.
    pub name: String,
    /// Where it is reached.
    pub url: String,
    /// Its process id; 0 when it does not run.
    pub pid: u32,
    /// The file that its output goes to.
    pub log: String,
}

fn entry(name: impl Into<String>, url: String, daemon: &Daemon) -> Entry {
    let (pid, log) = (daemon.pid().unwrap_or(0), daemon.log().to_string_lossy().into_owned());
    Entry { name: name.into(), url, pid, log }
}

impl Topology {
    /// Everything that it consists of, from the address that clients know down to the databases.
    pub fn inventory(&self) -> Vec<Entry> {
        let mut all = Vec::new();
        if let Some(gateway) = &self.gateway {
            all.push(entry("nginx", gateway.url(), gateway.daemon()));
        }
        all.extend(self.services.iter().map(|it| entry(it.name(), it.url(), it.daemon())));
        if let Some(main) = &self.parts.main {
            list(&mut all, if self.parts.shards.is_empty() { "postgres" } else { "catalogue" }, main);
        }
        for (number, shard) in self.parts.shards.iter().enumerate() {
            list(&mut all, &format!("shard-{}", number + 1), shard);
        }
        match &self.parts.redis {
            Some(RedisKind::Server(redis)) => all.push(entry("redis", redis.url(), redis.daemon())),
            Some(RedisKind::Cluster(cluster)) => {
                let masters = cluster.urls().into_iter().zip(cluster.daemons()).enumerate();
                all.extend(
                    masters
                        .map(|(number, (url, daemon))| entry(format!("redis-{}", number + 1), url, daemon)),
                );
            }
            None => {}
        }
        if let Some(rabbitmq) = &self.parts.rabbitmq {
            all.push(entry("rabbitmq", rabbitmq.url(), rabbitmq.daemon()));
        }
        if let Some(prometheus) = self.prometheus() {
            all.push(entry("prometheus", prometheus.url(), prometheus.daemon()));
        }
        all
    }
}

fn list(all: &mut Vec<Entry>, name: &str, cluster: &Cluster) {
    all.push(entry(name, cluster.primary.url(DATABASE), cluster.primary.daemon()));
    for (number, replica) in cluster.replicas.iter().enumerate() {
        all.push(entry(format!("{name}-replica-{}", number + 1), replica.url(DATABASE), replica.daemon()));
    }
}
