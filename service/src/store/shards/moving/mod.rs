//! Moving a bucket from one shard to another while it is read and written.
//!
//! 1. *Announce*: the directory says that the bucket is about to move; from now on every process asks the shard after a
//!    read. The shard notes whose data change (`leaving`).
//! 2. *Copy* into tables of the bucket's own on the target, where nobody else looks, then again and again the rows that
//!    changed meanwhile, until these are of a few users.
//! 3. *Arrive*: a transaction on the target puts the copies into the tables that everybody reads, where nobody sees them
//!    yet, and every row of it is counted and checksummed against the source. What changes meanwhile follows.
//! 4. *Switch*: no writer is let in; the last changes are copied, shown, counted and checksummed; the target is `ready`.
//!    Then two commits: the source deletes its rows and says whom they went to, and the target shows them. Then the
//!    directory is told.
//!
//! Writers wait for the fourth step only, which is a handful of round trips, and longer only by the rows to be deleted.
//! Before the first of the two commits everything is on the source, and a mover that died left only a copy to be thrown
//! away. After it everything is on the target, and whoever comes there ([`adopt`]) opens it.

mod arrival;
mod carry;
mod changes;
mod copy;
#[cfg(test)]
mod halfway;
mod numbers;
mod switch;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use super::bucket::Bucket;
use super::directory_map::{announce, read_map, read_place, write_place};
use super::map::{ANNOUNCED, Place};
use super::routing::standing;
use crate::store::postgres::Cluster;

use numbers::numbers;

pub use arrival::adopt;
#[cfg(test)]
pub use halfway::Halfway;
pub use numbers::Numbers;

/// `pg_advisory_lock(BUSY, bucket)` on the directory: somebody moves the bucket. On a shard, by the very connection that
/// writes there: whoever lost that connection, and with it the lock, cannot write any more.
const BUSY: i32 = 1_212_302_917;

/// What was done to move a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Users of the bucket, with those whose account is gone and whose sessions are still known.
    pub users: usize,
    /// Rows that are on the target now, each counted and checksummed there.
    pub rows: u64,
    /// Users whose rows changed while they were copied, and were copied again.
    pub changed: usize,
    /// How long writers waited.
    pub closed: Duration,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It moved.
    Moved(Moved),
    /// It was there already; with `finished`, because an earlier move was completed now.
    There {
        /// Whether something was left to do.
        finished: bool,
    },
}

/// Connections of its own, past the pools: copies take longer than a request may.
pub struct Mover {
    cluster: Arc<Cluster>,
    directory: PgConnection,
    shards: Vec<Arc<Cluster>>,
}

/// The two databases of a move.
struct Ends {
    /// Locks and switches.
    source: PgConnection,
    /// Reads what is copied.
    reading: PgConnection,
    /// Keeps the copies.
    target: PgConnection,
    /// Shows them, in one transaction that ends with the move. All the while it holds the lock of the bucket on the target,
    /// without which nobody copies to there or opens it.
    arriving: PgConnection,
    /// Of the tables, once they are known to be the same on both sides.
    columns: copy::Columns,
}

impl Mover {
    /// Over the directory and the shards.
    ///
    /// # Errors
    /// When the directory does not answer.
    pub async fn new(directory: Arc<Cluster>, shards: Vec<Arc<Cluster>>) -> anyhow::Result<Self> {
        Ok(Self { directory: directory.patient().await?, cluster: directory, shards })
    }

