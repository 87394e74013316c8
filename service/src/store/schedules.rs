//! Work that comes round by the clock: one process at a time has each piece of it on lease.

use uuid::Uuid;

use super::named::{Arg, Named};
use super::{Db, Op, Result, Store, StoreError, Timestamp, in_tx, rw};

// Most looks find nothing due: they only read.
const DUE: &str =
    "SELECT due_at_us FROM schedules WHERE name = $1 AND (due_at_us > $2 OR leased_until_us > $2)";
const FIRST: &str = "INSERT INTO schedules (name, due_at_us, leased_until_us, holder) VALUES ($1, 0, 0, $2) \
                     ON CONFLICT (name) DO NOTHING";
const TAKE: &str = "UPDATE schedules SET leased_until_us = $3, holder = $2 \
                    WHERE name = $1 AND due_at_us <= $4 AND leased_until_us <= $4";

/// Takes the work `name` for `holder` until `lease`, if it is due and nobody is at it. Work that was never done is due.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(
    store: &Store,
    db: &Db,
    name: &str,
    holder: Uuid,
    now: Timestamp,
    lease: Timestamp,
) -> Result<bool> {
    store
        .timed(Op::ScheduleClaim, async {
            let later: Option<(i64,)> =
                rw!(db, p => sqlx::query_as(DUE).bind(name).bind(now).fetch_optional(p).await?);
            if later.is_some() {
                return Ok(false);
            }
            Ok::<_, StoreError>(in_tx!(db, tx => {
                sqlx::query(FIRST).bind(name).bind(holder).execute(&mut *tx).await?;
                sqlx::query(TAKE).bind(name).bind(holder).bind(lease).bind(now).execute(&mut *tx).await?
                    .rows_affected() > 0
            }))
        })
        .await
}

const DONE: &str = "UPDATE schedules SET due_at_us = $3, leased_until_us = 0 WHERE name = $1 AND holder = $2";

/// Ends a turn: the next is due at `due`. Nothing happens when `holder` has lost its lease to another.
///
/// # Errors
/// When the database does not answer.
pub async fn done(store: &Store, db: &Db, name: &str, holder: Uuid, due: Timestamp) -> Result<()> {
    store
        .timed(Op::ScheduleClaim, async {
            rw!(db, p => sqlx::query(DONE).bind(name).bind(holder).bind(due).execute(p).await?.rows_affected());
            Ok(())
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Id, Int, Text};
    vec![
        Named::hot("schedules: is it due", DUE, &[Text("clean"), Int(1)]),
        Named::hot("schedules: write down", FIRST, &[Text("clean"), Id]),
        Named::hot("schedules: take", TAKE, &[Text("clean"), Id, Int(2), Int(1)]),
        Named::hot("schedules: done", DONE, &[Text("clean"), Id, Int(2)]),
    ]
}
