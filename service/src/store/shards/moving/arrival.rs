//! Showing a bucket's rows on the target: what a mover does beforehand in a transaction of its own, and what whoever comes
//! to an unopened bucket does from the copies.

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::changes::Changes;
use super::copy::{Columns, list, staging};
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

/// Shows the copies of what changed, which were renewed, in place of what was shown.
pub(super) async fn replace(
    arriving: &mut PgConnection,
    bucket: Bucket,
    columns: &Columns,
    changes: &Changes,
) -> sqlx::Result<()> {
    let replace = replace_sql(bucket, columns, changes);
    sqlx::raw_sql(AssertSqlSafe(replace)).execute(arriving).await?;
    Ok(())
}

/// Rows that are no more go before others take their places. Those that are still there are changed and not replaced:
/// others refer to them.
fn replace_sql(bucket: Bucket, columns: &Columns, changes: &Changes) -> String {
    let (users, schema) = (list(&changes.users), staging(bucket));
    let (mut delete, mut insert) = (Vec::new(), String::new());
    for ((table, columns), changed) in columns.iter().zip(&changes.tables).filter(|(_, c)| !c.ids.is_empty())
    {
        let (name, key, ids) = (table.name, table.key, list(&changed.ids));
        let here = table.noted("public", &ids, &users);
        let of = |row: &str, names: &str| {
            names.split(", ").map(|name| format!("{row}.{name}")).collect::<Vec<_>>().join(", ")
        };
        delete.push(format!(
            "DELETE FROM {here} AND NOT EXISTS (SELECT FROM {schema}.{name} c WHERE ({}) = ({}));",
            of("c", key),
            of("t", key)
        ));
        insert += &format!(
            "INSERT INTO public.{name} ({columns}) SELECT {} FROM {} \
             ON CONFLICT ({key}) DO UPDATE SET ({columns}) = ({});",
            of("t", columns),
            table.noted(&schema, &ids, &users),
            of("excluded", columns)
        );
    }
    delete.reverse();
    delete.concat() + &insert
}

/// The same for the last time: with the commit the bucket is here. It must be `ready`.
pub(super) async fn complete(
    arriving: &mut PgConnection,
    bucket: Bucket,
    columns: &Columns,
    changes: &Changes,
) -> anyhow::Result<()> {
    let complete = format!(
        "{} UPDATE buckets SET state = 'owned' WHERE bucket = {bucket} AND state = 'ready' RETURNING bucket",
        replace_sql(bucket, columns, changes)
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
