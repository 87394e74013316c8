//! The bucket that a question is about: held while it is written to, vouched for after it was read.

use std::sync::Arc;

use tokio::time::Instant;

use super::bucket::Bucket;
use super::map::Place;
use super::routing::{Routing, pause};
use crate::store::Result;
use crate::store::postgres::Cluster;

/// A question follows a bucket that moves so often; with the pauses between, for about ten seconds.
const TRIES: u32 = 80;

/// Where the rows of a user are, as the process that asks believes.
#[derive(Clone, Copy)]
pub struct Home<'a> {
    routing: &'a Routing,
    bucket: Bucket,
    place: Place,
    tries: u32,
}

impl<'a> Home<'a> {
    pub(super) fn new(routing: &'a Routing, bucket: Bucket) -> Self {
        Self { routing, bucket, place: routing.place(bucket), tries: 0 }
    }

    /// The shard to ask, by its position.
    pub fn shard(&self) -> u16 {
        self.place.shard
    }

    /// The shard to ask.
    pub fn cluster(&self) -> &'a Arc<Cluster> {
        self.routing.shard(self.place)
    }

    /// Whether the bucket arrived so lately that a replica there may not have heard of it.
    pub fn is_new(&self) -> bool {
        self.routing.map.is_new(self.bucket, Instant::now(), self.cluster().longest_lag() * 2)
    }

    /// A statement to send before, and together with, the `BEGIN` of a transaction: it fails unless the bucket is here, and
    /// keeps it here until the transaction ends. PostgreSQL makes one transaction of what is sent together, also where it
    /// only begins to be one later (protocol, "Multiple Statements in a Simple Query"); a failure before the `BEGIN`
    /// leaves the connection outside of any.
    pub fn hold(&self) -> String {
        format!("SELECT hold_bucket({}, {}); ", self.bucket, self.place.epoch)
    }

    /// Whether what was just read was certainly read where the bucket is.
    pub fn vouches(&self) -> bool {
        self.routing.map.vouches(self.bucket, self.place, Instant::now())
    }

    /// The same by the shard's own word.
    ///
    /// # Errors
    /// When the shard does not answer.
    pub async fn is_there(&self) -> Result<bool> {
        self.routing.is_there(self.bucket, self.place).await
    }

    /// Goes after a bucket that is not where it was believed to be; whether it is worth asking again.
    pub async fn follow(&mut self) -> bool {
        if self.tries == TRIES {
            return false;
        }
        let old = self.place;
        if let Err(error) = self.routing.follow(self.bucket, old).await {
            tracing::debug!(%error, bucket = %self.bucket, "a bucket cannot be followed");
        }
        self.place = self.routing.place(self.bucket);
        if self.place.epoch == old.epoch || self.tries > 2 {
            tokio::time::sleep(pause(self.tries)).await;
        }
        self.tries += 1;
        true
    }
}
