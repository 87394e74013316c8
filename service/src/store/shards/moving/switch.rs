//! The moment at which a bucket changes hands.

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Transaction};
use tokio::time::Instant;

use super::copy::{Columns, copy, list, staging, users};
use super::{Ends, Moved};
use crate::store::shards::bucket::Bucket;
use crate::store::shards::tables::TABLES;

/// Makes the transaction the mover's: no trigger stops it. Writers hold their bucket shared; this one waits until the last
/// of them is through, and lets no other in. They wait behind it, so that it does not wait for long.
///
/// # Errors
/// When a writer keeps the bucket for longer; the transaction is void then.
pub(super) async fn close(tx: &mut PgConnection, bucket: Bucket) -> sqlx::Result<()> {
    sqlx::raw_sql("SET LOCAL lock_timeout = '1s'; SET LOCAL service.moving = 'on'").execute(&mut *tx).await?;
    sqlx::query("SELECT pg_advisory_xact_lock(1212302916, $1)").bind(bucket.stored()).execute(tx).await?;
    Ok(())
}

/// Attempts to close a bucket.
const ATTEMPTS: u32 = 20;

/// Begins a transaction in which the bucket is closed; tries until writers leave a gap.
async fn begin_closed(source: &mut PgConnection, bucket: Bucket) -> anyhow::Result<()> {
    let mut attempt = 1;
    loop {
        sqlx::raw_sql("BEGIN").execute(&mut *source).await?;
        match close(source, bucket).await {
            Ok(()) => return Ok(()),
            Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("55P03") && attempt < ATTEMPTS => {
                sqlx::raw_sql("ROLLBACK").execute(&mut *source).await?;
                tokio::time::sleep(std::time::Duration::from_millis(250)).await;
                attempt += 1;
            }
            Err(error) => return Err(error).context("writers keep the bucket"),
        }
    }
}

/// From here on the source notes whose data change. Every writer that did not note anything is through.
pub(super) async fn note_changes(source: &mut PgConnection, bucket: Bucket) -> anyhow::Result<()> {
    const LEAVING: &str =
        "UPDATE buckets SET state = 'leaving' WHERE bucket = $1 AND state IN ('owned', 'leaving')";
    begin_closed(source, bucket).await?;
    sqlx::query("DELETE FROM bucket_changes WHERE bucket = $1")
        .bind(bucket.stored())
        .execute(&mut *source)
        .await?;
    let leaving = sqlx::query(LEAVING).bind(bucket.stored()).execute(&mut *source).await?;
    ensure!(leaving.rows_affected() == 1, "the source does not have bucket {bucket}");
    sqlx::raw_sql("COMMIT").execute(source).await?;
    Ok(())
}

