//! Background jobs: what is to be done, who is at it, and what came of it.
//!
//! Whoever runs a job holds a lease on it. The number of the attempt tells two holders apart: one whose lease ran out
//! while it was stuck changes nothing any more, because the attempt is another by then.

mod work;

use uuid::Uuid;

pub use self::work::{ExportFormat, KINDS, NewJob, Work};
use super::named::{Arg, Named};
use super::{Db, Op, Result, Store, StoreError, Timestamp, in_tx, rw};

/// One attempt at a job, on lease.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Attempt {
    /// The job.
    pub id: Uuid,
    /// For whom.
    pub user_id: Uuid,
    /// What, as JSON.
    pub payload: String,
    /// Which attempt this is, from 1.
    #[sqlx(rename = "attempts")]
    pub number: i64,
    /// When the job was made.
    #[sqlx(rename = "created_at_us")]
    pub created_at: Timestamp,
}

const CLAIM_ONE: &str = "UPDATE jobs SET state = 'running', attempts = attempts + 1, leased_until_us = $2, \
                         updated_at_us = $3 WHERE id = $1 AND user_id = $4 AND state IN ('waiting', 'queued') \
                         RETURNING id, user_id, payload, attempts, created_at_us";

macro_rules! claim_next {
    ($lock:literal) => {
        concat!(
            "WITH next AS MATERIALIZED (SELECT id AS next_id FROM jobs WHERE state = 'queued' \
             ORDER BY updated_at_us LIMIT 1",
            $lock,
            ") UPDATE jobs SET state = 'running', attempts = attempts + 1, leased_until_us = $1, updated_at_us = $2 \
             FROM next WHERE jobs.id = next_id RETURNING id, user_id, payload, attempts, created_at_us"
        )
    };
}

/// Takes the job that was queued longest, until `lease`.
///
/// # Errors
/// When the database does not answer.
pub async fn claim_next(store: &Store, db: &Db, now: Timestamp, lease: Timestamp) -> Result<Option<Attempt>> {
    let sql = super::by_kind!(db, claim_next!(""), claim_next!(" FOR UPDATE SKIP LOCKED"));
    store
        .timed(Op::JobClaim, async {
            Ok(rw!(db, p => sqlx::query_as(sql).bind(lease).bind(now).fetch_optional(p).await?))
        })
        .await
}

/// Takes the job `id` of `user`, until `lease`; `None` when it is done, dead, or somebody else's at present.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(
    store: &Store,
    user: Uuid,
    id: Uuid,
    now: Timestamp,
    lease: Timestamp,
) -> Result<Option<Attempt>> {
    store
        .timed(Op::JobClaim, async {
            Ok(rw!(store.of(user), p => sqlx::query_as(CLAIM_ONE).bind(id).bind(lease).bind(now).bind(user)
                .fetch_optional(p).await?))
        })
        .await
}

const RENEW: &str = "UPDATE jobs SET leased_until_us = $3, percent = $4 \
                     WHERE id = $1 AND attempts = $2 AND state = 'running'";

/// Keeps a job until `lease` and notes how far it is; whether it still is this attempt's.
///
/// # Errors
/// When the database does not answer.
pub async fn renew(store: &Store, attempt: &Attempt, lease: Timestamp, percent: u8) -> Result<bool> {
    store
        .timed(Op::JobRenew, async {
            let done = rw!(store.of(attempt.user_id), p => sqlx::query(RENEW).bind(attempt.id).bind(attempt.number).bind(lease)
                .bind(i64::from(percent)).execute(p).await?.rows_affected());
            Ok(done > 0)
        })
        .await
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The job is done; with a link to what came of it.
    Done(Option<String>),
    /// To be tried again when it is due.
    Again {
        /// When.
        due: Timestamp,
        /// What went wrong.
        error: String,
    },
    /// Given up.
    Dead(String),
    /// Not the job's fault: the process stops. The attempt does not count.
    Returned,
}

