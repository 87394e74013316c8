//! Indexes and foreign keys, put aside while rows are loaded and made again over all of them at once, which sorts once
//! instead of looking for a place for each row. Within the load's transaction: whoever looks meanwhile waits for its end,
//! and a load that is cut off leaves everything as it was.
//!
//! Primary keys and unique constraints stay, because they say at once that something is there already; but for the key of
//! PostgreSQL's tasks, which are most of the rows: their users say it.

use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};

use crate::store::{Result, StoreError};

/// The tables that are loaded.
const TABLES: [&str; 7] =
    ["users", "products", "tasks", "favorites", "sessions", "refresh_tokens", "email_directory"];

/// What brings back what was put aside, in order.
pub struct Aside(Vec<String>);

/// Puts everything aside, and the guards of the buckets; nobody else writes to the tables until the transaction ends.
///
/// # Errors
/// When the database does not answer.
pub async fn postgres(connection: &mut PgConnection) -> Result<Aside> {
    const KEYS: &str = "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname), \
                        format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, \
                        pg_get_constraintdef(oid)) FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY ($1::regclass[]) \
                        OR contype = 'f' AND confrelid = 'tasks'::regclass \
                        OR contype = 'p' AND conrelid = 'tasks'::regclass ORDER BY contype = 'p'";
    const INDEXES: &str = "SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) \
                           FROM pg_index WHERE indrelid = ANY ($1::regclass[]) AND NOT EXISTS \
                           (SELECT FROM pg_constraint WHERE conindid = indexrelid)";
    // Sorting in memory; and a load may wait for its rows.
    const SETTINGS: &str =
        "SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL idle_in_transaction_session_timeout = 0";
    // All at once: one after the other would meet those who are at several of them.
    let lock = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", TABLES.join(", "));
    run(connection, format!("{SETTINGS}; {lock}")).await?;
    let mut back = Vec::new();
    // What comes first here is brought back last: foreign keys find what they refer to by its key.
    for sql in [KEYS, INDEXES] {
        let found: Vec<(String, String)> =
            sqlx::query_as(sql).bind(TABLES.as_slice()).fetch_all(&mut *connection).await?;
        for (away, again) in found {
            run(connection, away).await?;
            back.push(again);
        }
    }
    back.reverse();
    for table in TABLES {
        run(connection, format!("ALTER TABLE {table} DISABLE TRIGGER USER")).await?;
        back.push(format!("ALTER TABLE {table} ENABLE TRIGGER USER"));
    }
    Ok(Aside(back))
}

/// Puts the indexes aside; foreign keys are cheap here.
///
/// # Errors
/// When the database does not answer.
pub async fn sqlite(connection: &mut SqliteConnection) -> Result<Aside> {
    const INDEXES: &str = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL \
                           AND tbl_name IN (SELECT value FROM json_each($1))";
    // Pages that are written again and again stay in memory, and so does what is sorted.
    sqlx::raw_sql("PRAGMA cache_size = -262144").execute(&mut *connection).await?;
    let found: Vec<(String, String)> = sqlx::query_as(INDEXES)
        .bind(serde_json::json!(TABLES).to_string())
        .fetch_all(&mut *connection)
        .await?;
    for (name, _) in &found {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP INDEX {name}"))).execute(&mut *connection).await?;
    }
    Ok(Aside(found.into_iter().map(|(_, sql)| sql).collect()))
}

impl Aside {
    /// Brings everything back and makes sure that the rows are allowed to be here.
    ///
    /// # Errors
    /// [`StoreError::Dangling`] when one refers to something that is not there; [`StoreError::Moved`] when a user belongs
    /// into another database by now.
    pub async fn back_to_postgres(self, connection: &mut PgConnection) -> Result<()> {
        // What the guards would have said of each row; tasks and the like follow their users.
        const STRAY: &str = "SELECT EXISTS (SELECT FROM shard_identity) AND EXISTS (SELECT FROM users \
                             LEFT JOIN buckets ON bucket = bucket_of(id) WHERE state IS DISTINCT FROM 'owned')";
        for sql in self.0 {
            run(connection, sql).await?;
        }
        run(connection, "LOCK TABLE buckets IN SHARE MODE".to_owned()).await?;
        let stray: bool = sqlx::query_scalar(STRAY).fetch_one(connection).await?;
        if stray { Err(StoreError::Moved) } else { Ok(()) }
    }

    /// Brings everything back.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn back_to_sqlite(self, connection: &mut SqliteConnection) -> Result<()> {
        for sql in self.0 {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
        }
        Ok(())
    }
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}
