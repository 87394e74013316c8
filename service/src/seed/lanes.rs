//! Batches on their way into the store, a few at a time, while the next one is being made up.

use std::sync::Arc;

use indicatif::ProgressBar;
use tokio::task::JoinSet;

use crate::app::App;
use crate::store::StoreError;
use crate::store::bulk::{self, Batch};

/// The batches that are being stored.
pub struct Lanes {
    app: Arc<App>,
    hash: Arc<str>,
    most: usize,
    bar: ProgressBar,
    busy: JoinSet<anyhow::Result<u32>>,
}

impl Lanes {
    /// None yet; every account will have `hash` for its password's, and `bar` moves on as batches are stored.
    pub fn new(app: &Arc<App>, hash: String, bar: ProgressBar) -> Self {
        let most = bulk::lanes(&app.store);
        Self { app: Arc::clone(app), hash: hash.into(), most, bar, busy: JoinSet::new() }
    }

    /// Begins to store a batch that counts as `rows`; waits for another to end where there are enough.
    ///
    /// # Errors
    /// When one of the batches so far could not be stored.
    pub async fn store(&mut self, batch: Batch, rows: u32) -> anyhow::Result<()> {
        while self.busy.len() >= self.most {
            self.one().await?;
        }
        let (app, hash) = (Arc::clone(&self.app), Arc::clone(&self.hash));
        self.busy.spawn(async move {
            store(&app, &batch, &hash).await?;
            Ok(rows)
        });
        Ok(())
    }

    /// Waits until all batches are stored.
    ///
    /// # Errors
    /// When one of them could not be stored.
    pub async fn finish(&mut self) -> anyhow::Result<()> {
        while !self.busy.is_empty() {
            self.one().await?;
        }
        Ok(())
    }

    async fn one(&mut self) -> anyhow::Result<()> {
        if let Some(stored) = self.busy.join_next().await {
            self.bar.inc(stored??.into());
        }
        Ok(())
    }
}

/// Stores one batch.
///
/// # Errors
/// When some of it is there already, or the database does not answer.
pub async fn store(app: &App, batch: &Batch, hash: &str) -> anyhow::Result<()> {
    bulk::insert(&app.store, batch, hash).await.map_err(|error| match error {
        StoreError::Taken => {
            anyhow::anyhow!("some of this data is there already; --reset removes everything first")
        }
        other => other.into(),
    })
}
