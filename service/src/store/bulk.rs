//! Loading many rows at once, for `seed`: large transactions of statements with many rows each, or `COPY`.

mod apart;
mod copy;

use uuid::Uuid;

use super::place::Rows;
use super::products::Product;
use super::sessions::TokenHash;
use super::tasks::Task;
use super::users::User;
use super::{Db, Result, Store, StoreError, Timestamp};

/// SQLite takes 32,766 parameters per statement; the widest row here has nine.
const ROWS_PER_STATEMENT: usize = 1000;

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
}

/// Inserts the rows of one table within the transaction.
macro_rules! insert_rows {
    ($tx:ident, $kind:ty, $head:literal, $rows:expr, |$b:ident, $row:ident| $bind:expr) => {
        for rows in $rows.chunks(ROWS_PER_STATEMENT) {
            let mut sql = sqlx::QueryBuilder::<$kind>::new($head);
            sql.push_values(rows, |mut $b, $row| {
                $bind;
            });
            sql.build().execute(&mut *$tx).await?;
        }
    };
}

/// Stores a batch in one transaction per database. All users get the same password hash.
///
/// # Errors
/// [`StoreError::Taken`] when one of the rows is there already; then none is stored in that database.
pub async fn insert(store: &Store, batch: &Batch, password_hash: &str) -> Result<()> {
    let Some(sharding) = store.sharding() else {
        return Box::pin(insert_into(&store.db, batch, password_hash)).await;
    };
    for (db, part) in apart::divide(&store.db, sharding, batch) {
        Box::pin(insert_into(db, &part, password_hash)).await?;
    }
    apart::list_emails(store, batch).await
}

async fn insert_into(db: &Db, batch: &Batch, password_hash: &str) -> Result<()> {
    match db {
        Db::Sqlite { rw, .. } => {
            let mut tx = rw.begin_with("BEGIN IMMEDIATE").await?;
            insert_rows!(
                tx,
                sqlx::Sqlite,
                "INSERT INTO users (id, email, name, password_hash, role, created_at_us, updated_at_us) ",
                batch.users,
                |b, user| b
                    .push_bind(user.id)
                    .push_bind(&user.email)
                    .push_bind(&user.name)
                    .push_bind(password_hash)
                    .push_bind(user.role.as_str())
                    .push_bind(user.created_at)
                    .push_bind(user.updated_at)
            );
            insert_rows!(
                tx,
                sqlx::Sqlite,
                "INSERT INTO products (id, title, description, category, price_cents, stock, created_at_us, \
                 updated_at_us) ",
                batch.products,
                |b, p| b
                    .push_bind(p.id)
                    .push_bind(&p.title)
                    .push_bind(&p.description)
                    .push_bind(&p.category)
                    .push_bind(p.price_cents)
                    .push_bind(p.stock)
                    .push_bind(p.created_at)
                    .push_bind(p.updated_at)
            );
            insert_rows!(
                tx,
                sqlx::Sqlite,
                "INSERT INTO tasks (id, user_id, title, description, status, priority, due_at_us, created_at_us, \
                 updated_at_us) ",
                batch.tasks,
                |b, row| b
                    .push_bind(row.1.id)
                    .push_bind(row.0)
                    .push_bind(&row.1.title)
                    .push_bind(&row.1.description)
                    .push_bind(row.1.status.as_str())
                    .push_bind(row.1.priority.as_str())
                    .push_bind(row.1.due_at)
                    .push_bind(row.1.created_at)
                    .push_bind(row.1.updated_at)
            );
            insert_rows!(
                tx,
                sqlx::Sqlite,
                "INSERT INTO favorites (user_id, product_id, created_at_us) ",
                batch.favorites,
                |b, row| b.push_bind(row.0).push_bind(row.1).push_bind(row.2)
            );
            insert_rows!(
                tx,
                sqlx::Sqlite,
                "INSERT INTO sessions (id, user_id, ip, device, created_at_us, expires_at_us) ",
                batch.sessions,
                |b, s| b
                    .push_bind(s.id)
                    .push_bind(s.user_id)
                    .push_bind("127.0.0.1")
                    .push_bind("service seed")
                    .push_bind(s.created_at)
                    .push_bind(s.expires_at)
            );
            insert_rows!(
                tx,
                sqlx::Sqlite,
                "INSERT INTO refresh_tokens (token_hash, session_id, expires_at_us) ",
                batch.sessions,
                |b, s| b.push_bind(s.refresh.as_slice()).push_bind(s.id).push_bind(s.expires_at)
            );
            tx.commit().await?;
        }
        Db::Postgres(cluster) => {
            let mut tx = cluster.write(Rows::Any).begin().await?;
            copy::copy(&mut tx, batch, password_hash).await?;
            tx.commit().await?;
        }
    }
    Ok::<_, StoreError>(())
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

/// How many batches it pays to store at the same time: SQLite has one writer, PostgreSQL a process per connection.
pub fn lanes(store: &Store) -> usize {
    match &store.db {
        Db::Sqlite { .. } => 1,
        Db::Postgres(_) => 4,
    }
}
