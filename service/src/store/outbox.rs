//! The outbox: what has been decided and still has to be handed to the queue. An entry is written in the transaction of
//! what it follows from, so that neither is there without the other.

use uuid::Uuid;

pub use super::jobs::{NewJob, Work};
use super::named::{Arg, Named};
use super::{Db, Op, Result, Store, StoreError, Timestamp, in_tx, rw};

pub(super) const JOB: &str = "INSERT INTO jobs (id, user_id, kind, payload, state, attempts, percent, leased_until_us, \
                              created_at_us, updated_at_us) VALUES ($1, $2, $3, $4, 'waiting', 0, 0, 0, $5, $5)";
/// An entry that is there already moves to the new time.
pub(super) const PUT: &str = "INSERT INTO outbox (job_id, user_id, due_at_us, taken_until_us) VALUES ($1, $2, $3, 0) \
                              ON CONFLICT (job_id) DO UPDATE SET due_at_us = excluded.due_at_us, taken_until_us = 0";

/// Puts a job into the outbox within a transaction of any kind of database.
macro_rules! enqueue {
    ($tx:ident, $job:expr) => {{
        let job: &$crate::store::outbox::NewJob = $job;
        sqlx::query($crate::store::outbox::JOB)
            .bind(job.id)
            .bind(job.user_id)
            .bind(job.work.kind())
            .bind(job.work.payload())
            .bind(job.now)
            .execute(&mut *$tx)
            .await?;
        sqlx::query($crate::store::outbox::PUT)
            .bind(job.id)
            .bind(job.user_id)
            .bind(job.now)
            .execute(&mut *$tx)
            .await?;
    }};
}

pub(super) use enqueue;

use super::idempotency::{self, Claim};

/// Puts a job into the outbox; with a claim, at most once.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such user.
pub async fn append(store: &Store, job: &NewJob, claim: Option<&Claim<'_>>) -> Result<idempotency::Outcome> {
    store
        .timed(Op::OutboxAppend, async {
            Ok::<_, StoreError>(in_tx!(store.of(job.user_id).claiming(job.user_id, claim), tx => {
                let outcome = match claim {
                    Some(claim) => idempotency::claim!(tx, job.user_id, claim),
                    None => idempotency::Outcome::Done,
                };
                if matches!(outcome, idempotency::Outcome::Done) {
                    enqueue!(tx, job);
                }
                outcome
            }))
        })
        .await
}

/// An entry that one process hands over.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Entry {
    /// The job.
    pub job_id: Uuid,
    /// For whom.
    pub user_id: Uuid,
    /// When it was due; with the job it names the entry, because a retry is due later.
    #[sqlx(rename = "due_at_us")]
    pub due: Timestamp,
}

const QUEUED: &str =
    "UPDATE jobs SET state = 'queued', updated_at_us = $2 WHERE id = $1 AND state = 'waiting'";

macro_rules! due {
    ($lock:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (SELECT job_id AS due_id FROM outbox WHERE due_at_us <= $1 \
             ORDER BY due_at_us LIMIT $2",
            $lock,
            ") DELETE FROM outbox WHERE job_id IN (SELECT due_id FROM due) RETURNING job_id, user_id, due_at_us"
        )
    };
}

/// Hands what is due to the table of jobs, in one transaction. Returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn hand_to_table(store: &Store, db: &Db, now: Timestamp, most: i64) -> Result<usize> {
    let sql = super::by_kind!(db, due!(""), due!(" FOR UPDATE SKIP LOCKED"));
    store
        .timed(Op::OutboxRelay, async {
            Ok::<_, StoreError>(in_tx!(db, tx => {
                let due: Vec<Entry> = sqlx::query_as(sql).bind(now).bind(most).fetch_all(&mut *tx).await?;
                for entry in &due {
                    sqlx::query(QUEUED).bind(entry.job_id).bind(now).execute(&mut *tx).await?;
                }
                due.len()
            }))
        })
        .await
}

