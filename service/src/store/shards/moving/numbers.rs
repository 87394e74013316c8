//! What is where, for people.

use sqlx::PgConnection;

/// What a shard holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Buckets that are there.
    pub buckets: i64,
    /// Of these, those that are about to leave.
    pub leaving: i64,
    /// Buckets that are being copied to there, or were by a mover that died.
    pub arriving: i64,
    /// Users.
    pub users: i64,
    /// Tasks.
    pub tasks: i64,
}

/// Counts what a shard holds.
///
/// # Errors
/// When it does not answer.
pub async fn numbers(shard: &mut PgConnection) -> sqlx::Result<Numbers> {
    const SQL: &str = "SELECT COUNT(*) FILTER (WHERE state IN ('owned', 'leaving')), \
                       COUNT(*) FILTER (WHERE state = 'leaving'), \
                       COUNT(*) FILTER (WHERE state IN ('arriving', 'ready')), \
                       (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM tasks) FROM buckets";
    let (buckets, leaving, arriving, users, tasks) = sqlx::query_as(SQL).fetch_one(shard).await?;
    Ok(Numbers { buckets, leaving, arriving, users, tasks })
}
