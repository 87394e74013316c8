//! From the first row that is copied to the switch.

use anyhow::Context as _;
use tokio::time::Instant;

use super::verify::Verified;
use super::{Ends, Moved, arrival, changes, copy, switch};
use crate::store::shards::bucket::Bucket;
use crate::store::shards::map::Place;

/// Users whose rows are copied at once.
const USERS_PER_COPY: usize = 500;
/// Users whose changes are copied at once.
const USERS_PER_CHANGE: usize = 50;
/// Changes are copied again until no more users than this changed meanwhile …
const FEW: usize = 10;
/// … or so often.
const ROUNDS: usize = 100;

/// Copies a bucket, not before `leaves` switches it.
pub(super) async fn carry(
    ends: &mut Ends,
    bucket: Bucket,
    place: Place,
    to: u16,
    leaves: Instant,
) -> anyhow::Result<Moved> {
    let mut changed = copy_all(ends, bucket, place).await?;
    let (mut verified, again) = arrive(ends, bucket).await?;
    // Meanwhile the last process that had not heard of the move has lost its lease.
    tokio::time::sleep_until(leaves).await;
    changed += again + catch_up(ends, bucket, Some(&mut verified)).await?;
    let moved = switch::switch(ends, bucket, to, verified).await?;
    Ok(Moved { changed: changed + moved.changed, ..moved })
}

/// Copies a bucket, and whoever changed meanwhile until that is little; how many they were.
pub(super) async fn copy_all(ends: &mut Ends, bucket: Bucket, place: Place) -> anyhow::Result<usize> {
    copy::find_by_bucket(&mut ends.source).await?;
    ends.columns = copy::columns(ends).await?;
    copy::make_staging(&mut ends.target, bucket, place.epoch + 1).await?;
    switch::note_changes(&mut ends.source, bucket).await?;
    let users = copy::users(&mut ends.source, bucket).await?;
    for users in users.chunks(USERS_PER_COPY) {
        copy::copy(ends, bucket, users).await.context("copying")?;
    }
    catch_up(ends, bucket, None).await
}

/// Begins to show the copies and compares them with what is there; whoever changed meanwhile follows. How many they were.
pub(super) async fn arrive(ends: &mut Ends, bucket: Bucket) -> anyhow::Result<(Verified, usize)> {
    arrival::begin(&mut ends.arriving, bucket).await?;
    let mut verified = Verified::compare(ends, bucket).await?;
    let changed = catch_up(ends, bucket, Some(&mut verified)).await?;
    Ok((verified, changed))
}

/// Copies whoever changed since the last time, and shows that where the copies are shown already, until it is little; how
/// many they were.
async fn catch_up(
    ends: &mut Ends,
    bucket: Bucket,
    mut verified: Option<&mut Verified>,
) -> anyhow::Result<usize> {
    let mut changed = 0;
    for _ in 0..ROUNDS {
        let changes =
            changes::take(&mut ends.source, bucket, USERS_PER_CHANGE).await.context("taking changes")?;
        changes::renew(&mut ends.target, bucket, &changes, false).await.context("copying changes")?;
        if let Some(verified) = &mut verified {
            arrival::replace(&mut ends.arriving, bucket, &ends.columns, &changes)
                .await
                .context("showing changes")?;
            verified.changed(&changes.users);
        }
        changed += changes.users.len();
        if changes.users.len() <= FEW {
            break;
        }
    }
    Ok(changed)
}
