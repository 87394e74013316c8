//! Background work: from the decision to its effect, at least once, and once in effect.
//!
//! ```text
//! business transaction ─► jobs + outbox ─► relay ─► queue (the table, or RabbitMQ) ─► worker ─► effect + done mark
//!                             ▲                                                         │
//!                             └─────────── again, later: failed, returned, silent ◄─────┘
//! ```
//!
//! The row of a job is the truth about it; what travels through the queue is only its id, so that a message that comes
//! twice, late or never does no harm: a worker that finds the job done or taken does nothing, and a job whose worker
//! fell silent goes back into the outbox when its lease is over.

mod backoff;
mod broker;
pub mod chores;
pub mod jobs;
mod relay;
mod table;
mod watch;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use metrics::Gauge;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::config::{QueueConfig, QueueKind};
use crate::telemetry::metrics::Metrics;

/// What background work and those who ask for it share within a process.
pub struct Queue {
    /// Rung when the outbox has something new, to spare the wait for the next look.
    outbox: Notify,
    /// Rung when the table has something new.
    table: Notify,
    lag: Gauge,
    depth: Gauge,
    dead: Gauge,
    /// Asks the broker whether it is there, over a line of its own: who only asks never waits for who publishes.
    probe: Option<broker::Publisher>,
}

impl Queue {
    /// Nothing moves until [`start`].
    pub fn new(config: &QueueConfig, metrics: &Metrics) -> Self {
        let kind = config.kind;
        Self {
            probe: (kind == QueueKind::RabbitMq).then(|| broker::Publisher::new(config)),
            outbox: Notify::new(),
            table: Notify::new(),
            lag: metrics.outbox_lag(),
            depth: metrics.queue_depth(match kind {
                QueueKind::Table => "table",
                QueueKind::RabbitMq => "rabbitmq",
            }),
            dead: metrics.jobs_dead(),
        }
    }

    /// Says that a transaction with something for the outbox was committed. It would be found without, within
    /// `queue.poll_ms`.
    pub fn ring(&self) {
        self.outbox.notify_waiters();
    }

    /// Whether the broker answers within `limit`; `None` where the table is the queue.
    pub async fn broker_answers(&self, limit: Duration) -> Option<bool> {
        let probe = self.probe.as_ref()?;
        Some(matches!(tokio::time::timeout(limit, probe.depth()).await, Ok(Ok(_))))
    }
}

/// What ends background work: `stop` lets what was begun end, `cut` returns it.
#[derive(Clone)]
pub struct Ends {
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Ends {
    /// Waits, but not beyond `stop`; whether to go on.
    async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(time) => true,
        }
    }
}

/// Begins all background work of this process: the relay and, for the table, a dispatcher of every database; for
/// RabbitMQ, a consumer; the watch over jobs gone silent; the chores. After `stop`, what runs has `lifecycle.drain_timeout_ms`
/// to end and is then put back. `tasks` is empty again when all of it is over.
pub fn start(app: &Arc<App>, stop: &CancellationToken, tasks: &TaskTracker) {
    let ends = Ends { stop: stop.clone(), cut: CancellationToken::new() };
    let running = TaskTracker::new();
    let carrier = match app.config.queue.kind {
        QueueKind::Table => relay::Carrier::Table,
        QueueKind::RabbitMq => {
            running.spawn(broker::consume(Arc::clone(app), ends.clone(), running.clone()));
            relay::Carrier::Broker(Arc::new(broker::Publisher::new(&app.config.queue)))
        }
    };
    let turns = Arc::new(tokio::sync::Semaphore::new(app.config.queue.workers.into()));
    for db in app.store.databases() {
        running.spawn(relay::run(Arc::clone(app), db.clone(), carrier.clone(), ends.clone()));
        if matches!(carrier, relay::Carrier::Table) {
            let turns = Arc::clone(&turns);
            running.spawn(table::dispatch(Arc::clone(app), db.clone(), turns, ends.clone(), running.clone()));
        }
    }
    running.spawn(watch::run(Arc::clone(app), carrier, ends.clone()));
    running.spawn(chores::run(Arc::clone(app), ends.clone()));
    running.close();
    let patience = Duration::from_millis(app.config.lifecycle.drain_timeout_ms);
    tasks.spawn(async move {
        ends.stop.cancelled().await;
        if tokio::time::timeout(patience, running.wait()).await.is_err() {
            ends.cut.cancel();
            running.wait().await;
        }
    });
}
