//! Copying rows of users into tables of the bucket's own on the target.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use super::Ends;
use crate::store::shards::bucket::Bucket;
use crate::store::shards::tables::{TABLES, Table};

/// The columns of each table of users' data, in the tables' order, as a list for a statement.
pub(super) type Columns = Vec<(Table, String)>;

/// The schema with the bucket's tables on the target.
pub(super) fn staging(bucket: Bucket) -> String {
    format!("arriving_{bucket}")
}

/// Lets the source name the users of a bucket without looking at all users. The indexes are made at the first move and
/// without keeping writers waiting.
pub(super) async fn find_by_bucket(source: &mut PgConnection) -> anyhow::Result<()> {
    const INDEXES: [(&str, &str); 2] = [
        ("users_bucket", "CREATE INDEX CONCURRENTLY users_bucket ON users (bucket_of(id))"),
        (
            "sessions_bucket",
            "CREATE INDEX CONCURRENTLY sessions_bucket ON sessions (bucket_of(user_id), user_id)",
        ),
    ];
    const VALID: &str = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)";
    const TURN: &str = "SELECT pg_try_advisory_lock($1, -1)";
    // One mover makes them, the others wait for it: not in a statement, for whose end the making would wait in turn.
    while !sqlx::query_scalar(TURN).bind(super::BUSY).fetch_one(&mut *source).await? {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for (name, create) in INDEXES {
        let valid: Option<bool> = sqlx::query_scalar(VALID).bind(name).fetch_optional(&mut *source).await?;
        if valid == Some(false) {
            // Left by a mover that died.
            let drop = AssertSqlSafe(format!("DROP INDEX CONCURRENTLY {name}"));
            sqlx::raw_sql(drop).execute(&mut *source).await?;
        }
        if valid != Some(true) {
            sqlx::raw_sql(create).execute(&mut *source).await.with_context(|| format!("making {name}"))?;
        }
    }
    sqlx::query("SELECT pg_advisory_unlock($1, -1)").bind(super::BUSY).execute(source).await?;
    Ok(())
}

/// Whose rows are in the bucket. The rows of an account that was removed go with it, but for its sessions.
pub(super) async fn users(source: &mut PgConnection, bucket: Bucket) -> anyhow::Result<Vec<Uuid>> {
    const SQL: &str = "SELECT id FROM users WHERE bucket_of(id) = $1 \
                       UNION SELECT user_id FROM sessions WHERE bucket_of(user_id) = $1";
    Ok(sqlx::query_scalar(SQL).bind(bucket.stored()).fetch_all(source).await?)
}

/// The columns of all tables, which must be the same on both sides.
pub(super) async fn columns(ends: &mut Ends) -> anyhow::Result<Columns> {
    const SQL: &str = "SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) \
                       FROM information_schema.columns \
                       WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'";
    let mut columns = Columns::new();
    for table in TABLES {
        let here: Option<String> =
            sqlx::query_scalar(SQL).bind(table.name).fetch_one(&mut ends.source).await?;
        let there: Option<String> =
            sqlx::query_scalar(SQL).bind(table.name).fetch_one(&mut ends.target).await?;
        let same = here.filter(|here| there.as_ref() == Some(here));
        let same = same.with_context(|| {
            format!("the table {} is not the same on both shards; run `service migrate`", table.name)
        })?;
        columns.push((*table, same));
    }
    Ok(columns)
}

/// Makes empty tables for the bucket on the target, in place of what an earlier attempt left there.
pub(super) async fn make_staging(
    target: &mut PgConnection,
    bucket: Bucket,
    epoch: u32,
) -> anyhow::Result<()> {
    const ARRIVING: &str = "INSERT INTO buckets (bucket, state, epoch) VALUES ($1, 'arriving', $2) \
                            ON CONFLICT (bucket) DO UPDATE SET state = 'arriving', epoch = $2, successor = NULL \
                            WHERE buckets.state IN ('arriving', 'ready', 'gone')";
    super::switch::begin_closed(&mut *target, bucket).await?;
    let arriving =
        sqlx::query(ARRIVING).bind(bucket.stored()).bind(i64::from(epoch)).execute(&mut *target).await?;
    ensure!(arriving.rows_affected() == 1, "the target says that it has bucket {bucket} already");
    let schema = staging(bucket);
    let mut make = format!(
        "SET LOCAL lock_timeout = '10s'; DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema};"
    );
    for table in TABLES {
        make += &format!("CREATE TABLE {schema}.{0} (LIKE public.{0});", table.name);
    }
    // Rows are replaced whenever they change.
    for table in TABLES {
        make += &format!("CREATE INDEX ON {schema}.{} ({});", table.name, table.noted_by);
    }
    sqlx::raw_sql(AssertSqlSafe(make + "COMMIT")).execute(target).await?;
    Ok(())
}

/// Removes what an attempt left on a shard to which the bucket did not come.
pub(super) async fn forget(target: &mut PgConnection, bucket: Bucket) -> sqlx::Result<()> {
    const FORGET: &str = "DELETE FROM buckets WHERE bucket = $1 AND state IN ('arriving', 'ready')";
    let forgotten = sqlx::query(FORGET).bind(bucket.stored()).execute(&mut *target).await?;
    if forgotten.rows_affected() > 0 {
        drop_staging(target, bucket).await?;
    }
    Ok(())
}

/// Removes the bucket's tables on the target.
pub(super) async fn drop_staging(target: &mut PgConnection, bucket: Bucket) -> sqlx::Result<()> {
    let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", staging(bucket));
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(target).await?;
    Ok(())
}

/// `users` as a list in a statement; `COPY` takes no parameters. UUIDs are digits and dashes.
pub(super) fn list(users: &[Uuid]) -> String {
    let ids: Vec<String> = users.iter().map(Uuid::to_string).collect();
    format!("'{{{}}}'::uuid[]", ids.join(","))
}

/// Copies all rows of `users`, as of one instant.
pub(super) async fn copy(ends: &mut Ends, bucket: Bucket, users: &[Uuid]) -> anyhow::Result<()> {
    let (users, schema) = (list(users), staging(bucket));
    let mut snapshot = ends.reading.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let mut tx = ends.target.begin().await?;
    for (table, columns) in &ends.columns {
        let name = table.name;
        let of_table: Vec<String> = columns.split(", ").map(|column| format!("t.{column}")).collect();
        let rows = format!(
            "COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)",
            of_table.join(", "),
            table.rows_of("public", &users)
        );
        let mut rows = snapshot.copy_out_raw(&rows).await.with_context(|| format!("reading {name}"))?;
        let copy = format!("COPY {schema}.{name} ({columns}) FROM STDIN (FORMAT binary)");
        let mut copy = tx.copy_in_raw(&copy).await.with_context(|| format!("writing {name}"))?;
        while let Some(chunk) = rows.try_next().await? {
            copy.send(chunk).await?;
        }
        copy.finish().await.with_context(|| format!("writing {name}"))?;
    }
    tx.commit().await?;
    snapshot.commit().await?;
    Ok(())
}
