//! Users' data spread over several databases.
//!
//! A user is in one of 1,024 buckets for ever ([`bucket`]); a bucket is on one shard at a time. Which one is kept in the
//! directory's database and known to every process ([`map`]), but the last word has the shard itself: its table `buckets`
//! says what is there. A write holds the bucket in its own transaction, a trigger refuses rows of buckets that are
//! elsewhere, and a read that the map cannot vouch for asks afterwards ([`home`]). Whoever finds a bucket gone follows
//! it ([`routing`]) and asks again; so a process with an old map loses time and nothing else.
//!
//! [`moving`] copies a bucket while it is written to, and switches it in two commits: the shard it leaves says whom it
//! left to, then the other one opens. A mover that dies before the first changed nothing; after it, anybody finishes.

pub mod bucket;
mod directory_map;
mod home;
mod map;
pub mod moving;
pub mod plan;
mod prepare;
mod routing;
mod tables;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::bucket::Bucket;
use self::routing::Routing;
use super::Db;
use super::postgres::Cluster;
use crate::config::DatabaseConfig;
use crate::redis::Redis;

pub use home::Home;
pub use moving::Mover;

/// The databases that users' data are spread over.
pub struct Sharding {
    directory: Arc<Cluster>,
    shards: Vec<Arc<Cluster>>,
    dbs: Vec<Db>,
    /// Known once the databases are up to date.
    routing: OnceLock<Arc<Routing>>,
    stop: CancellationToken,
}

impl Sharding {
    /// Connects to every shard that the configuration names; `None` where it names none.
    ///
    /// # Errors
    /// When one cannot be reached.
    pub async fn open(
        config: &DatabaseConfig,
        directory: &Db,
        redis: Option<&Arc<Redis>>,
    ) -> anyhow::Result<Option<Self>> {
        let Db::Postgres(directory) = directory else { return Ok(None) };
        if config.shards.is_empty() {
            return Ok(None);
        }
        let mut shards = Vec::new();
        for shard in &config.shards {
            shards.push(Cluster::open(&shard.primary, &shard.replicas, config, redis).await?);
        }
        Ok(Some(Self {
            directory: Arc::clone(directory),
            dbs: shards.iter().cloned().map(Db::Postgres).collect(),
            shards,
            routing: OnceLock::new(),
            stop: CancellationToken::new(),
        }))
    }

    /// Makes the databases, which are migrated, the shards of the directory. Doing it again changes nothing.
    ///
    /// # Errors
    /// When one does not answer, or is a shard of something else.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        prepare::prepare(&self.directory, &self.shards).await
    }

    /// Reads where every bucket is, and keeps up with it from now on.
    ///
    /// # Errors
    /// When the shards are not those of the directory, or a database does not answer.
    pub async fn start(&self) -> anyhow::Result<()> {
        let map = prepare::open(&self.directory, &self.shards).await?;
        let routing = Arc::new(Routing::new(map, Arc::clone(&self.directory), self.shards.clone()));
        if self.routing.set(Arc::clone(&routing)).is_ok() {
            let stop = self.stop.clone();
            tokio::spawn(async move { stop.run_until_cancelled(routing.keep_fresh(&stop)).await });
        }
        Ok(())
    }

    /// The databases, in the order of the configuration.
    pub fn databases(&self) -> &[Db] {
        &self.dbs
    }

    /// Where the rows of `user` are, as far as this process knows; `None` before [`Self::start`].
    pub fn home(&self, user: Uuid) -> Option<(&Db, Home<'_>)> {
        let home = Home::new(self.routing.get()?, Bucket::of(user));
        Some((self.dbs.get(usize::from(home.shard()))?, home))
    }

    /// The position of the shard that a user belongs to, as far as this process knows.
    pub fn number_of(&self, user: Uuid) -> usize {
        self.home(user).map_or(0, |(_, home)| usize::from(home.shard()))
    }

    /// Who can move buckets between the shards.
    ///
    /// # Errors
    /// When the directory does not answer.
    pub async fn mover(&self) -> anyhow::Result<Mover> {
        Mover::new(Arc::clone(&self.directory), self.shards.clone()).await
    }

    /// Stops keeping up. The databases are closed by whoever closes them all.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}
