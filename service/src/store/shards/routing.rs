//! Where the data of a user are now, followed wherever they go.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgExecutor;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bucket::Bucket;
use super::directory_map::{read_map, version, write_place};
use super::map::{Map, POLL, Place};
use super::moving::adopt;
use crate::store::Result;
use crate::store::postgres::Cluster;

/// What a shard says of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Standing {
    pub state: String,
    pub epoch: i64,
    pub successor: Option<i32>,
}

impl Standing {
    /// Whether the bucket is there, to be read and written.
    pub fn is_here(&self) -> bool {
        matches!(self.state.as_str(), "owned" | "leaving")
    }
}

/// What the shard says of the bucket; nothing where it never had it.
pub(super) async fn standing(shard: impl PgExecutor<'_>, bucket: Bucket) -> sqlx::Result<Option<Standing>> {
    const SQL: &str = "SELECT state, epoch, successor FROM buckets WHERE bucket = $1";
    sqlx::query_as(SQL).bind(bucket.stored()).fetch_optional(shard).await
}

/// The map of this process and the databases it is about.
pub struct Routing {
    /// What this process believes.
    pub(super) map: Map,
    directory: Arc<Cluster>,
    shards: Vec<Arc<Cluster>>,
    /// Answers are learnt in the order in which they were asked for. Holds the version that was read last.
    asking: Mutex<i64>,
}

impl Routing {
    /// Over the directory and the shards, all of which the map may name, with what the directory said.
    pub fn new(map: Map, directory: Arc<Cluster>, shards: Vec<Arc<Cluster>>) -> Self {
        Self { map, directory, shards, asking: Mutex::new(0) }
    }

    /// The shard at a place. A place that only a process with more shards can know of is learnt by none with less.
    pub fn shard(&self, place: Place) -> &Arc<Cluster> {
        &self.shards[usize::from(place.shard).min(self.shards.len() - 1)]
    }

    /// Where the bucket is, as far as this process knows.
    pub fn place(&self, bucket: Bucket) -> Place {
        self.map.place(bucket)
    }

    /// Asks the directory whether the map changed.
    ///
    /// # Errors
    /// When it does not answer; what is known stays, and is believed until its lease is over.
    pub async fn refresh(&self) -> Result<()> {
        let mut known = self.asking.lock().await;
        let asked = Instant::now();
        let directory = self.directory.primary_pool()?;
        let now = version(&directory).await?;
        if now != *known {
            let (places, _) = read_map(&mut *directory.acquire().await?).await?;
            for (bucket, place) in Bucket::all().zip(places) {
                self.learn(bucket, place);
            }
            *known = now;
        }
        self.map.confirm(asked);
        Ok(())
    }

    fn learn(&self, bucket: Bucket, place: Place) {
        if usize::from(place.shard) < self.shards.len() {
            self.map.learn(bucket, place);
        } else if self.map.place(bucket).epoch < place.epoch {
            tracing::error!(%bucket, shard = place.shard, "a bucket is on a shard that database.shards does not name");
        }
    }

    /// Refreshes the map until `stop`, or for as long as the future is polled.
    pub async fn keep_fresh(&self, stop: &CancellationToken) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            let outcome = self.refresh().await;
            // Whoever stops this closes the directory next.
            if stop.is_cancelled() {
                return;
            }
            if let Err(error) = &outcome
                && !failing
            {
                tracing::warn!(%error, "the directory does not answer; every read asks its shard until it does");
            }
            failing = outcome.is_err();
        }
    }

    /// Whether the shard itself says that the bucket is there, as it was placed.
    ///
    /// # Errors
    /// When its primary does not answer.
    pub async fn is_there(&self, bucket: Bucket, place: Place) -> Result<bool> {
        let shard = self.shard(place).primary_pool()?;
        let standing = standing(&shard, bucket).await?;
        Ok(standing.is_some_and(|s| s.is_here() && s.epoch == i64::from(place.epoch)))
    }

    /// Finds out where a bucket went that is not at `old` any more. Finishes what a mover that died between the two
    /// commits of the switch left undone.
    ///
    /// # Errors
    /// When neither the directory nor the shard answers.
    pub async fn follow(&self, bucket: Bucket, old: Place) -> Result<()> {
        let refreshed = self.refresh().await;
        let place = self.map.place(bucket);
        if place.epoch > old.epoch {
            return self.enter(bucket, place).await;
        }
        let left = self.shard(old).primary_pool()?;
        match standing(&left, bucket).await? {
            Some(Standing { state, epoch, successor: Some(to) }) if state == "gone" => {
                let shard = u16::try_from(to).unwrap_or(u16::MAX);
                let epoch = u32::try_from(epoch).unwrap_or(u32::MAX).saturating_add(1);
                let place = Place { shard, epoch, moving: false };
                self.enter(bucket, place).await?;
                self.learn(bucket, place);
                Ok(write_place(&self.directory.primary_pool()?, bucket, place).await?)
            }
            _ => refreshed,
        }
    }

    /// Opens the bucket at the place it was left to, if nobody did yet.
    async fn enter(&self, bucket: Bucket, place: Place) -> Result<()> {
        let mut shard = self.shard(place).primary_pool()?.acquire().await?;
        match standing(&mut *shard, bucket).await? {
            Some(found) if found.state == "ready" && found.epoch == i64::from(place.epoch) => {
                Ok(adopt(&mut shard, bucket).await?)
            }
            _ => Ok(()),
        }
    }
}

/// How long to wait before the attempt after `failed` ones: whoever moves the bucket needs a moment.
pub(super) fn pause(failed: u32) -> Duration {
    Duration::from_millis(2 << failed.min(6))
}
