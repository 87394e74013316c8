//! The map in the directory's database.

use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use super::bucket::Bucket;
use super::map::Place;

/// Where every bucket is, in order, and whose shards they are; nothing before the directory was prepared.
///
/// # Errors
/// When the database does not answer.
pub async fn read_map(directory: &mut PgConnection) -> sqlx::Result<(Vec<Place>, Option<Uuid>)> {
    const SQL: &str = "SELECT shard, epoch, moving_to IS NOT NULL FROM bucket_map ORDER BY bucket";
    let rows: Vec<(i32, i64, bool)> = sqlx::query_as(SQL).fetch_all(&mut *directory).await?;
    let cluster =
        sqlx::query_scalar("SELECT cluster FROM bucket_map_version").fetch_optional(directory).await?;
    Ok((rows.into_iter().map(place).collect(), cluster))
}

/// A number that differs after every change of the map.
///
/// # Errors
/// When the database does not answer.
pub async fn version(directory: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT version FROM bucket_map_version").fetch_one(directory).await
}

/// Where one bucket is.
///
/// # Errors
/// When the database does not answer or there is no map.
pub async fn read_place(directory: impl PgExecutor<'_>, bucket: Bucket) -> sqlx::Result<Place> {
    const SQL: &str = "SELECT shard, epoch, moving_to IS NOT NULL FROM bucket_map WHERE bucket = $1";
    sqlx::query_as(SQL).bind(bucket.stored()).fetch_one(directory).await.map(place)
}

fn place((shard, epoch, moving): (i32, i64, bool)) -> Place {
    Place {
        // Both were written from these types.
        shard: u16::try_from(shard).unwrap_or(u16::MAX),
        epoch: u32::try_from(epoch).unwrap_or(u32::MAX),
        moving,
    }
}

/// Says that the bucket is about to move to `to`, or that it is not; whether that is news.
///
/// # Errors
/// When the database does not answer.
pub async fn announce(directory: &mut PgConnection, bucket: Bucket, to: Option<u16>) -> sqlx::Result<bool> {
    const SQL: &str = "WITH changed AS (UPDATE bucket_map SET moving_to = $2 WHERE bucket = $1 \
                       AND moving_to IS DISTINCT FROM $2 RETURNING bucket) \
                       UPDATE bucket_map_version SET version = version + 1 WHERE EXISTS (SELECT FROM changed)";
    let changed = sqlx::query(SQL).bind(bucket.stored()).bind(to.map(i32::from)).execute(directory).await?;
    Ok(changed.rows_affected() > 0)
}

/// Writes down where a bucket is now. What is known of a later placement stays, so that anybody may do it who knows.
///
/// # Errors
/// When the database does not answer.
pub async fn write_place(directory: impl PgExecutor<'_>, bucket: Bucket, place: Place) -> sqlx::Result<()> {
    const SQL: &str = "WITH changed AS (UPDATE bucket_map SET shard = $2, epoch = $3, moving_to = NULL \
                       WHERE bucket = $1 AND epoch < $3 RETURNING bucket) \
                       UPDATE bucket_map_version SET version = version + 1 WHERE EXISTS (SELECT FROM changed)";
    sqlx::query(SQL)
        .bind(bucket.stored())
        .bind(i32::from(place.shard))
        .bind(i64::from(place.epoch))
        .execute(directory)
        .await?;
    Ok(())
}