/// The bucket does not leave after all.
pub(super) async fn stay(source: &mut PgConnection, bucket: Bucket) -> anyhow::Result<()> {
    let mut tx = source.begin().await?;
    sqlx::query("UPDATE buckets SET state = 'owned' WHERE bucket = $1 AND state = 'leaving'")
        .bind(bucket.stored())
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM bucket_changes WHERE bucket = $1")
        .bind(bucket.stored())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Closes the bucket, copies the last changes, compares both sides and lets it change hands.
pub(super) async fn switch(
    ends: &mut Ends,
    bucket: Bucket,
    to: u16,
    columns: &Columns,
) -> anyhow::Result<Moved> {
    let (arriving, closed, moved) = leave(ends, bucket, to, columns).await?;
    arriving.commit().await.context("the bucket has left, and opens at the first request for it")?;
    Ok(Moved { closed: closed.elapsed(), ..moved })
}

/// All but the last commit, with the transaction that it ends and the instant at which writers had to wait.
pub(super) async fn leave<'e>(
    ends: &'e mut Ends,
    bucket: Bucket,
    to: u16,
    columns: &Columns,
) -> anyhow::Result<(Transaction<'e, Postgres>, Instant, Moved)> {
    const CHANGES: &str = "DELETE FROM bucket_changes WHERE bucket = $1 RETURNING user_id";
    const READY: &str = "UPDATE buckets SET state = 'ready' WHERE bucket = $1 AND state = 'arriving'";
    const GONE: &str =
        "UPDATE buckets SET state = 'gone', successor = $2 WHERE bucket = $1 AND state = 'leaving'";

    begin_closed(&mut ends.source, bucket).await?;
    let closed = Instant::now();
    let mut changed: Vec<uuid::Uuid> =
        sqlx::query_scalar(CHANGES).bind(bucket.stored()).fetch_all(&mut ends.source).await?;
    changed.sort_unstable();
    changed.dedup();
    if !changed.is_empty() {
        copy(ends, bucket, columns, &changed).await.context("copying the last changes")?;
    }
    let users = users(&mut ends.source, bucket).await?;
    let rows = compare(ends, bucket, columns, &list(&users)).await?;
    let ready = sqlx::query(READY).bind(bucket.stored()).execute(&mut ends.target).await?;
    ensure!(ready.rows_affected() == 1, "somebody else uses the target's copy of bucket {bucket}");

    // Both sides are prepared, so that they commit one right after the other.
    let mut arriving = ends.target.begin().await?;
    let opened = open(&mut arriving, bucket).await.context("opening the bucket on the target")?;
    ensure!(opened, "somebody else uses the target's copy of bucket {bucket}");
    for (table, _) in columns.iter().rev() {
        let delete = format!("DELETE FROM {} t WHERE {}", table.name, table.of_users(&list(&users)));
        sqlx::raw_sql(AssertSqlSafe(delete)).execute(&mut ends.source).await?;
    }
    let gone = sqlx::query(GONE).bind(bucket.stored()).bind(i32::from(to)).execute(&mut ends.source).await?;
    ensure!(gone.rows_affected() == 1, "the source does not have bucket {bucket} any more");
    sqlx::raw_sql("COMMIT").execute(&mut ends.source).await?;
    let moved = Moved { users: users.len(), rows, changed: changed.len(), ..Moved::default() };
    Ok((arriving, closed, moved))
}

/// Opens a bucket that is `ready` and that its shard says it left to this one. Whoever comes second finds it open.
///
/// # Errors
/// When the database does not answer, or somebody is just opening it and takes too long.
pub async fn adopt(target: &mut PgConnection, bucket: Bucket) -> sqlx::Result<()> {
    let mut tx = target.begin().await?;
    open(&mut tx, bucket).await?;
    tx.commit().await
}

/// Whether it was still to be opened.
async fn open(tx: &mut PgConnection, bucket: Bucket) -> sqlx::Result<bool> {
    const OWNED: &str = "UPDATE buckets SET state = 'owned' WHERE bucket = $1 AND state = 'ready'";
    close(tx, bucket).await?;
    if sqlx::query(OWNED).bind(bucket.stored()).execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(false);
    }
    let schema = staging(bucket);
    for table in TABLES {
        let insert = format!("INSERT INTO public.{0} SELECT * FROM {schema}.{0}", table.name);
        sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut *tx).await?;
    }
    Ok(true)
}

/// Counts and checksums every row on both sides; how many there are.
async fn compare(ends: &mut Ends, bucket: Bucket, columns: &Columns, users: &str) -> anyhow::Result<u64> {
    let mut rows = 0;
    for (table, columns) in columns {
        let name = table.name;
        // The sum does not depend on the order of rows, and a row that is there twice shows in it.
        let digest = |from: String| {
            format!(
                "SELECT COUNT(*), COALESCE(SUM(hashtextextended(ROW({columns})::text, 0)), 0)::text FROM {from}"
            )
        };
        let left = digest(format!("public.{name} t WHERE {}", table.of_users(users)));
        let arrived = digest(format!("{}.{name} t", staging(bucket)));
        let left: (i64, String) = sqlx::query_as(AssertSqlSafe(left)).fetch_one(&mut ends.source).await?;
        let arrived: (i64, String) =
            sqlx::query_as(AssertSqlSafe(arrived)).fetch_one(&mut ends.target).await?;
        ensure!(
            left == arrived,
            "of {name} the source has {} rows with checksum {}, the copy {} with checksum {}",
            left.0,
            left.1,
            arrived.0,
            arrived.1
        );
        rows += u64::try_from(left.0)?;
    }
    Ok(rows)
}
