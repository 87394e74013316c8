//! The moment at which a bucket changes hands: what cannot be done before it, and nothing else.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::time::Instant;

use super::changes::{Changes, Which, renew, take_sql, taken};
use super::verify::{Verified, digests};
use super::{Ends, Moved, arrival};
use crate::store::shards::bucket::Bucket;
use crate::store::shards::tables::TABLES;

/// Makes the transaction the mover's: no trigger stops it. Writers hold their bucket shared; this one waits until the last
/// of them is through, and lets no other in. They wait behind it, so that it does not wait for long.
///
/// # Errors
/// When a writer keeps the bucket for longer; the transaction is void then.
pub(super) async fn close(tx: &mut PgConnection, bucket: Bucket) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(close_sql(bucket, Duration::from_secs(1)))).execute(tx).await?;
    Ok(())
}

fn close_sql(bucket: Bucket, patience: Duration) -> String {
    format!(
        "SET LOCAL lock_timeout = {}; SET LOCAL service.moving = 'on'; SELECT pg_advisory_xact_lock(1212302916, {bucket});",
        patience.as_millis()
    )
}

/// How long writers wait in vain for a mover that waits for one of them, and how often it tries. Whoever writes past
/// the bucket's lock, as background work does, may hold a row that the mover needs and wait for the mover: then one
/// has to give in, and it is the mover.
const PATIENCE: Duration = Duration::from_millis(100);
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// Whether somebody held for too long what the mover needs.
fn is_blocked(error: &sqlx::Error) -> bool {
    // lock_not_available, deadlock_detected.
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}

/// Begins a transaction in which the bucket is closed; tries until writers leave a gap.
pub(super) async fn begin_closed(database: &mut PgConnection, bucket: Bucket) -> anyhow::Result<()> {
    closed(database, bucket, "").await
}

/// The same, and `then` some statements, in one round trip.
async fn closed(database: &mut PgConnection, bucket: Bucket, then: &str) -> anyhow::Result<()> {
    let begin = format!("BEGIN; {}{then}", close_sql(bucket, PATIENCE));
    for attempt in 1.. {
        match sqlx::raw_sql(AssertSqlSafe(begin.clone())).execute(&mut *database).await {
            Ok(_) => break,
            Err(error) if is_blocked(&error) && attempt < ATTEMPTS => give_way(database).await?,
            Err(error) => return Err(error).context("writers keep the bucket"),
        }
    }
    Ok(())
}

async fn give_way(database: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("ROLLBACK").execute(database).await?;
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

/// From here on the source notes whose data change. Every writer that did not note anything is through.
pub(super) async fn note_changes(source: &mut PgConnection, bucket: Bucket) -> anyhow::Result<()> {
    const STATE: &str = "SELECT state FROM buckets WHERE bucket = $1";
    let leaving = format!(
        "DELETE FROM bucket_changes WHERE bucket = {bucket}; \
         UPDATE buckets SET state = 'leaving' WHERE bucket = {bucket} AND state = 'owned'; COMMIT"
    );
    closed(&mut *source, bucket, &leaving).await?;
    let state: Option<String> =
        sqlx::query_scalar(STATE).bind(bucket.stored()).fetch_optional(source).await?;
    ensure!(state.as_deref() == Some("leaving"), "the source does not have bucket {bucket}");
    Ok(())
}

/// The bucket does not leave after all.
pub(super) async fn stay(source: &mut PgConnection, bucket: Bucket) -> anyhow::Result<()> {
    let stay = format!(
        "BEGIN; UPDATE buckets SET state = 'owned' WHERE bucket = {bucket} AND state = 'leaving'; \
         DELETE FROM bucket_changes WHERE bucket = {bucket}; COMMIT"
    );
    sqlx::raw_sql(AssertSqlSafe(stay)).execute(source).await?;
    Ok(())
}

/// The statements that take a bucket's rows from the source and say whom they went to.
fn remove_sql(bucket: Bucket, to: u16) -> String {
    let whose = format!(
        "ARRAY(SELECT id FROM users WHERE bucket_of(id) = {bucket} \
         UNION SELECT user_id FROM sessions WHERE bucket_of(user_id) = {bucket})"
    );
    let delete = TABLES.iter().rev().map(|table| table.delete_of("public", &whose) + ";");
    let gone = format!(
        "UPDATE buckets SET state = 'gone', successor = {to} WHERE bucket = {bucket} AND state = 'leaving'"
    );
    delete.chain([gone]).collect()
}

/// Closes the bucket, copies the last changes and lets it change hands; all of it that was not compared yet is compared.
pub(super) async fn switch(
    ends: &mut Ends,
    bucket: Bucket,
    to: u16,
    verified: Verified,
) -> anyhow::Result<Moved> {
    let (closed, moved) = leave(ends, bucket, to, verified).await?;
    let shown = sqlx::raw_sql("COMMIT").execute(&mut ends.arriving).await;
    shown.context("the bucket has left, and opens at the first request for it")?;
    Ok(Moved { closed: closed.elapsed(), ..moved })
}

/// All but the last commit, with the instant at which writers had to wait.
pub(super) async fn leave(
    ends: &mut Ends,
    bucket: Bucket,
    to: u16,
    mut verified: Verified,
) -> anyhow::Result<(Instant, Moved)> {
    let mut attempt = 1;
    let (closed, changes, removed) = loop {
        match take_leave(ends, bucket, to, &verified).await {
            Ok(left) => break left,
            Err(error) if is_blocked(&error) && attempt < ATTEMPTS => give_way(&mut ends.source).await?,
            Err(error) => return Err(error).context("writers keep the bucket"),
        }
        attempt += 1;
    };
    verified.changed(&changes.users);
    arrival::complete(&mut ends.arriving, bucket, &ends.columns, &changes).await?;
    let arrived = digests(&mut ends.arriving, &verified.open()).await?;
    let (users, rows) = verified.conclude(changes.digests, &arrived)?;
    // One more for the bucket itself.
    ensure!(
        removed == rows + 1,
        "{rows} rows of bucket {bucket} were compared, but {removed} rows of it and about it would be removed"
    );
    sqlx::raw_sql("COMMIT").execute(&mut ends.source).await?;
    Ok((closed, Moved { users, rows, changed: changes.users.len(), ..Moved::default() }))
}

/// Closes the bucket, takes the last changes to the copies, which are complete then, and removes its rows from the source,
/// in a transaction that is left open. How many rows that are, and when writers had to wait. What was done on the target
/// does no harm when this has to be done again.
async fn take_leave(
    ends: &mut Ends,
    bucket: Bucket,
    to: u16,
    verified: &Verified,
) -> sqlx::Result<(Instant, Changes, u64)> {
    let take = take_sql(bucket, &Which::AllAnd(&verified.open()));
    let take = AssertSqlSafe(format!("BEGIN; {}{take}", close_sql(bucket, PATIENCE)));
    let remove = AssertSqlSafe(remove_sql(bucket, to));
    let closed = Instant::now();
    // Of the lock there is a row, too.
    let rows = sqlx::raw_sql(take).fetch_all(&mut ends.source).await?;
    let changes = taken(rows.last().ok_or(sqlx::Error::RowNotFound)?)?;
    let (removed, expected) = tokio::join!(
        sqlx::raw_sql(remove).execute(&mut ends.source),
        renew(&mut ends.target, bucket, &changes, true),
    );
    let removed = removed?.rows_affected();
    if !expected? {
        return Err(sqlx::Error::Protocol(format!(
            "somebody else uses the target's copy of bucket {bucket}"
        )));
    }
    Ok((closed, changes, removed))
}