const END: &str = "UPDATE jobs SET state = $3, attempts = attempts - $4, result = $5, error = $6, \
                   percent = CASE WHEN $3 = 'done' THEN 100 ELSE percent END, updated_at_us = $7 \
                   WHERE id = $1 AND attempts = $2 AND state = 'running'";

/// Ends an attempt; whether it still was this attempt's to end. A job that is to be tried again is put back into the
/// outbox in the same transaction.
///
/// # Errors
/// When the database does not answer.
pub async fn end(store: &Store, attempt: &Attempt, ending: &Ending, now: Timestamp) -> Result<bool> {
    let (state, uncounted, result, error, due) = match ending {
        Ending::Done(result) => ("done", 0i64, result.as_deref(), None, None),
        Ending::Again { due, error } => ("waiting", 0, None, Some(error.as_str()), Some(*due)),
        Ending::Dead(error) => ("dead", 0, None, Some(error.as_str()), None),
        Ending::Returned => ("waiting", 1, None, None, Some(now)),
    };
    store
        .timed(Op::JobEnd, async {
            Ok::<_, StoreError>(in_tx!(store.of(attempt.user_id), tx => {
                let ended = sqlx::query(END).bind(attempt.id).bind(attempt.number).bind(state).bind(uncounted)
                    .bind(result).bind(error).bind(now).execute(&mut *tx).await?.rows_affected() > 0;
                if ended && let Some(due) = due {
                    sqlx::query(super::outbox::PUT).bind(attempt.id).bind(attempt.user_id).bind(due)
                        .execute(&mut *tx).await?;
                }
                ended
            }))
        })
        .await
}

#[derive(sqlx::FromRow)]
struct Expired {
    id: Uuid,
    user_id: Uuid,
    payload: String,
    attempts: i64,
}

macro_rules! expired {
    ($lock:literal) => {
        concat!(
            "SELECT id, user_id, payload, attempts FROM jobs WHERE state = 'running' AND leased_until_us < $1 \
             ORDER BY leased_until_us LIMIT 100",
            $lock
        )
    };
}

const RECOVER: &str = "UPDATE jobs SET state = $3, error = $4, updated_at_us = $5 \
                       WHERE id = $1 AND attempts = $2 AND state = 'running'";

/// Puts the jobs whose holder fell silent back into the outbox, or buries those that have had `most` attempts. Returns
/// the kinds of those that were put back and of those that were buried.
///
/// # Errors
/// When the database does not answer.
pub async fn recover(
    store: &Store,
    db: &Db,
    most: i64,
    now: Timestamp,
) -> Result<(Vec<Uuid>, Vec<(Uuid, String)>)> {
    const SILENT: &str = "the process that worked on it fell silent";
    let sql = super::by_kind!(db, expired!(""), expired!(" FOR UPDATE SKIP LOCKED"));
    store
        .timed(Op::JobRecover, async {
            Ok::<_, StoreError>(in_tx!(db, tx => {
                let found: Vec<Expired> = sqlx::query_as(sql).bind(now).fetch_all(&mut *tx).await?;
                let (mut back, mut buried) = (Vec::new(), Vec::new());
                for job in found {
                    let dead = job.attempts >= most;
                    sqlx::query(RECOVER).bind(job.id).bind(job.attempts).bind(if dead { "dead" } else { "waiting" })
                        .bind(SILENT).bind(now).execute(&mut *tx).await?;
                    if dead {
                        buried.push((job.id, job.payload));
                    } else {
                        sqlx::query(super::outbox::PUT).bind(job.id).bind(job.user_id).bind(now)
                            .execute(&mut *tx).await?;
                        back.push(job.id);
                    }
                }
                (back, buried)
            }))
        })
        .await
}

const REQUEUE: &str = "UPDATE jobs SET state = 'waiting', updated_at_us = $2 WHERE state = 'queued' \
                       AND updated_at_us < $1 RETURNING id, user_id";

