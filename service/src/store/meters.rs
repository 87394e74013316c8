//! How long each kind of question takes.

use std::cell::Cell;
use std::future::Future;

use metrics::Histogram;
use tokio::time::Instant;

use super::Store;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace;

/// The questions asked of the store, as `db_operation_name` and `db_collection_name` show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Op {
    UserInsert,
    UserGet,
    UserUpdate,
    UserDelete,
    PreferencesGet,
    PreferencesPut,
    SessionInsert,
    SessionRotate,
    SessionRevoke,
    SessionRevoked,
    TaskList,
    TaskGet,
    TaskInsert,
    TaskUpdate,
    TaskDelete,
    TaskStats,
    ProductPage,
    ProductList,
    ProductGet,
    ProductInsert,
    ProductUpdate,
    ProductDelete,
    FavoriteList,
    FavoritePut,
    FavoriteDelete,
    SessionForget,
    IdempotencyForget,
    JobClaim,
    JobRenew,
    JobEnd,
    JobRecover,
    JobGet,
    JobDepth,
    JobForget,
    OutboxAppend,
    OutboxRelay,
    OutboxLag,
    ScheduleClaim,
    NotificationList,
    NotificationRead,
    NotificationMake,
    EventInsert,
    EventRollUp,
    EventForget,
    AnalyticsFunnel,
    AnalyticsSearches,
    SessionList,
    ApiKeyInsert,
    ApiKeyList,
    ApiKeyDelete,
    ApiKeyGet,
    ApiKeyUpdate,
    ResetInsert,
    ResetGet,
    ResetRedeem,
    ResetForget,
    UserList,
    UserRole,
    TaskBatch,
    CacheProcessDeclare,
    CacheProcessStrike,
    EmailReserve,
    EmailConfirm,
    EmailRelease,
    EmailFind,
    CoFavoriteCount,
    RecommendationList,
}

const LABELS: [(Op, &str, &str); 67] = [
    (Op::UserInsert, "insert", "users"),
    (Op::UserGet, "select", "users"),
    (Op::UserUpdate, "update", "users"),
    (Op::UserDelete, "delete", "users"),
    (Op::PreferencesGet, "select", "preferences"),
    (Op::PreferencesPut, "upsert", "preferences"),
    (Op::SessionInsert, "insert", "sessions"),
    (Op::SessionRotate, "rotate", "sessions"),
    (Op::SessionRevoke, "revoke", "sessions"),
    (Op::SessionRevoked, "list_revoked", "sessions"),
    (Op::TaskList, "list", "tasks"),
    (Op::TaskGet, "select", "tasks"),
    (Op::TaskInsert, "insert", "tasks"),
    (Op::TaskUpdate, "update", "tasks"),
    (Op::TaskDelete, "delete", "tasks"),
    (Op::TaskStats, "stats", "tasks"),
    (Op::ProductPage, "list_offset", "products"),
    (Op::ProductList, "list", "products"),
    (Op::ProductGet, "select", "products"),
    (Op::ProductInsert, "insert", "products"),
    (Op::ProductUpdate, "update", "products"),
    (Op::ProductDelete, "delete", "products"),
    (Op::FavoriteList, "list", "favorites"),
    (Op::FavoritePut, "insert", "favorites"),
    (Op::FavoriteDelete, "delete", "favorites"),
    (Op::SessionForget, "delete", "sessions"),
    (Op::IdempotencyForget, "delete", "idempotency_keys"),
    (Op::JobClaim, "claim", "jobs"),
    (Op::JobRenew, "renew", "jobs"),
    (Op::JobEnd, "end", "jobs"),
    (Op::JobRecover, "recover", "jobs"),
    (Op::JobGet, "select", "jobs"),
    (Op::JobDepth, "count", "jobs"),
    (Op::JobForget, "delete", "jobs"),
    (Op::OutboxAppend, "insert", "outbox"),
    (Op::OutboxRelay, "relay", "outbox"),
    (Op::OutboxLag, "lag", "outbox"),
    (Op::ScheduleClaim, "claim", "schedules"),
    (Op::NotificationList, "list", "notifications"),
    (Op::NotificationRead, "update", "notifications"),
    (Op::NotificationMake, "insert", "notifications"),
    (Op::EventInsert, "insert", "events"),
    (Op::EventRollUp, "roll_up", "events"),
    (Op::EventForget, "delete", "events"),
    (Op::AnalyticsFunnel, "funnel", "event_users"),
    (Op::AnalyticsSearches, "top", "search_terms"),
    (Op::SessionList, "list", "sessions"),
    (Op::ApiKeyInsert, "insert", "api_keys"),
    (Op::ApiKeyList, "list", "api_keys"),
    (Op::ApiKeyDelete, "delete", "api_keys"),
    (Op::ApiKeyGet, "select", "api_keys"),
    (Op::ApiKeyUpdate, "update", "api_keys"),
    (Op::ResetInsert, "insert", "password_resets"),
    (Op::ResetGet, "select", "password_resets"),
    (Op::ResetRedeem, "redeem", "password_resets"),
    (Op::ResetForget, "delete", "password_resets"),
    (Op::UserList, "list", "users"),
    (Op::UserRole, "set_role", "users"),
    (Op::TaskBatch, "insert_batch", "tasks"),
    (Op::CacheProcessDeclare, "declare", "cache_processes"),
    (Op::CacheProcessStrike, "delete", "cache_processes"),
    (Op::EmailReserve, "upsert", "email_directory"),
    (Op::EmailConfirm, "update", "email_directory"),
    (Op::EmailRelease, "delete", "email_directory"),
    (Op::EmailFind, "select", "email_directory"),
    (Op::CoFavoriteCount, "count", "co_favorites"),
    (Op::RecommendationList, "list", "co_favorites"),
];

