//! The servers that the service stands on, started side by side.

use std::thread::{self, ScopedJoinHandle};

use anyhow::{Result, anyhow};

use super::plan::{Phase, Plan, Queue};
use crate::{Postgres, PostgresOptions, RabbitMq, Redis, RedisCluster, Replica};

/// The database that the service's tables are in, on every server.
pub const DATABASE: &str = "headroom";

/// A primary with its replicas.
#[derive(Debug)]
pub struct Cluster {
    /// The replicas; they end before their primary.
    pub replicas: Vec<Replica>,
    /// The primary.
    pub primary: Postgres,
}

impl Cluster {
    fn start(durable: bool, replicas: usize) -> Result<Self> {
        let primary = Postgres::start_with(PostgresOptions { durable, ..PostgresOptions::default() })?;
        primary.create_database(DATABASE)?;
        let replicas = (0..replicas).map(|_| primary.replica()).collect::<Result<_>>()?;
        Ok(Self { replicas, primary })
    }

    /// Where the replicas are.
    pub fn replica_urls(&self) -> Vec<String> {
        self.replicas.iter().map(|replica| replica.url(DATABASE)).collect()
    }
}

/// One Redis server or a cluster of them.
#[derive(Debug)]
pub enum RedisKind {
    /// One server.
    Server(Redis),
    /// Three masters.
    Cluster(RedisCluster),
}

/// Everything that the service stands on.
#[derive(Debug, Default)]
pub struct Parts {
    /// RabbitMQ.
    pub rabbitmq: Option<RabbitMq>,
    /// Redis.
    pub redis: Option<RedisKind>,
    /// The databases of users, where they are shared out.
    pub shards: Vec<Cluster>,
    /// The database of everything, or with shards of the catalogue and the directory.
    pub main: Option<Cluster>,
}

impl Parts {
    /// Starts what `plan` needs; `say` is told what has come up.
    ///
    /// # Errors
    /// One does not come up; those that did are stopped.
    pub fn start(plan: &Plan, say: &(dyn Fn(&str) + Sync)) -> Result<Self> {
        thread::scope(|scope| {
            let rabbitmq = (plan.queue == Queue::Rabbitmq)
                .then(|| scope.spawn(|| RabbitMq::start().inspect(|_| say("RabbitMQ is up"))));
            let redis = plan.redis().then(|| {
                let sharded = plan.phase == Phase::Sharded;
                scope.spawn(move || {
                    let started = if sharded {
                        RedisCluster::start().map(RedisKind::Cluster)
                    } else {
                        Redis::start().map(RedisKind::Server)
                    };
                    started.inspect(|_| say("Redis is up"))
                })
            });
            let databases = (plan.phase != Phase::Embedded).then(|| {
                scope.spawn(|| {
                    let main = Cluster::start(plan.durable, plan.replicas)?;
                    say("PostgreSQL is up");
                    let shard = |number| {
                        let started = Cluster::start(plan.durable, plan.replicas)?;
                        say(&format!("shard {} is up", number + 1));
                        Ok(started)
                    };
                    Ok((main, (0..plan.shards).map(shard).collect::<Result<Vec<_>>>()?))
                })
            });
            // All are waited for before the first that failed is reported.
            let (rabbitmq, redis, databases) = (joined(rabbitmq), joined(redis), joined(databases));
            let (rabbitmq, redis) = (rabbitmq?, redis?);
            let (main, shards) = databases?.map_or((None, Vec::new()), |(main, shards)| (Some(main), shards));
            Ok(Self { rabbitmq, redis, shards, main })
        })
    }
}

fn joined<T>(thread: Option<ScopedJoinHandle<'_, Result<T>>>) -> Result<Option<T>> {
    match thread {
        Some(thread) => thread.join().map_err(|_| anyhow!("starting a server panicked"))?.map(Some),
        None => Ok(None),
    }
}
