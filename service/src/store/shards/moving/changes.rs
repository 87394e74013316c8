//! What changed in a bucket since it was copied: taken from the source in one snapshot, put in place of what was copied.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use super::copy::{list, staging};
use super::verify::{Digests, digests_sql, gather};
use crate::store::shards::bucket::Bucket;
use crate::store::shards::tables::TABLES;

/// Rows that changed, as of one instant.
pub(super) struct Changes {
    /// Whose they are.
    pub users: Vec<Uuid>,
    /// Of each table, in the tables' order.
    pub tables: Vec<Changed>,
    /// Of these users, and of those who were asked for beside them.
    pub digests: Digests,
}

/// Rows of one table that changed.
pub(super) struct Changed {
    /// What they were noted by.
    pub ids: Vec<Uuid>,
    /// Those that are there: an array of objects as JSON.
    rows: String,
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
    let (mut ids, mut rows) = (String::new(), String::new());
    for (n, table) in TABLES.iter().enumerate() {
        let noted = table.noted("public", &format!("(SELECT ids{n} FROM whom)::uuid[]"), CHANGED);
        ids += &format!(
            ", ARRAY(SELECT DISTINCT row_id FROM taken WHERE relation IN ({})) AS ids{n}",
            table.notes()
        );
        rows +=
            &format!(", (SELECT ids{n} FROM whom), (SELECT COALESCE(json_agg(t), '[]') FROM {noted})::text");
    }
    format!(
        "WITH taken AS (DELETE FROM bucket_changes WHERE bucket = {bucket}{some} RETURNING user_id, relation, row_id), \
         whom AS MATERIALIZED (SELECT ARRAY(SELECT DISTINCT user_id FROM taken) AS users{ids}) \
         SELECT (SELECT users FROM whom), {digests}::text{rows}"
    )
}

/// What [`take_sql`] returned.
pub(super) fn taken(row: &PgRow) -> sqlx::Result<Changes> {
    let digests: String = row.try_get(1)?;
    let digests: Vec<(i16, Uuid, i64, String)> =
        serde_json::from_str(&digests).map_err(|e| sqlx::Error::Decode(e.into()))?;
    let of_table = |at| Ok(Changed { ids: row.try_get(at)?, rows: row.try_get(at + 1)? });
    let tables = (2..row.len()).step_by(2).map(of_table).collect::<sqlx::Result<_>>()?;
    Ok(Changes { users: row.try_get(0)?, tables, digests: gather(digests) })
}

/// Takes the changes of some users.
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
        let (ids, rows) = (format!("${}", 2 * n + 3), format!("${}", 2 * n + 4));
        let (name, noted) = (table.name, table.noted(&schema, &ids, "$1"));
        sql += &format!(
            ", gone{n} AS (DELETE FROM {noted}), put{n} AS (INSERT INTO {schema}.{name} \
             SELECT * FROM json_populate_recordset(NULL::{schema}.{name}, {rows}::json))"
        );
    }
    sql += " SELECT COUNT(*) FROM expected";
    // The same text every time, so that the server plans it once.
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&changes.users).bind(ready);
    for table in &changes.tables {
        query = query.bind(&table.ids).bind(&table.rows);
    }
    let expected: i64 = query.fetch_one(target).await?;
    Ok(expected == 1)
}
