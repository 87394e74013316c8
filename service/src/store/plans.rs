//! How a database means to answer each named question.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqlitePool};
use uuid::Uuid;

use super::named::{self, Arg, Named};
use super::postgres::Cluster;
use super::{Db, Result};

/// How a database means to answer a question.
pub struct Plan {
    /// The question.
    pub question: Named,
    /// The plan in the database's own words, a line per step.
    pub steps: Vec<String>,
    /// Tables that it would read as a whole although an index could spare it.
    pub scanned: Vec<String>,
}

impl Plan {
    /// Whether requests ask this question and would have to wait for a whole table.
    pub fn is_bad(&self) -> bool {
        self.question.hot && !self.scanned.is_empty()
    }
}

/// The plans of all named questions on the data that is there. Nothing is changed.
///
/// # Errors
/// When the database does not answer.
pub async fn all(db: &Db) -> anyhow::Result<Vec<Plan>> {
    match db {
        Db::Sqlite { ro, .. } => sqlite(ro).await,
        Db::Postgres(cluster) => postgres(cluster).await,
    }
}

async fn sqlite(pool: &SqlitePool) -> anyhow::Result<Vec<Plan>> {
    let mut plans = Vec::new();
    for question in named::all() {
        let Some(sql) = &question.sqlite else { continue };
        let limited = sql.contains(" LIMIT ");
        let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(sql).fetch_all(pool).await?;
        let steps: Vec<String> = rows.into_iter().map(|(.., detail)| detail).collect();
        let scanned = walked(&steps, limited);
        plans.push(Plan { question, steps, scanned });
    }
    Ok(plans)
}

/// The tables that SQLite would walk from end to end. What it made itself for the question has no index, and is as small
/// as the question made it. Along an index in the order that is asked for, a limit ends the walk early.
fn walked(steps: &[String], limited: bool) -> Vec<String> {
    let made = |table: &str| {
        ["MATERIALIZE ", "CO-ROUTINE "]
            .iter()
            .any(|how| steps.iter().any(|step| *step == format!("{how}{table}")))
    };
    let tables = steps.iter().filter_map(|step| {
        let step = step.strip_prefix("SCAN ")?;
        let (table, how) = step.split_once(' ').unwrap_or((step, ""));
        let early = limited && how.starts_with("USING");
        (!early && !step.contains("CONSTANT ROW") && !made(table)).then(|| table.to_owned())
    });
    tables.collect()
}

/// A table with fewer rows is read as a whole faster than by an index, and PostgreSQL knows it.
const SMALL_ROWS: f32 = 1000.0;

