//! From the first row that is copied to the switch.

use std::collections::BTreeSet;

use anyhow::Context as _;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Ends, Moved, copy, switch};
use crate::store::shards::bucket::Bucket;
use crate::store::shards::map::Place;

/// Users whose rows are copied at once.
const USERS_PER_COPY: usize = 500;
/// Changes are copied again until no more users than this changed meanwhile …
const FEW: usize = 20;
/// … or so often.
const ROUNDS: usize = 20;

/// A bucket that is copied in full and about to be switched.
pub(super) struct Copied {
    pub columns: copy::Columns,
    changed: usize,
}

/// Copies a bucket, not before `leaves` switches it.
pub(super) async fn carry(
    ends: &mut Ends,
    bucket: Bucket,
    place: Place,
    to: u16,
    leaves: Instant,
) -> anyhow::Result<Moved> {
    let Copied { columns, mut changed } = copy_all(ends, bucket, place).await?;
    // Meanwhile the last process that had not heard of the move has lost its lease.
    tokio::time::sleep_until(leaves).await;
    changed += copy_changes(ends, bucket, &columns).await?;
    let moved = switch::switch(ends, bucket, to, &columns).await?;
    Ok(Moved { changed: changed + moved.changed, ..moved })
}

/// Copies a bucket, and whoever changed meanwhile until that is little.
pub(super) async fn copy_all(ends: &mut Ends, bucket: Bucket, place: Place) -> anyhow::Result<Copied> {
    copy::find_by_bucket(&mut ends.source).await?;
    let columns = copy::columns(ends).await?;
    copy::make_staging(&mut ends.target, bucket, place.epoch + 1).await?;
    switch::note_changes(&mut ends.source, bucket).await?;
    let users = copy::users(&mut ends.source, bucket).await?;
    for users in users.chunks(USERS_PER_COPY) {
        copy::copy(ends, bucket, &columns, users).await.context("copying")?;
    }
    let mut changed = 0;
    for _ in 0..ROUNDS {
        let again = copy_changes(ends, bucket, &columns).await?;
        changed += again;
        if again <= FEW {
            break;
        }
    }
    Ok(Copied { columns, changed })
}

/// Copies whoever changed since the last time; how many.
async fn copy_changes(ends: &mut Ends, bucket: Bucket, columns: &copy::Columns) -> anyhow::Result<usize> {
    // A row shows when its transaction is over, and what that wrote shows to the copy that follows.
    let changed: Vec<Uuid> =
        sqlx::query_scalar("DELETE FROM bucket_changes WHERE bucket = $1 RETURNING user_id")
            .bind(bucket.stored())
            .fetch_all(&mut ends.source)
            .await?;
    let changed: Vec<Uuid> = changed.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    for users in changed.chunks(USERS_PER_COPY) {
        copy::copy(ends, bucket, columns, users).await.context("copying changes")?;
    }
    Ok(changed.len())
}
