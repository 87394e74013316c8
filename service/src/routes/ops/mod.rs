//! Operations: probes, metrics, the API's description.

pub mod docs;
pub mod health;
pub mod livez;
pub mod metrics;
pub mod readyz;

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::app::App;

/// A database or a broker that takes longer than this to say anything counts as down.
const PING_LIMIT: Duration = Duration::from_secs(1);

async fn database_answers(app: &App) -> bool {
    matches!(tokio::time::timeout(PING_LIMIT, app.store.ping()).await, Ok(Ok(())))
}

fn draining(app: &App) -> bool {
    app.draining.load(Ordering::Acquire)
}
