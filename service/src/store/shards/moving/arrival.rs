//! Showing a bucket's rows on the target: what a mover does beforehand in a transaction of its own, and what whoever comes
//! to an unopened bucket does from the copies.

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use super::copy::{list, staging};
use super::switch::{begin_closed, close};
use crate::store::shards::bucket::Bucket;
use crate::store::shards::tables::TABLES;

/// Begins the transaction that shows the bucket, with everything that was copied so far. Until it is committed nobody sees
/// anything of it, and nobody else opens the bucket.
pub(super) async fn begin(arriving: &mut PgConnection, bucket: Bucket) -> anyhow::Result<()> {
    begin_closed(arriving, bucket).await?;
    // An address may be waited for that an account here gives up just now.
    let show = format!("SET LOCAL lock_timeout = '5s'; {}", show(bucket));
    sqlx::raw_sql(AssertSqlSafe(show)).execute(arriving).await.context("showing what was copied")?;
    Ok(())
}

/// The statements that show all copies.
fn show(bucket: Bucket) -> String {
    let schema = staging(bucket);
    let insert = |name| format!("INSERT INTO public.{name} SELECT * FROM {schema}.{name};");
    TABLES.iter().map(|table| insert(table.name)).collect()
}

/// Shows the copies of `users`, which were renewed, in place of what was shown of them.
pub(super) async fn replace(arriving: &mut PgConnection, bucket: Bucket, users: &[Uuid]) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(replace_sql(bucket, users))).execute(arriving).await?;
    Ok(())
}

fn replace_sql(bucket: Bucket, users: &[Uuid]) -> String {
    let (users, schema) = (list(users), staging(bucket));
    let delete = TABLES.iter().rev().map(|table| table.delete_of("public", &users) + ";");
    let insert = TABLES.iter().map(|table| {
        format!("INSERT INTO public.{} SELECT t.* FROM {};", table.name, table.rows_of(&schema, &users))
    });
    delete.chain(insert).collect()
}

/// The same for the last time: with the commit the bucket is here. It must be `ready`.
pub(super) async fn complete(
    arriving: &mut PgConnection,
    bucket: Bucket,
    users: &[Uuid],
) -> anyhow::Result<()> {
    let complete = format!(
        "{} UPDATE buckets SET state = 'owned' WHERE bucket = {bucket} AND state = 'ready' RETURNING bucket",
        replace_sql(bucket, users)
    );
    let owned = sqlx::raw_sql(AssertSqlSafe(complete)).fetch_all(arriving).await?;
    ensure!(owned.len() == 1, "somebody else uses the target's copy of bucket {bucket}");
    Ok(())
}

/// Opens a bucket that is `ready` and that its shard says it left to this one. Whoever comes second finds it open.
///
/// # Errors
/// When the database does not answer, or somebody is just opening it and takes too long.
pub async fn adopt(target: &mut PgConnection, bucket: Bucket) -> sqlx::Result<()> {
    const OWNED: &str = "UPDATE buckets SET state = 'owned' WHERE bucket = $1 AND state = 'ready'";
    let mut tx = target.begin().await?;
    close(&mut tx, bucket).await?;
    let opened = sqlx::query(OWNED).bind(bucket.stored()).execute(&mut *tx).await?;
    if opened.rows_affected() > 0 {
        sqlx::raw_sql(AssertSqlSafe(show(bucket))).execute(&mut *tx).await?;
    }
    tx.commit().await
}
