//! Loading many rows at once, for `seed`: statements with many rows each, or `COPY`, in one transaction per database.

mod apart;
mod aside;
mod copy;
mod load;
mod rows;

use uuid::Uuid;

pub use self::load::Load;
use super::place::Rows;
use super::products::Product;
use super::sessions::TokenHash;
use super::tasks::Task;
use super::users::User;
use super::{Db, Result, Store, Timestamp};

/// A session with the hash of its refresh token.
#[derive(Clone)]
pub struct SeedSession {
    /// Identity.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// Its refresh token.
    pub refresh: TokenHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Rows to be stored together, parents first.
#[derive(Default)]
pub struct Batch {
    /// Accounts.
    pub users: Vec<User>,
    /// Products.
    pub products: Vec<Product>,
    /// Tasks with their owners.
    pub tasks: Vec<(Uuid, Task)>,
    /// Favourites: user, product, when.
    pub favorites: Vec<(Uuid, Uuid, Timestamp)>,
    /// Sessions.
    pub sessions: Vec<SeedSession>,
    /// Entries of the directory: address, whose, since when. Made from the accounts where there are shards.
    pub addresses: Vec<(String, Uuid, Timestamp)>,
}

impl Batch {
    /// How many rows it is, a session with its refresh token being two.
    pub fn rows(&self) -> u64 {
        let sessions = self.sessions.len() * 2;
        (self.users.len() + self.products.len() + self.tasks.len() + self.favorites.len() + sessions) as u64
    }
}

/// Stores a batch in one transaction per database, while others use it. All users get the same password hash.
///
/// # Errors
/// [`super::StoreError::Taken`] when one of the rows is there already; then none is stored in that database.
pub async fn insert(store: &Store, batch: Batch, password_hash: &str) -> Result<()> {
    for (db, part) in store.databases().zip(apart::divide(store.sharding(), batch)) {
        match db {
            Db::Sqlite { rw, .. } => {
                let mut tx = rw.begin_with("BEGIN IMMEDIATE").await?;
                rows::run(&mut tx, rows::statements(&part, password_hash)).await?;
                tx.commit().await?;
            }
            Db::Postgres(cluster) => {
                let mut tx = cluster.write(Rows::Any).begin().await?;
                copy::copy(&mut tx, copy::lines(&part, password_hash)).await?;
                tx.commit().await?;
            }
        }
    }
    Ok(())
}

/// How many accounts there are.
///
/// # Errors
/// When the database does not answer.
pub async fn count_users(store: &Store) -> Result<i64> {
    let mut all = 0;
    for db in store.everywhere() {
        let some: i64 =
            super::ro!(db, p => sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(p).await?);
        all += some;
    }
    Ok(all)
}

/// Accounts whose e-mail ends in `@domain`, by e-mail: id and e-mail, at most `limit` behind `after`.
///
/// # Errors
/// When the database does not answer.
pub async fn users_of(store: &Store, domain: &str, after: &str, limit: i64) -> Result<Vec<(Uuid, String)>> {
    const SQL: &str = "SELECT id, email FROM users WHERE email > $1 AND email LIKE $2 AND role = 'user' \
                       ORDER BY email LIMIT $3";
    let mut all: Vec<(Uuid, String)> = Vec::new();
    for db in store.everywhere() {
        let some: Vec<(Uuid, String)> = super::ro!(db, p => sqlx::query_as(SQL).bind(after)
            .bind(format!("%@{domain}")).bind(limit).fetch_all(p).await?);
        all.extend(some);
    }
    all.sort_by(|a, b| a.1.cmp(&b.1));
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(all)
}

/// Removes every row of every table.
///
/// # Errors
/// When the database does not answer.
pub async fn clear(store: &Store) -> Result<()> {
    const TABLES: [&str; 11] = [
        "DELETE FROM events",
        "DELETE FROM event_users",
        "DELETE FROM search_terms",
        "DELETE FROM idempotency_keys",
        "DELETE FROM favorites",
        "DELETE FROM tasks",
        "DELETE FROM refresh_tokens",
        "DELETE FROM sessions",
        "DELETE FROM preferences",
        "DELETE FROM products",
        "DELETE FROM users",
    ];
    for db in store.databases() {
        match db {
            Db::Sqlite { rw, .. } => {
                let mut tx = rw.begin_with("BEGIN IMMEDIATE").await?;
                for table in TABLES {
                    sqlx::query(table).execute(&mut *tx).await?;
                }
                tx.commit().await?;
            }
            // At once, whatever their size. What refers to these goes with them.
            Db::Postgres(_) => {
                const SQL: &str = "TRUNCATE users, products, sessions, events, event_users, search_terms, email_directory CASCADE";
                super::rw!(db, p => sqlx::query(SQL).execute(p).await?.rows_affected());
            }
        }
    }
    Ok(())
}

/// Lets the database gather statistics for its planner, after a large load.
///
/// # Errors
/// When the database does not answer.
pub async fn analyze(store: &Store) -> Result<()> {
    for db in store.databases() {
        // PostgreSQL also notes which pages everybody sees, so that an index alone can answer.
        let sql = match db {
            Db::Sqlite { .. } => "ANALYZE",
            Db::Postgres(_) => {
                "VACUUM (ANALYZE) users, preferences, sessions, refresh_tokens, tasks, products, favorites"
            }
        };
        super::rw!(db, p => sqlx::query(sql).execute(p).await?.rows_affected());
    }
    Ok(())
}
