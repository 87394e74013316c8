//! Who serves from the shared cache and who writes past it: rows by which processes that cannot meet in Redis meet all
//! the same. Always read where they are written.

use uuid::Uuid;

use super::named::{Arg, Named};
use super::{Op, Result, Store, StoreError, Timestamp, rw};

/// How one process stands to the shared cache.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Standing {
    /// Which process.
    pub id: Uuid,
    /// Whether it serves from the cache; else it writes past it.
    pub inside: bool,
    /// Until when, by the clock of the process.
    pub until_us: Timestamp,
}

const WRITE: &str = "INSERT INTO cache_processes (id, inside, until_us) VALUES ($1, $2, $3) \
                     ON CONFLICT (id) DO UPDATE SET inside = excluded.inside, until_us = excluded.until_us";
const READ: &str = "SELECT id, inside, until_us FROM cache_processes WHERE id <> $1";
const STRIKE: &str = "DELETE FROM cache_processes WHERE id = $1 AND inside = $2 AND until_us <= $3";

/// Writes down `own`, and only then reads how all others stand: of two that do so at the same time, at least one sees
/// the other.
///
/// # Errors
/// When the database does not answer.
pub async fn declare(store: &Store, own: &Standing) -> Result<Vec<Standing>> {
    store
        .timed(Op::CacheProcessDeclare, async {
            let (id, inside, until) = (own.id, own.inside, own.until_us);
            rw!(store.directory(), p => {
                sqlx::query(WRITE).bind(id).bind(inside).bind(until).execute(p).await?.rows_affected()
            });
            Ok::<_, StoreError>(
                rw!(store.directory(), p => sqlx::query_as(READ).bind(id).fetch_all(p).await?),
            )
        })
        .await
}

/// Strikes out one process, by the state it was seen in.
///
/// # Errors
/// When the database does not answer.
pub async fn strike(store: &Store, seen: &Standing) -> Result<()> {
    store
        .timed(Op::CacheProcessStrike, async {
            let (id, inside, until) = (seen.id, seen.inside, seen.until_us);
            rw!(store.directory(), p => {
                sqlx::query(STRIKE).bind(id).bind(inside).bind(until).execute(p).await?.rows_affected()
            });
            Ok::<_, StoreError>(())
        })
        .await
}

/// What is asked here, for `explain`. Every process reads the whole table, which has two rows for each.
pub(super) fn questions() -> Vec<Named> {
    vec![
        Named::cold("cache processes: declare", WRITE, &[Arg::NoId, Arg::Bool(true), Arg::Int(0)]),
        Named::cold("cache processes: all others", READ, &[Arg::NoId]),
        Named::cold("cache processes: strike out", STRIKE, &[Arg::NoId, Arg::Bool(true), Arg::Int(0)]),
    ]
}
