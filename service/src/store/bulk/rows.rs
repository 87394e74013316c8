//! SQLite: statements of many rows each.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::Batch;
use crate::store::Result;

/// SQLite takes 32,766 parameters per statement; the widest row here has nine.
const ROWS_PER_STATEMENT: usize = 1000;

/// Inserts for the rows of one table.
macro_rules! insert_rows {
    ($all:ident, $head:literal, $rows:expr, |$b:ident, $row:ident| $bind:expr) => {
        for rows in $rows.chunks(ROWS_PER_STATEMENT) {
            let mut sql = QueryBuilder::new($head);
            sql.push_values(rows, |mut $b, $row| {
                $bind;
            });
            $all.push(sql);
        }
    };
}

/// The statements that store a batch, parents first.
pub fn statements(batch: &Batch, password_hash: &str) -> Vec<QueryBuilder<Sqlite>> {
    let mut all = Vec::new();
    insert_rows!(
        all,
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
        all,
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
        all,
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
        all,
        "INSERT INTO favorites (user_id, product_id, created_at_us) ",
        batch.favorites,
        |b, row| b.push_bind(row.0).push_bind(row.1).push_bind(row.2)
    );
    insert_rows!(
        all,
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
        all,
        "INSERT INTO refresh_tokens (token_hash, session_id, expires_at_us) ",
        batch.sessions,
        |b, s| b.push_bind(s.refresh.as_slice()).push_bind(s.id).push_bind(s.expires_at)
    );
    all
}

/// Runs them.
///
/// # Errors
/// [`crate::store::StoreError::Taken`] when one of the rows is there already.
pub async fn run(connection: &mut SqliteConnection, statements: Vec<QueryBuilder<Sqlite>>) -> Result<()> {
    for mut statement in statements {
        statement.build().execute(&mut *connection).await?;
    }
    Ok(())
}
