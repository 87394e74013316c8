//! One large load: a transaction in each database, side by side, fed by batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Postgres, Sqlite, SqlitePool, Transaction};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Batch, apart, aside, copy, rows};
use crate::store::place::Rows;
use crate::store::postgres::Cluster;
use crate::store::{Db, Result, Store, StoreError};

/// Batches that wait for a database; more would only take memory.
const WAITING: usize = 2;

/// A load under way. Dropped, it leaves nothing behind.
pub struct Load<'a> {
    store: &'a Store,
    lanes: Vec<Lane>,
    stored: Arc<AtomicU64>,
}

struct Lane {
    batches: mpsc::Sender<Batch>,
    loading: JoinHandle<Result<Loaded>>,
}

/// Everything is in the database, and nobody sees it yet.
enum Loaded {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl<'a> Load<'a> {
    /// Begins; all users will have the same password hash.
    pub fn begin(store: &'a Store, password_hash: &str) -> Self {
        let (stored, hash) = (Arc::<AtomicU64>::default(), Arc::<str>::from(password_hash));
        let lane = |db: &Db| {
            let (batches, coming) = mpsc::channel(WAITING);
            let (stored, hash) = (Arc::clone(&stored), Arc::clone(&hash));
            let loading = match db.clone() {
                Db::Sqlite { rw, .. } => tokio::spawn(into_sqlite(rw, coming, hash, stored)),
                Db::Postgres(cluster) => tokio::spawn(into_postgres(cluster, coming, hash, stored)),
            };
            Lane { batches, loading }
        };
        let lanes = store.databases().map(lane).collect();
        Self { store, lanes, stored }
    }

    /// Rows that are in a database, counted on as they come.
    pub fn stored(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.stored)
    }

    /// Hands a batch to the databases that it belongs to; waits where one has enough to do.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when some of what was handed over so far is there already.
    pub async fn add(&mut self, batch: Batch) -> Result<()> {
        for (at, part) in apart::divide(self.store.sharding(), batch).into_iter().enumerate() {
            if self.lanes[at].batches.send(part).await.is_err() {
                // It ended before its time: with an error.
                return ended(self.lanes.swap_remove(at).loading).await.map(drop);
            }
        }
        Ok(())
    }

    /// Makes the indexes and shows everything to everybody.
    ///
    /// # Errors
    /// As [`Self::add`]; then nobody ever sees anything of it.
    pub async fn finish(self) -> Result<()> {
        let (senders, loading): (Vec<_>, Vec<_>) =
            self.lanes.into_iter().map(|lane| (lane.batches, lane.loading)).unzip();
        drop(senders);
        let mut loaded = Vec::new();
        for lane in loading {
            loaded.push(ended(lane).await?);
        }
        for transaction in loaded {
            match transaction {
                Loaded::Sqlite(tx) => tx.commit().await?,
                Loaded::Postgres(tx) => tx.commit().await?,
            }
        }
        Ok(())
    }
}

async fn ended(lane: JoinHandle<Result<Loaded>>) -> Result<Loaded> {
    // It was not aborted: it panicked.
    lane.await.map_err(|_| StoreError::Failed(sqlx::Error::WorkerCrashed))?
}

/// Batches as they come, each prepared while the one before it is stored.
struct Prepared<T> {
    coming: mpsc::Receiver<Batch>,
    prepare: Arc<dyn Fn(&Batch) -> T + Send + Sync>,
    ready: Option<JoinHandle<(T, u64)>>,
}

impl<T: Send + 'static> Prepared<T> {
    fn new(coming: mpsc::Receiver<Batch>, prepare: impl Fn(&Batch) -> T + Send + Sync + 'static) -> Self {
        Self { coming, prepare: Arc::new(prepare), ready: None }
    }

    /// The next one, with how many rows it has; `None` after the last.
    async fn next(&mut self) -> Result<Option<(T, u64)>> {
        loop {
            let coming = self.coming.recv().await.map(|batch| {
                let prepare = Arc::clone(&self.prepare);
                spawn_blocking(move || (prepare(&batch), batch.rows()))
            });
            let last = coming.is_none();
            match std::mem::replace(&mut self.ready, coming) {
                Some(ready) => {
                    let ready = ready.await;
                    return ready.map(Some).map_err(|_| StoreError::Failed(sqlx::Error::WorkerCrashed));
                }
                None if last => return Ok(None),
                None => {}
            }
        }
    }
}

async fn into_sqlite(
    pool: SqlitePool,
    batches: mpsc::Receiver<Batch>,
    hash: Arc<str>,
    stored: Arc<AtomicU64>,
) -> Result<Loaded> {
    let mut batches = Prepared::new(batches, move |batch| rows::statements(batch, &hash));
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let aside = aside::sqlite(&mut tx).await?;
    while let Some((statements, count)) = batches.next().await? {
        rows::run(&mut tx, statements).await?;
        stored.fetch_add(count, Ordering::Relaxed);
    }
    aside.back_to_sqlite(&mut tx).await?;
    Ok(Loaded::Sqlite(tx))
}

async fn into_postgres(
    cluster: Arc<Cluster>,
    batches: mpsc::Receiver<Batch>,
    hash: Arc<str>,
    stored: Arc<AtomicU64>,
) -> Result<Loaded> {
    let mut batches = Prepared::new(batches, move |batch| copy::lines(batch, &hash));
    let mut tx = cluster.write(Rows::Any).begin().await?;
    let aside = aside::postgres(&mut tx).await?;
    while let Some((tables, count)) = batches.next().await? {
        copy::copy(&mut tx, tables).await?;
        stored.fetch_add(count, Ordering::Relaxed);
    }
    aside.back_to_postgres(&mut tx).await?;
    Ok(Loaded::Postgres(tx))
}
