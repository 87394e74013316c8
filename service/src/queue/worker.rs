//! One attempt at one job: run it, keep its lease meanwhile, and write down how it ended: always where the user's rows are
//! then, which may have moved since the job was begun.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff;
use super::jobs::{self, Failure};
use crate::app::App;
use crate::clock;
use crate::config::QueueConfig;
use crate::store::Timestamp;
use crate::store::jobs::{Attempt, Ending, Work, end, renew};

/// How far an attempt is, in percent.
#[derive(Default)]
pub struct Progress(AtomicU8);

impl Progress {
    /// Notes that `done` of `all` parts are done. Not yet all: that is for the end to say.
    pub fn set(&self, done: u64, all: u64) {
        let percent = (done.saturating_mul(100) / all.max(1)).min(99);
        self.0.store(u8::try_from(percent).unwrap_or(99), Ordering::Relaxed);
    }

    fn percent(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Now, and when a lease taken now ends.
pub fn lease(config: &QueueConfig) -> (Timestamp, Timestamp) {
    let now = clock::now_us();
    let lease_us = i64::try_from(config.lease_s).unwrap_or(i64::MAX / 2_000_000) * 1_000_000;
    (Timestamp(now), Timestamp(now + lease_us))
}

/// Does what `attempt` asks for. `cut` returns it unfinished.
pub async fn perform(app: Arc<App>, attempt: Attempt, cut: CancellationToken) {
    let kind = jobs::kind(&attempt.payload);
    let started = Instant::now();
    let Some(ending) = Box::pin(run(&app, &attempt, &cut)).await else {
        app.metrics.jobs(kind, "lost").increment(1);
        tracing::warn!(job = %attempt.id, kind, attempt = attempt.number, "the lease was lost: another does this job");
        return;
    };
    let result = match &ending {
        Ending::Done(_) => "done",
        Ending::Again { .. } => "retried",
        Ending::Dead(_) => "dead",
        Ending::Returned => "returned",
    };
    let latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    match &ending {
        Ending::Dead(error) => {
            tracing::error!(job = %attempt.id, user = %attempt.user_id, kind, attempt = attempt.number, error, "a job was given up");
        }
        Ending::Again { error, .. } => {
            tracing::warn!(job = %attempt.id, kind, attempt = attempt.number, error, "a job failed and is tried again");
        }
        _ => tracing::debug!(job = %attempt.id, kind, attempt = attempt.number, latency_us, result, "job"),
    }
    if write_down(&app, &attempt, &ending).await {
        app.metrics.jobs(kind, result).increment(1);
    } else {
        app.metrics.jobs(kind, "lost").increment(1);
    }
    if matches!(ending, Ending::Returned) {
        app.queue.ring();
    }
}

/// Writes down how an attempt ended, for as long as its lease may last; whether it was still this attempt's to say.
async fn write_down(app: &App, attempt: &Attempt, ending: &Ending) -> bool {
    let give_up = Instant::now() + Duration::from_secs(app.config.queue.lease_s);
    let mut failures = 0;
    loop {
        match end(&app.store, attempt, ending, Timestamp(clock::now_us())).await {
            Ok(written) => return written,
            Err(error) if Instant::now() >= give_up => {
                tracing::error!(job = %attempt.id, %error, "what a job came to could not be written down; it is done again");
                return false;
            }
            Err(_) => {
                failures += 1;
                let (first, most) = (Duration::from_millis(50), Duration::from_secs(2));
                tokio::time::sleep(backoff::wait(failures, first, most, clock::random_between(0.5..=1.0)))
                    .await;
            }
        }
    }
}

/// How the attempt ended; `None` when the lease went to another meanwhile.
async fn run(app: &Arc<App>, attempt: &Attempt, cut: &CancellationToken) -> Option<Ending> {
    let config = &app.config.queue;
    let work: Work = match serde_json::from_str(&attempt.payload) {
        Ok(work) => work,
        Err(e) => return Some(Ending::Dead(format!("this version does not know such a job: {e}"))),
    };
    let progress = Progress::default();
    let running = AssertUnwindSafe(jobs::run(app, attempt, &work, &progress)).catch_unwind();
    tokio::pin!(running);
    let lease_s = Duration::from_secs(config.lease_s);
    let mut beat = tokio::time::interval_at(Instant::now() + lease_s / 3, lease_s / 3);
    let mut held_until = Instant::now() + lease_s;
    let time_limit = tokio::time::sleep(Duration::from_secs(config.attempt_timeout_s));
    tokio::pin!(time_limit);
    let outcome = loop {
        tokio::select! {
            outcome = running.as_mut() => break outcome,
            () = cut.cancelled() => return Some(Ending::Returned),
            () = time_limit.as_mut() => {
                let late = format!("it took longer than {} s", config.attempt_timeout_s);
                break Ok(Err(Failure::Passing(anyhow::anyhow!(late))));
            }
            _ = beat.tick() => {
                let began = Instant::now();
                match renew(&app.store, attempt, lease(config).1, progress.percent()).await {
                    Ok(true) => held_until = began + lease_s,
                    Ok(false) => return None,
                    // Nobody can say that it is lost until it has run out.
                    Err(_) if Instant::now() < held_until => {}
                    Err(_) => return None,
                }
            }
        }
    };
    Some(match outcome {
        Ok(Ok(result)) => Ending::Done(result),
        Ok(Err(failure)) => ending_of(failure, attempt, config),
        Err(_panic) => ending_of(Failure::Passing(anyhow::anyhow!("it panicked")), attempt, config),
    })
}

fn ending_of(failure: Failure, attempt: &Attempt, config: &QueueConfig) -> Ending {
    let number = u32::try_from(attempt.number).unwrap_or(u32::MAX);
    match failure {
        Failure::Lasting(error) => Ending::Dead(format!("{error:#}")),
        Failure::Passing(error) if number >= config.attempts => {
            Ending::Dead(format!("{error:#} (after {number} attempts)"))
        }
        Failure::Passing(error) => {
            let (first, most) =
                (Duration::from_millis(config.backoff_ms), Duration::from_millis(config.backoff_max_ms));
            let wait = backoff::wait(number, first, most, clock::random_between(0.5..=1.0));
            let wait_us = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX / 2);
            Ending::Again { due: Timestamp(clock::now_us() + wait_us), error: format!("{error:#}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn attempt(number: i64) -> Attempt {
        let id = Uuid::from_u128(1);
        Attempt { id, user_id: id, payload: String::new(), number, created_at: Timestamp(1) }
    }

    #[test]
    fn a_job_is_given_up_after_its_last_attempt_or_when_another_would_not_help() {
        let config = QueueConfig { attempts: 3, ..QueueConfig::default() };
        let fails = |number, failure| ending_of(failure, &attempt(number), &config);
        let passing = || Failure::Passing(anyhow::anyhow!("no answer"));
        assert!(matches!(fails(1, passing()), Ending::Again { .. }));
        assert!(matches!(fails(2, passing()), Ending::Again { .. }));
        assert_eq!(fails(3, passing()), Ending::Dead("no answer (after 3 attempts)".to_owned()));
        let lasting = Failure::Lasting(anyhow::anyhow!("no such address"));
        assert_eq!(fails(1, lasting), Ending::Dead("no such address".to_owned()));
    }

    #[test]
    fn progress_reaches_a_hundred_only_at_the_end() {
        let progress = Progress::default();
        for (done, all, percent) in [(0, 0, 0), (1, 3, 33), (3, 3, 99), (9, 3, 99)] {
            progress.set(done, all);
            assert_eq!(progress.percent(), percent);
        }
    }
}
