//! Many tasks at once.

use uuid::Uuid;

use super::idempotency::{self, Claim};
use super::named::{Arg, Named};
use super::tasks::Task;
use super::{Op, Result, Store, StoreError, in_tx};

const INSERT: &str = "INSERT INTO tasks (id, user_id, title, description, status, priority, due_at_us, created_at_us, \
                      updated_at_us)";

/// Stores new tasks of `user` in one transaction, all or none; with a claim, at most once.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such user.
pub async fn insert(
    store: &Store,
    user: Uuid,
    tasks: &[Task],
    claim: Option<&Claim<'_>>,
) -> Result<idempotency::Outcome> {
    /// Statements of few different lengths, so that they stay prepared.
    const ROWS_PER_STATEMENT: usize = 50;
    store
        .timed(Op::TaskBatch, async {
            Ok::<_, StoreError>(in_tx!(store.of(user).claiming(user, claim), tx => {
                let outcome = match claim {
                    Some(claim) => idempotency::claim!(tx, user, claim),
                    None => idempotency::Outcome::Done,
                };
                if matches!(outcome, idempotency::Outcome::Done) {
                    for rows in tasks.chunks(ROWS_PER_STATEMENT) {
                        let mut insert = sqlx::query(sqlx::AssertSqlSafe(insert_rows(rows.len())));
                        for task in rows {
                            insert = insert.bind(task.id).bind(user).bind(&task.title).bind(&task.description)
                                .bind(task.status.as_str()).bind(task.priority.as_str()).bind(task.due_at)
                                .bind(task.created_at).bind(task.updated_at);
                        }
                        insert.execute(&mut *tx).await?;
                    }
                }
                outcome
            }))
        })
        .await
}

/// An `INSERT` of `rows` tasks: numbered placeholders and nothing of anybody's input.
fn insert_rows(rows: usize) -> String {
    const COLUMNS: usize = 9;
    let mut sql = INSERT.to_owned();
    for row in 0..rows {
        sql += if row == 0 { " VALUES (" } else { ", (" };
        let numbers = (row * COLUMNS + 1)..=(row * COLUMNS + COLUMNS);
        sql += &numbers.map(|number| format!("${number}")).collect::<Vec<_>>().join(", ");
        sql.push(')');
    }
    sql
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Id, Int, NoText, Text, User};
    let row = [Id, User, Text("T"), NoText, Text("todo"), Text("low"), Int(1), Int(1), Int(1)];
    vec![Named::hot("tasks: insert several", sqlx::QueryBuilder::<sqlx::Postgres>::new(insert_rows(1)), &row)]
}
