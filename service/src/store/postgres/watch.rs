//! The watch of one server: whether it is there, and how far a replica has come.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::Cluster;
use super::log::without_page_header;
use super::peers::{self, Look, Sight};
use super::server::{Server, plain};
use crate::clock;
use crate::store::StoreError;
use crate::store::meters::Role;

/// How often a server is asked when replicas depend on the answer, and when none do.
const OFTEN: Duration = Duration::from_millis(100);
const SELDOM: Duration = Duration::from_secs(1);
/// Between attempts to reach a server that is away: from the first to the longest, each half as long to one and a half
/// times, so that processes do not come all at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A server that takes longer to answer is slow, not away: it may be overloaded.
const LIMIT: Duration = Duration::from_secs(5);
/// Making a connection costs both sides much more than a question, on a busy machine seconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How often idle connections are asked for a sign of life.
const PING: Duration = Duration::from_secs(10);

/// The watch's own connection, what was seen by it of other processes, and when the server was started that it leads to,
/// in microseconds since the Unix epoch.
struct Link {
    connection: PgConnection,
    sight: Sight,
    started_us: i64,
}

/// Watches server number `at` of the cluster (0 is the primary) until `stop`.
pub async fn run(cluster: Arc<Cluster>, at: usize, stop: CancellationToken) {
    let _stopped = stop.run_until_cancelled(watch(&cluster, at)).await;
}

async fn watch(cluster: &Cluster, at: usize) {
    let server = cluster.server(at);
    let interval = if cluster.replicas.is_empty() { SELDOM } else { OFTEN };
    let mut link: Option<Link> = None;
    let (mut started_us, mut pause, mut pinged) = (0, FIRST_PAUSE, Instant::now());
    let mut said = String::new();
    loop {
        let Some(known) = &mut link else {
            match timeout(CONNECT_LIMIT, reach(cluster, server)).await {
                Ok(Ok(new)) => {
                    let restarted = started_us != 0 && started_us != new.started_us;
                    if !said.is_empty() || restarted {
                        tracing::info!("{} answers again", server.name);
                        said.clear();
                    }
                    server.arrived(restarted);
                    (started_us, pause) = (new.started_us, FIRST_PAUSE);
                    link = Some(new);
                    continue;
                }
                Ok(Err(error)) => {
                    let reason = plain(&error);
                    if matches!(StoreError::from(error), StoreError::Unreachable(_)) {
                        server.left();
                    }
                    out_of_rotation(server);
                    if said != reason {
                        tracing::warn!("{} cannot be reached: {reason}", server.name);
                        said = reason;
                    }
                }
                Err(_) => out_of_rotation(server),
            }
            tokio::time::sleep(pause.mul_f64(clock::random_between(0.5..=1.5))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            continue;
        };
        match timeout(LIMIT, look(cluster, server, known)).await {
            Ok(Ok(())) => {}
            // The server may be there all the same, and only this connection was ended.
            Ok(Err(_)) | Err(_) => {
                link = None;
                continue;
            }
        }
        if at == 0
            && !cluster.replicas.is_empty()
            && cluster.head.lacks_connection()
            && let Ok(Ok(connection)) = timeout(CONNECT_LIMIT, server.connect()).await
        {
            cluster.head.provide(connection).await;
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = server.suspected.notified() => pinged = pinged.checked_sub(PING).unwrap_or(pinged),
        }
        if pinged.elapsed() >= PING {
            server.ping_idle().await;
            server.open_least();
            pinged = Instant::now();
        }
    }
}

async fn reach(cluster: &Cluster, server: &Server) -> sqlx::Result<Link> {
    const SQL: &str = "SELECT (EXTRACT(EPOCH FROM pg_postmaster_start_time()) * 1000000)::bigint";
    let mut connection = server.connect().await?;
    let started_us = sqlx::query_scalar(SQL).fetch_one(&mut connection).await?;
    if server.role == Role::Primary {
        // Others who did not see this process may have written something without telling.
        cluster.positions.doubt();
    }
    Ok(Link { connection, sight: Sight::new(cluster.now_us()), started_us })
}

async fn look(cluster: &Cluster, server: &Server, link: &mut Link) -> sqlx::Result<()> {
    match server.role {
        Role::Primary => look_at_primary(cluster, link).await,
        Role::Replica => look_at_replica(cluster, server, &mut link.connection).await,
    }
}

async fn look_at_primary(cluster: &Cluster, link: &mut Link) -> sqlx::Result<()> {
    // What was flushed is what replicas can have. What was inserted is behind every commit, flushed or not.
    const SQL: &str = "WITH others AS (SELECT starts_with(application_name, $3) AS tells FROM pg_stat_activity \
                       WHERE datname = current_database() \
                       AND starts_with(application_name, $1) AND application_name <> $2) \
                       SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint, \
                       (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint, \
                       (SELECT COUNT(*) FROM others), (SELECT COUNT(*) FROM others WHERE NOT tells)";
    let (asked_us, doubts) = (cluster.now_us(), cluster.positions.doubts());
    let looked = sqlx::query_as(SQL).bind(peers::NAME).bind(&cluster.peers.name).bind(peers::TELLS);
    let (flushed, inserted, others, silent): (i64, i64, i64, i64) =
        looked.fetch_one(&mut link.connection).await?;
    let answered_us = cluster.now_us();
    cluster.history.note(asked_us, without_page_header(flushed));
    if link.sight.is_known(asked_us) {
        cluster.positions.settle(doubts, cluster.mark(without_page_header(inserted)));
    }
    let look = Look { asked_us, answered_us, others, silent };
    cluster.peers.seen(&mut link.sight, &look, &cluster.positions);
    Ok(())
}

async fn look_at_replica(
    cluster: &Cluster,
    server: &Server,
    connection: &mut PgConnection,
) -> sqlx::Result<()> {
    const SQL: &str =
        "SELECT COALESCE((pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint, 0), pg_is_in_recovery()";
    let (replayed, is_replica): (i64, bool) = sqlx::query_as(SQL).fetch_one(connection).await?;
    let replayed = u64::try_from(replayed).unwrap_or(0);
    let (now_us, standing) = (cluster.now_us(), &server.standing);
    let (mut fresh_us, newest) = cluster.history.shown_at(replayed);
    if newest && cluster.primary.pool().is_none() {
        // Nothing can be committed while the primary is away.
        fresh_us = now_us;
    }
    standing.replayed.store(replayed, Ordering::Release);
    standing.fresh_us.store(fresh_us, Ordering::Release);
    let lag_us = now_us.saturating_sub(fresh_us);
    let was_in = standing.in_rotation.load(Ordering::Acquire);
    // It returns only when it is well within the bound, so that it does not come and go.
    let bound_us = if was_in { cluster.max_lag_us } else { cluster.max_lag_us / 2 };
    let is_in = is_replica && lag_us <= bound_us.max(2 * OFTEN.as_micros() as u64);
    standing.in_rotation.store(is_in, Ordering::Release);
    match (was_in, is_in) {
        (false, true) => tracing::info!("{} is read from", server.name),
        (true, false) if !is_replica => {
            tracing::warn!("{} is not read from any more: it follows no primary", server.name);
        }
        (true, false) => tracing::warn!(
            "{} is not read from any more: it is {:.1} s behind",
            server.name,
            lag_us as f64 / 1e6
        ),
        _ => {}
    }
    Ok(())
}

fn out_of_rotation(server: &Server) {
    if server.standing.in_rotation.swap(false, Ordering::AcqRel) {
        tracing::warn!("{} is not read from any more", server.name);
    }
}
