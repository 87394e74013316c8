//! Looks after jobs that nobody looks after: those whose worker fell silent, and those that a broker lost. Keeps the
//! gauges.

use std::sync::Arc;
use std::time::Duration;

use super::Ends;
use super::jobs;
use super::relay::Carrier;
use crate::app::App;
use crate::clock;
use crate::store::{self, Timestamp, outbox};

const EVERY: Duration = Duration::from_secs(1);
/// A job that was queued for so long while its broker has nothing in its queue is not coming.
const LOST_US: i64 = 60_000_000;

/// Watches until the end.
pub async fn run(app: Arc<App>, carrier: Carrier, ends: Ends) {
    let mut failing = false;
    while ends.sleep(EVERY).await {
        match look(&app, &carrier).await {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::warn!(error = format!("{error:#}"), "nobody watches over jobs for now");
                }
                failing = true;
            }
        }
    }
}

async fn look(app: &App, carrier: &Carrier) -> anyhow::Result<()> {
    let now = Timestamp(clock::now_us());
    let most = i64::from(app.config.queue.attempts);
    let (mut lag_us, mut queued, mut dead) = (0, 0, 0);
    for db in app.store.databases() {
        let (back, buried) = store::jobs::recover(&app.store, db, most, now).await?;
        if !back.is_empty() {
            tracing::warn!(jobs = back.len(), "jobs of a worker that fell silent are handed out again");
            app.queue.ring();
        }
        for (id, payload) in buried {
            let kind = jobs::kind(&payload);
            app.metrics.jobs(kind, "dead").increment(1);
            tracing::error!(job = %id, kind, attempt = most, "a job was given up: each of its workers fell silent");
        }
        if let Some(due) = outbox::oldest_due(&app.store, db, now).await? {
            lag_us = lag_us.max(now.0 - due.0);
        }
        let depth = store::jobs::depth(&app.store, db).await?;
        queued += depth.queued;
        dead += depth.dead;
    }
    app.queue.lag.set(lag_us as f64 / 1e6);
    app.queue.dead.set(dead as f64);
    match carrier {
        Carrier::Table => app.queue.depth.set(queued as f64),
        Carrier::Broker(publisher) => {
            let waiting = publisher.depth().await?;
            app.queue.depth.set(f64::from(waiting));
            if waiting == 0 && queued > 0 {
                recall(app, now).await?;
            }
        }
    }
    Ok(())
}

async fn recall(app: &App, now: Timestamp) -> anyhow::Result<()> {
    let before = Timestamp(now.0 - LOST_US);
    for db in app.store.databases() {
        let recalled = store::jobs::requeue(&app.store, db, before, now).await?;
        if recalled > 0 {
            tracing::warn!(jobs = recalled, "jobs that the broker lost are handed to it again");
        }
    }
    Ok(())
}
