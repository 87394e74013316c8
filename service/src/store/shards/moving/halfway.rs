//! A move that stops where a mover might die.

use super::carry::{arrive, copy_all};
use super::{Ends, Mover, switch};
use crate::store::shards::bucket::Bucket;

/// A bucket that is copied and not switched.
pub struct Halfway {
    ends: Ends,
    bucket: Bucket,
    to: u16,
}

impl Mover {
    /// Copies a bucket and does not switch it.
    pub async fn halfway(&mut self, bucket: Bucket, to: u16) -> anyhow::Result<Halfway> {
        let place = self.places().await?[bucket.index()];
        let mut ends = self.ends(bucket, place.shard, to).await?;
        copy_all(&mut ends, bucket, place).await?;
        Ok(Halfway { ends, bucket, to })
    }
}

impl Halfway {
    /// Lets the rows arrive, unseen.
    pub async fn arrive_only(&mut self) -> anyhow::Result<()> {
        arrive(&mut self.ends, self.bucket).await?;
        Ok(())
    }

    /// Switches it without the last commit.
    pub async fn leave_only(&mut self) -> anyhow::Result<()> {
        let (verified, _) = arrive(&mut self.ends, self.bucket).await?;
        switch::leave(&mut self.ends, self.bucket, self.to, verified).await?;
        Ok(())
    }
}
