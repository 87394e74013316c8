//! The table of jobs as the queue: each free worker takes the job that was queued longest.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{Ends, worker};
use crate::app::App;
use crate::store::{Db, jobs};

/// The wait after the database did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Gives the jobs of one database to workers until the end; `turns` are shared with the other databases.
pub async fn dispatch(app: Arc<App>, db: Db, turns: Arc<Semaphore>, ends: Ends, running: TaskTracker) {
    let poll = Duration::from_millis(app.config.queue.poll_ms);
    loop {
        let turn = tokio::select! {
            () = ends.stop.cancelled() => return,
            turn = Arc::clone(&turns).acquire_owned() => turn,
        };
        // The semaphore is never closed.
        let Ok(turn) = turn else { return };
        let rung = app.queue.table.notified();
        let (now, lease) = worker::lease(&app.config.queue);
        let wait = match jobs::claim_next(&app.store, &db, now, lease).await {
            Ok(Some(attempt)) => {
                let work = worker::perform(Arc::clone(&app), attempt, ends.cut.clone());
                running.spawn(async move {
                    work.await;
                    drop(turn);
                });
                continue;
            }
            Ok(None) => poll,
            Err(error) => {
                tracing::warn!(%error, "jobs wait: the database does not answer");
                PAUSE
            }
        };
        drop(turn);
        tokio::select! {
            () = ends.stop.cancelled() => return,
            () = rung => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
