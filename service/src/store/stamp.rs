//! One body, stamped once per kind of database.
//!
//! Each macro takes a [`Place`](super::Place) or a `&Db`. On PostgreSQL the body may run again: on the primary when a
//! replica went away, once more when a transaction lost against another, or in the database that the user's data have
//! moved to. It must not move out of what it uses, nor `return`, and gives the same type for each kind: the number of
//! rows of a write, not the driver's result.

/// Asks PostgreSQL by `$e` until the turn says that it is settled.
macro_rules! ask {
    ($turn:expr, $p:ident => $e:expr) => {{
        let mut turn = $turn;
        loop {
            let pool = turn.pool()?;
            let $p = &pool;
            let question = async { Ok::<_, $crate::store::StoreError>($e) };
            let outcome = $crate::store::postgres::unless_away(&pool, question).await;
            if let Some(outcome) = turn.read(outcome).await {
                break outcome?;
            }
        }
    }};
}

/// The same for a write, which has to hold the user's bucket where users are spread over several databases.
macro_rules! write {
    ($turn:expr, $p:ident => $e:expr) => {{
        let mut turn = $turn;
        loop {
            let outcome = async {
                let mut link = turn.link().await?;
                let $p = &mut *link;
                let outcome = $e;
                link.done().await?;
                Ok::<_, $crate::store::StoreError>(outcome)
            }
            .await;
            if let Some(outcome) = turn.written(outcome).await {
                break outcome?;
            }
        }
    }};
}

/// Runs `$e` with `$p` bound to what writes: SQLite's pool, a connection to PostgreSQL.
macro_rules! rw {
    ($place:expr, $p:ident => $e:expr) => {{
        let place = $crate::store::Place::from($place);
        match place.db {
            $crate::store::Db::Sqlite { rw: $p, .. } => $e,
            $crate::store::Db::Postgres(cluster) => {
                $crate::store::stamp::write!(cluster.write(place.rows).at(place.home), $p => $e)
            }
        }
    }};
}

/// Like `rw!`, with `$d` naming the database for `QueryBuilder`.
macro_rules! rw_typed {
    ($place:expr, $p:ident, $d:ident => $e:expr) => {{
        let place = $crate::store::Place::from($place);
        match place.db {
            $crate::store::Db::Sqlite { rw: $p, .. } => {
                type $d = sqlx::Sqlite;
                $e
            }
            $crate::store::Db::Postgres(cluster) => {
                type $d = sqlx::Postgres;
                $crate::store::stamp::write!(cluster.write(place.rows).at(place.home), $p => $e)
            }
        }
    }};
}

/// Runs `$e` with `$p` bound to the pool that reads.
macro_rules! ro {
    ($place:expr, $p:ident => $e:expr) => {{
        let place = $crate::store::Place::from($place);
        match place.db {
            $crate::store::Db::Sqlite { ro: $p, .. } => $e,
            $crate::store::Db::Postgres(cluster) => {
                $crate::store::stamp::ask!(cluster.read(place.rows).await.at(place.home), $p => $e)
            }
        }
    }};
}

/// Like `ro!`, with `$d` naming the database for `QueryBuilder`.
macro_rules! ro_typed {
    ($place:expr, $p:ident, $d:ident => $e:expr) => {{
        let place = $crate::store::Place::from($place);
        match place.db {
            $crate::store::Db::Sqlite { ro: $p, .. } => {
                type $d = sqlx::Sqlite;
                $e
            }
            $crate::store::Db::Postgres(cluster) => {
                type $d = sqlx::Postgres;
                $crate::store::stamp::ask!(cluster.read(place.rows).await.at(place.home), $p => $e)
            }
        }
    }};
}

/// Like `rw!`, with a transaction `$tx`. On SQLite it takes the write lock at once: a transaction that began by reading
/// could not be upgraded while another process writes. On PostgreSQL the transactions on one user's rows come one after
/// another; between those of others each statement sees what was committed before it (READ COMMITTED).
macro_rules! in_tx {
    ($place:expr, $tx:ident => $e:expr) => {{
        let place = $crate::store::Place::from($place);
        match place.db {
            $crate::store::Db::Sqlite { rw, in_flight, .. } => {
                let _held = in_flight.hold(place.claim)?;
                let mut $tx = rw.begin_with("BEGIN IMMEDIATE").await?;
                let outcome = $e;
                $tx.commit().await?;
                outcome
            }
            $crate::store::Db::Postgres(cluster) => {
                let mut turn = cluster.write(place.rows).at(place.home).claiming(place.claim);
                loop {
                    let outcome = async {
                        let mut $tx = turn.begin().await?;
                        let outcome = async { Ok::<_, $crate::store::StoreError>($e) }.await;
                        match outcome {
                            Ok(_) => $tx.commit().await?,
                            // PostgreSQL tells an error before it lets go of locks: whoever asked again at once would be told
                            // that the same is in progress.
                            Err(_) => drop($tx.rollback().await),
                        }
                        outcome
                    }
                    .await;
                    if let Some(outcome) = turn.written(outcome).await {
                        break outcome?;
                    }
                }
            }
        }
    }};
}

/// What is said differently to each kind of database.
macro_rules! by_kind {
    ($place:expr, $sqlite:expr, $postgres:expr) => {
        match $crate::store::Place::from($place).db {
            $crate::store::Db::Sqlite { .. } => $sqlite,
            $crate::store::Db::Postgres(_) => $postgres,
        }
    };
}

pub(crate) use {ask, by_kind, in_tx, ro, ro_typed, rw, rw_typed, write};
