//! Work that comes round by the clock. One process at a time does each chore, whichever looks first when it is due; one
//! that dies at it is replaced when its lease is over. A chore may be broken off and begun again anywhere.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use uuid::Uuid;

use super::Ends;
use crate::app::App;
use crate::cache::Scope;
use crate::clock;
use crate::config::QueueConfig;
use crate::store::co_favorites::{self, Step};
use crate::store::{
    Timestamp, events, idempotency, jobs, notifications, password_resets, schedules, sessions,
};

/// A chore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Forgets what has expired.
    Cleanup,
    /// Reminds of tasks that are due.
    Reminders,
    /// Counts events.
    RollUp,
    /// Counts which products users marked together.
    Recommendations,
}

const ALL: [Chore; 4] = [Chore::Cleanup, Chore::Reminders, Chore::RollUp, Chore::Recommendations];
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(120);
/// Rows that one transaction touches, so that others get their turn at a database with one writer.
const BATCH: i64 = 1000;
const DAY_US: i64 = 24 * 3600 * 1_000_000;
/// Whether favourites have to be counted is not looked into for longer than this.
const LOOKING: Duration = Duration::from_secs(20);
/// Counting favourites is gone on with at the next turn after this. With [`LOOKING`] it is less than a turn may take.
const COUNTING: Duration = Duration::from_secs(60);
/// Users are reminded so long before a task is due.
const AHEAD_US: i64 = DAY_US;
/// Events are kept so long after they were counted.
const KEEP_EVENTS_US: i64 = 7 * DAY_US;

impl Chore {
    fn name(self) -> &'static str {
        match self {
            Self::Cleanup => "cleanup",
            Self::Reminders => "reminders",
            Self::RollUp => "roll_up",
            Self::Recommendations => "recommendations",
        }
    }

    fn every(self, config: &QueueConfig) -> Duration {
        match self {
            Self::Cleanup => Duration::from_secs(600),
            Self::Reminders => Duration::from_secs(60),
            Self::RollUp => Duration::from_secs(10),
            Self::Recommendations => Duration::from_secs(config.recommend_every_s),
        }
    }
}

/// Does chores as they come due, until the end; none waits for another.
pub async fn run(app: Arc<App>, ends: Ends) {
    let holder = clock::new_id();
    join_all(ALL.map(|chore| keep_up(&app, chore, holder, &ends))).await;
}

async fn keep_up(app: &App, chore: Chore, holder: Uuid, ends: &Ends) {
    while ends.sleep(LOOK_EVERY).await {
        let turn = tokio::select! {
            () = ends.cut.cancelled() => return,
            turn = turn(app, chore, holder) => turn,
        };
        match turn {
            Ok(true) => app.metrics.jobs(chore.name(), "done").increment(1),
            Ok(false) => {}
            Err(error) => {
                app.metrics.jobs(chore.name(), "failed").increment(1);
                tracing::warn!(
                    chore = chore.name(),
                    error = format!("{error:#}"),
                    "a chore is left for later"
                );
            }
        }
    }
}

/// Does a chore if it is due; whether it was.
async fn turn(app: &App, chore: Chore, holder: Uuid) -> anyhow::Result<bool> {
    let (db, name) = (app.store.directory().database(), chore.name());
    let in_us = |time: Duration| clock::now_us() + i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 2);
    let now = Timestamp(clock::now_us());
    if !schedules::claim(&app.store, db, name, holder, now, Timestamp(in_us(LEASE))).await? {
        return Ok(false);
    }
    // Less than the lease, so that two never are at it.
    let done = tokio::time::timeout(LEASE * 3 / 4, work(app, chore)).await;
    schedules::done(&app.store, db, name, holder, Timestamp(in_us(chore.every(&app.config.queue)))).await?;
    done??;
    Ok(true)
}

/// Does a chore now.
///
/// # Errors
/// When the database or the folder of files does not answer.
pub async fn work(app: &App, chore: Chore) -> anyhow::Result<()> {
    match chore {
        Chore::Cleanup => cleanup(app).await,
        Chore::Reminders => remind(app).await,
        Chore::RollUp => roll_up(app).await,
        Chore::Recommendations => recommend(app).await,
    }
}

async fn cleanup(app: &App) -> anyhow::Result<()> {
    let now = Timestamp(clock::now_us());
    sessions::forget_expired(&app.store, now).await?;
    idempotency::forget_old(&app.store, now).await?;
    password_resets::forget_expired(&app.store, now).await?;
    let settled = Timestamp(now.0 - i64::from(app.config.queue.keep_days) * DAY_US);
    for db in app.store.databases() {
        jobs::forget_settled(&app.store, db, settled).await?;
    }
    while events::forget_counted(&app.store, Timestamp(now.0 - KEEP_EVENTS_US), BATCH).await? > 0 {}
    let age = Duration::from_secs(u64::from(app.config.files.keep_exports_days) * 24 * 3600);
    app.files.forget(super::jobs::export::KIND, age, now.0).await?;
    Ok(())
}

async fn remind(app: &App) -> anyhow::Result<()> {
    let now = Timestamp(clock::now_us());
    let until = Timestamp(now.0 + AHEAD_US);
    for db in app.store.databases() {
        while notifications::remind(&app.store, db, now, until, BATCH, clock::new_id).await? > 0 {}
    }
    Ok(())
}

async fn roll_up(app: &App) -> anyhow::Result<()> {
    // Each turn has a time of its own: it names what is counted in it.
    while events::roll_up(&app.store, Timestamp(clock::now_us()), BATCH).await? > 0 {
        tokio::time::sleep(Duration::from_micros(2)).await;
    }
    Ok(())
}

async fn recommend(app: &App) -> anyhow::Result<()> {
    if !co_favorites::are_outdated(&app.store, LOOKING).await? {
        return Ok(());
    }
    let begun = Instant::now();
    while begun.elapsed() < COUNTING {
        let step = Instant::now();
        if let Step::Whole { changed } = co_favorites::step(&app.store).await? {
            if changed {
                app.cache.invalidate(&[Scope::Products]).await;
            }
            // Only now: what is cached must not stay when this fails.
            return Ok(co_favorites::forget(&app.store).await?);
        }
        // Nobody waits for this: three quarters of the time are left to requests.
        tokio::time::sleep(step.elapsed() * 3).await;
    }
    Ok(())
}