macro_rules! take {
    ($lock:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (SELECT job_id AS due_id FROM outbox \
             WHERE due_at_us <= $1 AND taken_until_us <= $1 ORDER BY due_at_us LIMIT $3",
            $lock,
            ") UPDATE outbox SET taken_until_us = $2 WHERE job_id IN (SELECT due_id FROM due) \
             RETURNING job_id, user_id, due_at_us"
        )
    };
}

/// Takes what is due for one process to hand to a broker until `until`; then others may.
///
/// # Errors
/// When the database does not answer.
pub async fn take(store: &Store, db: &Db, now: Timestamp, until: Timestamp, most: i64) -> Result<Vec<Entry>> {
    let sql = super::by_kind!(db, take!(""), take!(" FOR UPDATE SKIP LOCKED"));
    store
        .timed(Op::OutboxRelay, async {
            Ok(rw!(db, p => sqlx::query_as(sql).bind(now).bind(until).bind(most).fetch_all(p).await?))
        })
        .await
}

// A job that failed in the meantime is back with a later time, and stays.
const STRIKE: &str = "DELETE FROM outbox WHERE job_id = $1 AND due_at_us = $2";

/// Strikes out what a broker has confirmed.
///
/// # Errors
/// When the database does not answer.
pub async fn handed(store: &Store, db: &Db, entries: &[Entry], now: Timestamp) -> Result<()> {
    store
        .timed(Op::OutboxRelay, async {
            in_tx!(db, tx => {
                for entry in entries {
                    let struck = sqlx::query(STRIKE).bind(entry.job_id).bind(entry.due).execute(&mut *tx).await?;
                    if struck.rows_affected() > 0 {
                        sqlx::query(QUEUED).bind(entry.job_id).bind(now).execute(&mut *tx).await?;
                    }
                }
            });
            Ok::<_, StoreError>(())
        })
        .await
}

const GIVE_BACK: &str = "UPDATE outbox SET taken_until_us = 0 WHERE job_id = $1 AND due_at_us = $2";

/// Gives back what could not be handed over.
///
/// # Errors
/// When the database does not answer.
pub async fn give_back(store: &Store, db: &Db, entries: &[Entry]) -> Result<()> {
    store
        .timed(Op::OutboxRelay, async {
            in_tx!(db, tx => {
                for entry in entries {
                    sqlx::query(GIVE_BACK).bind(entry.job_id).bind(entry.due).execute(&mut *tx).await?;
                }
            });
            Ok::<_, StoreError>(())
        })
        .await
}

const OLDEST: &str = "SELECT due_at_us FROM outbox WHERE due_at_us <= $1 ORDER BY due_at_us LIMIT 1";

/// When the entry that has been due longest was due; `None` when nothing is due at `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn oldest_due(store: &Store, db: &Db, now: Timestamp) -> Result<Option<Timestamp>> {
    store
        .timed(Op::OutboxLag, async {
            let row: Option<(Timestamp,)> =
                rw!(db, p => sqlx::query_as(OLDEST).bind(now).fetch_optional(p).await?);
            Ok(row.map(|(due,)| due))
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Id, Int, Text, User};
    vec![
        Named::hot("outbox: write a job", JOB, &[Id, User, Text("welcome_mail"), Text("{}"), Int(1)]),
        Named::hot("outbox: put", PUT, &[Id, User, Int(1)]),
        Named::hot("outbox: hand over what is due", due!(""), &[Int(1), Int(100)])
            .on_postgres(due!(" FOR UPDATE SKIP LOCKED")),
        Named::hot("outbox: take what is due", take!(""), &[Int(1), Int(2), Int(100)])
            .on_postgres(take!(" FOR UPDATE SKIP LOCKED")),
        Named::hot("outbox: a job is queued", QUEUED, &[Id, Int(1)]),
        Named::hot("outbox: strike out", STRIKE, &[Id, Int(1)]),
        Named::hot("outbox: give back", GIVE_BACK, &[Id, Int(1)]),
        Named::hot("outbox: due longest", OLDEST, &[Int(1)]),
    ]
}
