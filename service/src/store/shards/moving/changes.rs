//! What changed in a bucket since it was copied: taken from the source in one snapshot, put in place of what was copied.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use super::copy::{list, staging};
use super::verify::{Digests, digests_sql, gather};
use crate::store::shards::bucket::Bucket;
use crate::store::shards::tables::TABLES;

/// Users whose rows changed, with all their rows as of one instant.
pub(super) struct Changes {
    pub users: Vec<Uuid>,
    /// Of each table, in the tables' order: an array of objects as JSON.
    rows: Vec<String>,
    /// Of these users, and of those who were asked for beside them.
    pub digests: Digests,
}

/// Whose changes are taken.
pub(super) enum Which<'a> {
    /// Of so many users at most, so that memory is bounded.
    Some(usize),
    /// Of all, with the digests of these users and those.
    AllAnd(&'a [Uuid]),
}

/// The statement that takes changes. A change is taken with its note, both as of the statement's snapshot: what is
/// committed later is noted later.
pub(super) fn take_sql(bucket: Bucket, which: &Which<'_>) -> String {
    const CHANGED: &str = "(SELECT users FROM whom)::uuid[]";
    let (some, digests) = match which {
        Which::Some(most) => {
            let some = format!(
                " AND user_id IN (SELECT DISTINCT user_id FROM bucket_changes WHERE bucket = {bucket} LIMIT {most})"
            );
            (some, "'[]'".to_owned())
        }
        Which::AllAnd(also) => {
            let whose = format!("{CHANGED} || {}", list(also));
            let digests = format!(
                "(SELECT COALESCE(json_agg(json_build_array(d.n, d.whose, d.count, d.sum)), '[]') FROM ({}) d)",
                digests_sql(&whose)
            );
            (String::new(), digests)
        }
    };
    let rows: String = TABLES
        .iter()
        .map(|table| {
            format!(", (SELECT COALESCE(json_agg(t), '[]') FROM {})::text", table.rows_of("public", CHANGED))
        })
        .collect();
    format!(
        "WITH taken AS (DELETE FROM bucket_changes WHERE bucket = {bucket}{some} RETURNING user_id), \
         whom AS MATERIALIZED (SELECT ARRAY(SELECT DISTINCT user_id FROM taken) AS users) \
         SELECT (SELECT users FROM whom), {digests}::text{rows}"
    )
}

/// What [`take_sql`] returned.
pub(super) fn taken(row: &PgRow) -> sqlx::Result<Changes> {
    let digests: String = row.try_get(1)?;
    let digests: Vec<(i16, Uuid, i64, String)> =
        serde_json::from_str(&digests).map_err(|e| sqlx::Error::Decode(e.into()))?;
    let rows = (2..row.len()).map(|at| row.try_get(at)).collect::<sqlx::Result<_>>()?;
    Ok(Changes { users: row.try_get(0)?, rows, digests: gather(digests) })
}

/// Takes changes of some users; none when there are none.
pub(super) async fn take(source: &mut PgConnection, bucket: Bucket, most: usize) -> sqlx::Result<Changes> {
    let sql = take_sql(bucket, &Which::Some(most));
    taken(&sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(source).await?)
}

/// Puts changes in place of the copies; with `ready`, these are complete from then on. One statement, so that all of it
/// is there or nothing. Returns whether the target still expects the bucket.
pub(super) async fn renew(
    target: &mut PgConnection,
    bucket: Bucket,
    changes: &Changes,
    ready: bool,
) -> sqlx::Result<bool> {
    let schema = staging(bucket);
    let mut sql = format!(
        "WITH expected AS (UPDATE public.buckets SET state = CASE WHEN $2 THEN 'ready' ELSE state END \
         WHERE bucket = {bucket} AND state IN ('arriving', 'ready') RETURNING bucket)"
    );
    for (n, table) in TABLES.iter().enumerate() {
        let (name, delete) = (table.name, table.delete_of(&schema, "$1"));
        sql += &format!(
            ", gone{n} AS ({delete}), put{n} AS (INSERT INTO {schema}.{name} \
             SELECT * FROM json_populate_recordset(NULL::{schema}.{name}, ${}::json))",
            n + 3
        );
    }
    sql += " SELECT COUNT(*) FROM expected";
    // The same text every time, so that the server plans it once.
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&changes.users).bind(ready);
    for rows in &changes.rows {
        query = query.bind(rows);
    }
    let expected: i64 = query.fetch_one(target).await?;
    Ok(expected == 1)
}