/// What the server that answers is to its cluster; SQLite's file is its own primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Role {
    Primary,
    Replica,
}

const ROLES: [(Role, &str); 2] = [(Role::Primary, "primary"), (Role::Replica, "replica")];

tokio::task_local! {
    /// Who answers the question that this task is asking.
    static SERVED_BY: Cell<Role>;
}

/// Notes who answers the question that this task is asking; outside of one nobody wants to know.
pub(super) fn served_by(role: Role) {
    let _nobody_asks = SERVED_BY.try_with(|served_by| served_by.set(role));
}

/// One histogram per question and role.
pub struct Meters(Vec<[Histogram; ROLES.len()]>);

impl Meters {
    /// Makes the histograms; those of replicas only where there are any.
    pub fn new(metrics: &Metrics, replicas: bool) -> Self {
        Self(
            LABELS
                .iter()
                .map(|(_, operation, collection)| {
                    ROLES.map(|(role, name)| {
                        let (_, shown) = if replicas { (role, name) } else { ROLES[0] };
                        metrics.db_duration(operation, collection, shown)
                    })
                })
                .collect(),
        )
    }
}

impl Store {
    /// Runs one question and records how long it took, waiting for a connection included.
    pub(super) async fn timed<T>(&self, op: Op, question: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let (_, operation, collection) = LABELS[op as usize];
        let asked = async {
            let answer = question.await;
            (answer, SERVED_BY.with(Cell::get))
        };
        // Held and not entered: SQLite's thread enters what is entered here, and leaves it after its answer has been
        // read, which would count as the end.
        let span = trace::question(operation, collection);
        let (answer, role) = SERVED_BY.scope(Cell::new(Role::Primary), asked).await;
        drop(span);
        self.meters.0[op as usize][role as usize].record(started.elapsed());
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_finds_its_own_labels() {
        for (at, (op, _, _)) in LABELS.iter().enumerate() {
            assert_eq!(*op as usize, at);
        }
        for (at, (role, _)) in ROLES.iter().enumerate() {
            assert_eq!(*role as usize, at);
        }
    }
}