async fn postgres(cluster: &Cluster) -> anyhow::Result<Vec<Plan>> {
    let mut connection = cluster.patient().await?;
    let samples = Samples::of(&mut connection).await?;
    let mut plans = Vec::new();
    for question in named::all() {
        let types: Vec<&str> = question.arguments.iter().map(Arg::kind).collect();
        let types = if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
        let values: Vec<String> = question.arguments.iter().map(|arg| samples.literal(*arg)).collect();
        let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        run(&mut connection, format!("PREPARE explained{types} AS {}", question.postgres)).await?;
        let steps = explain(&mut connection, &values).await?;
        let mut scanned = Vec::new();
        for table in scans(&steps) {
            let rows: f32 = sqlx::query_scalar("SELECT reltuples FROM pg_class WHERE oid = $1::regclass")
                .bind(&table)
                .fetch_one(&mut connection)
                .await?;
            if rows >= SMALL_ROWS {
                scanned.push(table);
            }
        }
        // What a small table hides: whether there is an index for when it has grown.
        run(&mut connection, "SET enable_seqscan = off".to_owned()).await?;
        scanned.extend(scans(&explain(&mut connection, &values).await?));
        run(&mut connection, "RESET enable_seqscan".to_owned()).await?;
        run(&mut connection, "DEALLOCATE explained".to_owned()).await?;
        scanned.sort();
        scanned.dedup();
        plans.push(Plan { question, steps, scanned });
    }
    // Whether the server hears of the end makes no difference any more.
    let _closed = connection.close().await;
    Ok(plans)
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

async fn explain(connection: &mut PgConnection, values: &str) -> Result<Vec<String>> {
    let sql = format!("EXPLAIN EXECUTE explained{values}");
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await?;
    rows.iter().map(|row| Ok(sqlx::Row::try_get(row, 0)?)).collect()
}

/// The tables of which a plan reads all pages.
fn scans(steps: &[String]) -> Vec<String> {
    let tables = steps.iter().filter_map(|step| {
        let (_, rest) = step.split_once("Seq Scan on ")?;
        rest.split_whitespace().next().map(str::to_owned)
    });
    tables.collect()
}

/// Values that are there, so that the plan is one for real rows.
struct Samples {
    user: Uuid,
    email: String,
    task: Uuid,
    product: Uuid,
    session: Uuid,
    token: Vec<u8>,
}

impl Samples {
    async fn of(connection: &mut PgConnection) -> Result<Self> {
        let task: Option<(Uuid, Uuid)> =
            sqlx::query_as("SELECT user_id, id FROM tasks LIMIT 1").fetch_optional(&mut *connection).await?;
        let (owner, task) = task.unwrap_or_default();
        let user: Option<(Uuid, String)> =
            sqlx::query_as("SELECT id, email FROM users ORDER BY id = $1 DESC LIMIT 1")
                .bind(owner)
                .fetch_optional(&mut *connection)
                .await?;
        let (user, email) = user.unwrap_or_default();
        let product: Option<Uuid> =
            sqlx::query_scalar("SELECT id FROM products LIMIT 1").fetch_optional(&mut *connection).await?;
        let token: Option<(Uuid, Vec<u8>)> =
            sqlx::query_as("SELECT session_id, token_hash FROM refresh_tokens LIMIT 1")
                .fetch_optional(connection)
                .await?;
        let (session, token) = token.unwrap_or_default();
        Ok(Self { user, email, task, product: product.unwrap_or_default(), session, token })
    }

    fn literal(&self, arg: Arg) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let bytes = |bytes: &[u8]| {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("'\\x{hex}'")
        };
        match arg {
            Arg::User => quoted(&self.user.to_string()),
            Arg::Email => quoted(&self.email),
            Arg::Task => quoted(&self.task.to_string()),
            Arg::Product => quoted(&self.product.to_string()),
            Arg::Session => quoted(&self.session.to_string()),
            Arg::Token => bytes(&self.token),
            Arg::Id => quoted(&Uuid::max().to_string()),
            Arg::Bytes => bytes(b"bytes"),
            Arg::Int(number) => number.to_string(),
            Arg::Bool(yes) => yes.to_string(),
            Arg::Text(text) => quoted(text),
            Arg::NoText | Arg::NoId => "NULL".to_owned(),
        }
    }
}

impl Arg {
    /// PostgreSQL's name of the type.
    fn kind(&self) -> &'static str {
        match self {
            Self::User | Self::Task | Self::Product | Self::Session | Self::Id | Self::NoId => "uuid",
            Self::Email | Self::Text(_) | Self::NoText => "text",
            Self::Token | Self::Bytes => "bytea",
            Self::Int(_) => "bigint",
            Self::Bool(_) => "boolean",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_steps_that_read_all_pages_of_a_table_count_as_scans() {
        let steps = [
            "Nested Loop  (cost=0.6..9 rows=1 width=9)",
            "  ->  Seq Scan on tasks  (cost=0..9 rows=9 width=9)",
            "  ->  Parallel Seq Scan on users u  (cost=0..9 rows=9 width=9)",
            "  ->  Index Scan using products_pkey on products",
        ];
        assert_eq!(scans(&steps.map(str::to_owned)), ["tasks", "users"]);
    }

    #[test]
    fn what_sqlite_made_for_the_question_is_no_table_that_it_walks() {
        let steps = [
            "MATERIALIZE due",
            "SEARCH outbox USING INDEX outbox_due (due_at_us<?)",
            "SCAN due",
            "SCAN CONSTANT ROW",
            "SCAN 2 CONSTANT ROWS",
            "SCAN products USING INDEX products_created",
            "SCAN t",
        ]
        .map(str::to_owned);
        assert_eq!(walked(&steps, false), ["products", "t"]);
        assert_eq!(walked(&steps, true), ["t"]);
    }
}
