//! What users did, as their clients tell: written in batches, counted by the roll-up, then forgotten.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::named::{Arg, Named};
use super::{Op, Place, Result, Store, StoreError, Timestamp, by_kind, in_tx, rw, rw_typed};

/// What a user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Looked at a product.
    ProductView,
    /// Searched.
    Search,
    /// Marked a product as a favourite.
    Favorite,
    /// Stayed on a page.
    TimeOnPage,
    /// Bought.
    Conversion,
}

impl EventKind {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProductView => "product_view",
            Self::Search => "search",
            Self::Favorite => "favorite",
            Self::TimeOnPage => "time_on_page",
            Self::Conversion => "conversion",
        }
    }
}

/// An event of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Identity: an event that is sent again is there once.
    pub id: Uuid,
    /// What.
    pub kind: EventKind,
    /// Which product.
    pub product_id: Option<Uuid>,
    /// What was searched for.
    pub query: Option<String>,
    /// For how long.
    pub duration_ms: Option<i64>,
    /// For how much.
    pub value_cents: Option<i64>,
    /// When.
    pub occurred_at: Timestamp,
}

const INSERT: &str =
    "INSERT INTO events (id, user_id, kind, product_id, query, duration_ms, value_cents, occurred_at_us) ";
const ONCE: &str = " ON CONFLICT (id) DO NOTHING";

/// Stores the events of `user`, in one statement. Those that are there already stay as they are. Returns how many were new.
///
/// # Errors
/// When the database does not answer.
pub async fn insert(store: &Store, user: Uuid, events: &[Event]) -> Result<u64> {
    macro_rules! insert_as {
        ($kind:ty, $executor:expr) => {{
            let mut sql = sqlx::QueryBuilder::<$kind>::new(INSERT);
            sql.push_values(events, |mut row, event| {
                row.push_bind(event.id)
                    .push_bind(user)
                    .push_bind(event.kind.as_str())
                    .push_bind(event.product_id)
                    .push_bind(event.query.as_deref())
                    .push_bind(event.duration_ms)
                    .push_bind(event.value_cents)
                    .push_bind(event.occurred_at);
            });
            sql.push(ONCE);
            sql.build().execute($executor).await?.rows_affected()
        }};
    }
    store
        .timed(Op::EventInsert, async { Ok(rw_typed!(uncounted(store), p, Kind => insert_as!(Kind, p))) })
        .await
}

/// Where events are until they are counted. Nobody reads them before: whoever reads products from a replica does not wait
/// until it has the newest events, too.
fn uncounted(store: &Store) -> Place<'_> {
    store.catalog().fresh()
}

macro_rules! mark {
    ($lock:literal) => {
        concat!(
            "WITH fresh AS MATERIALIZED (SELECT id AS fresh_id FROM events WHERE rolled_up_us IS NULL LIMIT $2",
            $lock,
            ") UPDATE events SET rolled_up_us = $1 WHERE id IN (SELECT fresh_id FROM fresh)"
        )
    };
}

const USERS: &str = "INSERT INTO event_users (day, kind, user_id, events) \
                     SELECT occurred_at_us / 86400000000, kind, user_id, COUNT(*) FROM events \
                     WHERE rolled_up_us = $1 GROUP BY 1, 2, 3 \
                     ON CONFLICT (day, kind, user_id) DO UPDATE SET events = event_users.events + excluded.events";
const TERMS: &str = "INSERT INTO search_terms (day, term, searches) \
                     SELECT occurred_at_us / 86400000000, LOWER(TRIM(query)), COUNT(*) FROM events \
                     WHERE rolled_up_us = $1 AND kind = 'search' AND query IS NOT NULL GROUP BY 1, 2 \
                     ON CONFLICT (day, term) DO UPDATE SET searches = search_terms.searches + excluded.searches";

/// Counts at most `most` events that were not counted yet: by day, kind and user, and by day and search term. An event
/// is counted in the transaction that marks it, so exactly once. `turn` must be new: it names what this call marks.
/// Returns how many were counted.
///
/// # Errors
/// When the database does not answer.
pub async fn roll_up(store: &Store, turn: Timestamp, most: i64) -> Result<u64> {
    let db = store.catalog();
    let mark = by_kind!(db, mark!(""), mark!(" FOR UPDATE SKIP LOCKED"));
    store
        .timed(Op::EventRollUp, async {
            Ok::<_, StoreError>(in_tx!(db, tx => {
                let marked = sqlx::query(mark).bind(turn).bind(most).execute(&mut *tx).await?.rows_affected();
                if marked > 0 {
                    sqlx::query(USERS).bind(turn).execute(&mut *tx).await?;
                    sqlx::query(TERMS).bind(turn).execute(&mut *tx).await?;
                }
                marked
            }))
        })
        .await
}

const FORGET: &str =
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE rolled_up_us < $1 LIMIT $2)";

/// Forgets events that were counted before `before`, at most `most` at once. Returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_counted(store: &Store, before: Timestamp, most: i64) -> Result<u64> {
    store
        .timed(Op::EventForget, async {
            Ok(rw!(uncounted(store), p => sqlx::query(FORGET).bind(before).bind(most).execute(p).await?.rows_affected()))
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Id, Int, NoId, NoText, Text, User};
    let mut insert = sqlx::QueryBuilder::<sqlx::Postgres>::new(INSERT);
    insert.push("VALUES ($1, $2, $3, $4, $5, $6, $7, $8)").push(ONCE);
    vec![
        Named::hot(
            "events: insert",
            insert,
            &[Id, User, Text("search"), NoId, NoText, Int(1), Int(1), Int(1)],
        ),
        Named::hot("events: mark what is counted next", mark!(""), &[Int(1), Int(100)])
            .on_postgres(mark!(" FOR UPDATE SKIP LOCKED")),
        Named::hot("events: count by user", USERS, &[Int(1)]),
        Named::hot("events: count by search term", TERMS, &[Int(1)]),
        Named::hot("events: forget the counted", FORGET, &[Int(1), Int(100)]),
    ]
}
