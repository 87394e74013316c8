//! A move that stops where a mover might die.

use super::carry::{Copied, copy_all};
use super::{Ends, Mover, switch};
use crate::store::shards::bucket::Bucket;

/// A bucket that is copied and not switched.
pub struct Halfway {
    ends: Ends,
    bucket: Bucket,
    to: u16,
    copied: Copied,
}

impl Mover {
    /// Copies a bucket and does not switch it.
    pub async fn halfway(&mut self, bucket: Bucket, to: u16) -> anyhow::Result<Halfway> {
        let place = self.places().await?[bucket.index()];
        let mut ends = self.ends(bucket, place.shard, to).await?;
        let copied = copy_all(&mut ends, bucket, place).await?;
        Ok(Halfway { ends, bucket, to, copied })
    }
}

impl Halfway {
    /// Switches it without the last commit.
    pub async fn leave_only(&mut self) -> anyhow::Result<()> {
        let (arriving, ..) =
            switch::leave(&mut self.ends, self.bucket, self.to, &self.copied.columns).await?;
        drop(arriving);
        Ok(())
    }
}
