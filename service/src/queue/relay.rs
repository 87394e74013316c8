//! From the outbox of one database to the queue.

use std::sync::Arc;
use std::time::Duration;

use super::Ends;
use super::broker::Publisher;
use crate::app::App;
use crate::clock;
use crate::store::{Db, Timestamp, outbox};

/// What carries jobs to workers.
#[derive(Clone)]
pub enum Carrier {
    /// The table of jobs.
    Table,
    /// RabbitMQ.
    Broker(Arc<Publisher>),
}

/// Entries handed over at once.
const BATCH: i64 = 100;
/// Entries are one process's for so long; it is more than a broker is waited for.
const TAKEN_US: i64 = 30_000_000;
/// The longest wait between attempts at a queue that does not take anything.
const LONGEST: Duration = Duration::from_secs(5);

/// Hands over what is due until the end.
pub async fn run(app: Arc<App>, db: Db, carrier: Carrier, ends: Ends) {
    let poll = Duration::from_millis(app.config.queue.poll_ms);
    let mut failures = 0u32;
    while !ends.stop.is_cancelled() {
        let rung = app.queue.outbox.notified();
        let wait = match hand_over(&app, &db, &carrier).await {
            Ok(BATCH_USIZE) => continue,
            Ok(_) => {
                if failures > 0 {
                    tracing::info!("the queue takes jobs again");
                }
                failures = 0;
                poll
            }
            Err(error) => {
                failures += 1;
                // Once per outage is enough: the lag shows how long it lasts.
                if failures == 1 {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "jobs wait in the outbox: the queue does not take them"
                    );
                }
                super::backoff::wait(failures, poll, LONGEST.max(poll), clock::random_between(0.5..=1.0))
            }
        };
        tokio::select! {
            () = ends.stop.cancelled() => {}
            () = rung, if failures == 0 => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

const BATCH_USIZE: usize = BATCH as usize;

/// Hands over one batch; how many.
async fn hand_over(app: &App, db: &Db, carrier: &Carrier) -> anyhow::Result<usize> {
    let now = Timestamp(clock::now_us());
    match carrier {
        Carrier::Table => {
            let handed = outbox::hand_to_table(&app.store, db, now, BATCH).await?;
            if handed > 0 {
                app.queue.table.notify_waiters();
            }
            Ok(handed)
        }
        Carrier::Broker(publisher) => {
            let until = Timestamp(now.0 + TAKEN_US);
            let entries = outbox::take(&app.store, db, now, until, BATCH).await?;
            if entries.is_empty() {
                return Ok(0);
            }
            if let Err(error) = publisher.publish(&entries).await {
                outbox::give_back(&app.store, db, &entries).await?;
                return Err(error);
            }
            // Published and not struck out, they are published again: workers know them then.
            outbox::handed(&app.store, db, &entries, now).await?;
            Ok(entries.len())
        }
    }
}