/// Puts jobs that were queued before `before` and never begun back into the outbox: a broker lost them. Returns how
/// many.
///
/// # Errors
/// When the database does not answer.
pub async fn requeue(store: &Store, db: &Db, before: Timestamp, now: Timestamp) -> Result<usize> {
    store
        .timed(Op::JobRecover, async {
            Ok::<_, StoreError>(in_tx!(db, tx => {
                let found: Vec<(Uuid, Uuid)> =
                    sqlx::query_as(REQUEUE).bind(before).bind(now).fetch_all(&mut *tx).await?;
                for (id, user) in &found {
                    sqlx::query(super::outbox::PUT).bind(id).bind(user).bind(now).execute(&mut *tx).await?;
                }
                found.len()
            }))
        })
        .await
}

/// A job as its owner sees it, as stored.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Job {
    /// Identity.
    pub id: Uuid,
    /// What it does.
    pub kind: String,
    /// `waiting`, `queued`, `running`, `done` or `dead`.
    pub state: String,
    /// Attempts begun.
    pub attempts: i64,
    /// How far it is.
    pub percent: i64,
    /// A link to what came of it.
    pub result: Option<String>,
    /// When it was asked for.
    #[sqlx(rename = "created_at_us")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[sqlx(rename = "updated_at_us")]
    pub updated_at: Timestamp,
}

const GET: &str = "SELECT id, kind, state, attempts, percent, result, created_at_us, updated_at_us FROM jobs \
                   WHERE id = $1 AND user_id = $2";

/// The job `id` of `user`. Asked of the database that is written to: a job is asked for right after it was made.
///
/// # Errors
/// When the database does not answer.
pub async fn get(store: &Store, user: Uuid, id: Uuid) -> Result<Option<Job>> {
    store
        .timed(Op::JobGet, async {
            Ok(rw!(store.of(user), p => sqlx::query_as(GET).bind(id).bind(user).fetch_optional(p).await?))
        })
        .await
}

/// How many jobs stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Handed over and not begun.
    pub queued: i64,
    /// Given up.
    pub dead: i64,
}

const DEPTH: &str = "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'queued'), \
                     (SELECT COUNT(*) FROM jobs WHERE state = 'dead')";

/// How many jobs of one database stand where.
///
/// # Errors
/// When the database does not answer.
pub async fn depth(store: &Store, db: &Db) -> Result<Depth> {
    store
        .timed(Op::JobDepth, async {
            let (queued, dead) = rw!(db, p => sqlx::query_as(DEPTH).fetch_one(p).await?);
            Ok(Depth { queued, dead })
        })
        .await
}

const FORGET: &str = "DELETE FROM jobs WHERE state IN ('done', 'dead') AND updated_at_us < $1";

/// Forgets jobs that were done or given up before `before`. Returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_settled(store: &Store, db: &Db, before: Timestamp) -> Result<u64> {
    store
        .timed(Op::JobForget, async {
            Ok(rw!(db, p => sqlx::query(FORGET).bind(before).execute(p).await?.rows_affected()))
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Id, Int, NoText, Text, User};
    vec![
        Named::hot("jobs: claim one", CLAIM_ONE, &[Id, Int(2), Int(1), User]),
        Named::hot("jobs: claim the next", claim_next!(""), &[Int(2), Int(1)])
            .on_postgres(claim_next!(" FOR UPDATE SKIP LOCKED")),
        Named::hot("jobs: renew the lease", RENEW, &[Id, Int(1), Int(2), Int(50)]),
        Named::hot("jobs: end", END, &[Id, Int(1), Text("done"), Int(0), NoText, NoText, Int(1)]),
        Named::hot("jobs: find those gone silent", expired!(""), &[Int(1)])
            .on_postgres(expired!(" FOR UPDATE SKIP LOCKED")),
        Named::hot("jobs: recover", RECOVER, &[Id, Int(1), Text("waiting"), Text("silent"), Int(1)]),
        Named::hot("jobs: requeue", REQUEUE, &[Int(1), Int(2)]),
        Named::hot("jobs: get", GET, &[Id, User]),
        // What is counted has to be read.
        Named::cold("jobs: how many", DEPTH, &[]),
        Named::hot("jobs: forget the settled", FORGET, &[Int(1)]),
    ]
}