    /// Where every bucket is, in order, by the directory.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn places(&mut self) -> anyhow::Result<Vec<Place>> {
        Ok(read_map(&mut self.directory).await?.0)
    }

    /// Tells every process that these buckets are about to move, and returns when they may.
    ///
    /// # Errors
    /// When the directory does not answer.
    pub async fn announce(
        &mut self,
        buckets: impl Iterator<Item = (Bucket, u16)>,
    ) -> anyhow::Result<Instant> {
        for (bucket, to) in buckets {
            announce(&mut self.directory, bucket, Some(to)).await?;
        }
        Ok(Instant::now() + ANNOUNCED)
    }

    /// Says that these buckets do not move after all; moves that were cut off, those of this mover too, are finished or
    /// undone. How many there were.
    ///
    /// # Errors
    /// When a database does not answer, or somebody else moves one of them.
    pub async fn cancel(&mut self, buckets: impl Iterator<Item = Bucket>) -> anyhow::Result<usize> {
        // What was cut off may have left the connection in any state, and holding a claim.
        self.directory = self.cluster.patient().await?;
        let mut count = 0;
        for bucket in buckets {
            self.claim(bucket).await?;
            let (_, finished) = self.undo(bucket).await?;
            count += usize::from(finished);
            self.release(bucket).await?;
        }
        Ok(count)
    }

    /// Settles a bucket that was about to move, and takes everything back that only a move needs.
    async fn undo(&mut self, bucket: Bucket) -> anyhow::Result<(Place, bool)> {
        let (place, finished) = self.settle(bucket).await?;
        let withdrawn = announce(&mut self.directory, bucket, None).await?;
        for (number, shard) in self.shards.iter().enumerate() {
            if number != usize::from(place.shard) {
                let mut connection = held(shard, bucket).await?;
                copy::forget(&mut connection, bucket).await?;
                connection.close().await?;
            }
        }
        Ok((place, finished | withdrawn))
    }

    /// What each shard holds.
    ///
    /// # Errors
    /// When one does not answer.
    pub async fn numbers(&self) -> anyhow::Result<Vec<Numbers>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.push(numbers(&mut shard.patient().await?).await?);
        }
        Ok(all)
    }

    /// Moves a bucket to the shard `to`, not before `leaves`. Where an earlier move was cut off, it is finished, or begun
    /// anew.
    ///
    /// # Errors
    /// When a database does not answer, somebody else moves the bucket, or what arrived is not what left. Then the bucket
    /// is where it was, or where it went, and whole.
    pub async fn shift(&mut self, bucket: Bucket, to: u16, leaves: Instant) -> anyhow::Result<Outcome> {
        self.claim(bucket).await?;
        let outcome = self.shift_claimed(bucket, to, leaves).await;
        self.release(bucket).await?;
        outcome
    }

    async fn shift_claimed(&mut self, bucket: Bucket, to: u16, leaves: Instant) -> anyhow::Result<Outcome> {
        let (place, finished) = self.settle(bucket).await?;
        if place.shard == to {
            announce(&mut self.directory, bucket, None).await?;
            return Ok(Outcome::There { finished });
        }
        ensure!(usize::from(to) < self.shards.len(), "there is no shard {to}");
        let unheard = announce(&mut self.directory, bucket, Some(to)).await?;
        let leaves = if unheard { Instant::now() + ANNOUNCED } else { leaves };
        let mut ends = self.ends(bucket, place.shard, to).await?;
        let carried = carry::carry(&mut ends, bucket, place, to, leaves).await;
        // Those of a move that failed may be in any state; the others should be gone before they are counted again.
        let Ends { source, reading, mut target, arriving, .. } = ends;
        match carried {
            Ok(moved) => {
                let arrived = Place { shard: to, epoch: place.epoch + 1, moving: false };
                write_place(&mut self.directory, bucket, arrived).await?;
                copy::drop_staging(&mut target, bucket).await?;
                for connection in [source, reading, target, arriving] {
                    connection.close().await?;
                }
                Ok(Outcome::Moved(moved))
            }
            Err(error) => {
                drop((source, reading, target, arriving));
                match self.undo(bucket).await {
                    Ok((now, _)) if now.shard == to => Err(error.context(format!(
                        "bucket {bucket} is on shard {to}, whole, but the move did not end as it should"
                    ))),
                    Ok(_) => Err(error.context(format!(
                        "bucket {bucket} did not move; it is on shard {}, whole",
                        place.shard
                    ))),
                    Err(_) => Err(error.context(format!(
                        "bucket {bucket} did not move in one go; run the command again to finish or undo that"
                    ))),
                }
            }
        }
    }

    async fn ends(&self, bucket: Bucket, from: u16, to: u16) -> anyhow::Result<Ends> {
        let (source, target) = (&self.shards[usize::from(from)], &self.shards[usize::from(to)]);
        Ok(Ends {
            source: held(source, bucket).await?,
            reading: patient(source).await?,
            target: held(target, bucket).await?,
            arriving: patient(target).await?,
            columns: copy::Columns::new(),
        })
    }

    /// Finishes a move that was switched, and undoes one that was not. Where the bucket is, and whether there was
    /// anything to do.
    async fn settle(&mut self, bucket: Bucket) -> anyhow::Result<(Place, bool)> {
        let mut place = Place { moving: false, ..read_place(&mut self.directory, bucket).await? };
        let mut finished = false;
        loop {
            let shard = self.shards.get(usize::from(place.shard));
            let shard =
                shard.with_context(|| format!("database.shards does not name shard {}", place.shard))?;
            let mut connection = held(shard, bucket).await?;
            let Some(found) = standing(&mut connection, bucket).await? else {
                bail!(
                    "shard {} does not know bucket {bucket}, which the directory places there",
                    place.shard
                );
            };
            match (found.state.as_str(), found.successor) {
                ("gone", Some(to)) if found.epoch == i64::from(place.epoch) => {
                    place = Place { shard: u16::try_from(to)?, epoch: place.epoch + 1, moving: false };
                    finished = true;
                    connection.close().await?;
                    continue;
                }
                ("ready", _) if found.epoch == i64::from(place.epoch) => {
                    adopt(&mut connection, bucket).await?;
                    copy::drop_staging(&mut connection, bucket).await?;
                    finished = true;
                }
                ("owned" | "leaving", _) if found.epoch == i64::from(place.epoch) => {
                    finished |= found.state == "leaving";
                    switch::stay(&mut connection, bucket).await?;
                    // Where a request opened the bucket, its tables are still there.
                    copy::drop_staging(&mut connection, bucket).await?;
                }
                (state, _) => bail!(
                    "shard {} says of bucket {bucket}: {state}, epoch {}; the directory says: there, epoch {}",
                    place.shard,
                    found.epoch,
                    place.epoch
                ),
            }
            write_place(&mut self.directory, bucket, place).await?;
            connection.close().await?;
            return Ok((place, finished));
        }
    }

    async fn claim(&mut self, bucket: Bucket) -> anyhow::Result<()> {
        sqlx::query("SET lock_timeout = '3s'").execute(&mut self.directory).await?;
        let claimed = sqlx::query("SELECT pg_advisory_lock($1, $2)")
            .bind(BUSY)
            .bind(bucket.stored())
            .execute(&mut self.directory)
            .await;
        sqlx::query("SET lock_timeout = 0").execute(&mut self.directory).await?;
        claimed.with_context(|| format!("bucket {bucket} is being moved by another `service reshard`"))?;
        Ok(())
    }

    async fn release(&mut self, bucket: Bucket) -> anyhow::Result<()> {
        sqlx::query("SELECT pg_advisory_unlock($1, $2)")
            .bind(BUSY)
            .bind(bucket.stored())
            .execute(&mut self.directory)
            .await?;
        Ok(())
    }
}

/// A connection that may take its time.
async fn patient(shard: &Cluster) -> anyhow::Result<PgConnection> {
    let mut connection = shard.patient().await?;
    // Copying may take longer than a request may forget its transaction for.
    sqlx::query("SET idle_in_transaction_session_timeout = 0").execute(&mut connection).await?;
    Ok(connection)
}

/// The same, as the only mover of the bucket there. One that died may take a moment to be noticed.
async fn held(shard: &Cluster, bucket: Bucket) -> anyhow::Result<PgConnection> {
    let mut connection = patient(shard).await?;
    sqlx::query("SET lock_timeout = '10s'").execute(&mut connection).await?;
    sqlx::query("SELECT pg_advisory_lock($1, $2)")
        .bind(BUSY)
        .bind(bucket.stored())
        .execute(&mut connection)
        .await
        .with_context(|| format!("somebody else is moving bucket {bucket}"))?;
    sqlx::query("SET lock_timeout = 0").execute(&mut connection).await?;
    Ok(connection)
}
