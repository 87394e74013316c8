//! Redis Cluster: three masters.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::node::Node;
use crate::daemon::Daemon;
use crate::ports;

/// The slots of a cluster, shared out among its masters (Redis Cluster specification, "Key distribution model").
const SLOTS: u32 = 16_384;
const MASTERS: u32 = 3;
/// Milliseconds after which a silent master counts as gone.
const NODE_TIMEOUT_MS: &str = "2000";
/// How long the masters may take to agree.
const AGREE: Duration = Duration::from_secs(30);

/// A running cluster of three masters without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Node>,
}

impl RedisCluster {
    /// Starts three servers and makes a cluster of them.
    ///
    /// # Errors
    /// Redis is not installed, or they do not come up or agree.
    pub fn start() -> Result<Self> {
        let node = |number: u32| {
            let bus = ports::free()?.to_string();
            let words = [
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                NODE_TIMEOUT_MS,
            ];
            Node::start_new(&format!("Redis master {number}"), words.map(str::to_owned).into())
                .map(|node| (node, bus))
        };
        let nodes = (1..=MASTERS).map(node).collect::<Result<Vec<_>>>()?;
        for (number, (node, _)) in (0..MASTERS).zip(&nodes) {
            let (first, end) = (number * SLOTS / MASTERS, (number + 1) * SLOTS / MASTERS);
            node.ask(&format!("CLUSTER ADDSLOTSRANGE {first} {}", end - 1))?;
            // Each its own from the beginning, so that none has to be disputed.
            node.ask(&format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1))?;
        }
        let (first, others) = nodes.split_first().expect("there are three");
        for (node, bus) in others {
            first.0.ask(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port))?;
        }
        let cluster = Self { nodes: nodes.into_iter().map(|(node, _)| node).collect() };
        cluster.agree()?;
        Ok(cluster)
    }

    /// One URL for each master; a client needs one that answers.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| super::url(node.port)).collect()
    }

    /// Each master's process and log.
    pub fn daemons(&self) -> impl Iterator<Item = &Daemon> {
        self.nodes.iter().map(|node| &node.daemon)
    }

    /// Ends master `number` (from 0) as a crash does. Its slots are not answered until it is back.
    ///
    /// # Panics
    /// There is no such master.
    pub fn kill(&self, number: usize) {
        self.nodes[number].daemon.kill();
    }

    /// Starts master `number` (from 0) again, empty, and waits until the cluster is whole.
    ///
    /// # Errors
    /// It runs, or the masters do not agree.
    ///
    /// # Panics
    /// There is no such master.
    pub fn start_again(&self, number: usize) -> Result<()> {
        self.nodes[number].start()?;
        self.agree()
    }

    /// Waits until every master knows all others and all slots are answered.
    fn agree(&self) -> Result<()> {
        let whole = |node: &Node| {
            node.ask("CLUSTER INFO").is_ok_and(|info| {
                info.contains("cluster_state:ok") && info.contains(&format!("cluster_size:{MASTERS}"))
            })
        };
        let deadline = Instant::now() + AGREE;
        while !self.nodes.iter().all(whole) {
            if Instant::now() > deadline {
                bail!("the masters of the Redis cluster did not agree within {} s", AGREE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}
