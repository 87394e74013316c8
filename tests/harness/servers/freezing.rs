use std::{
    sync::{Arc, Mutex, Once, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use axum::{Router, extract::State, routing::get};

use super::Server;

/// A server that freezes whole, as a long garbage collection freezes one: its only thread sleeps, so that nothing is
/// read, accepted or answered meanwhile.
#[derive(Debug)]
pub struct Freezing {
    /// The server; `GET /` is answered with a small JSON object.
    pub server: Server,
    freezes: Arc<Mutex<Vec<Duration>>>,
}

#[derive(Clone)]
struct Clockwork {
    begun: Arc<Once>,
    freezes: Arc<Mutex<Vec<Duration>>>,
    first: Duration,
    every: Duration,
    length: Duration,
}

impl Freezing {
    /// Freezes for `length` once `first` has passed since the first request, and again `every` after that.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(first: Duration, every: Duration, length: Duration) -> Result<Self> {
        let freezes = Arc::new(Mutex::new(Vec::new()));
        let clockwork =
            Clockwork { begun: Arc::new(Once::new()), freezes: Arc::clone(&freezes), first, every, length };
        let router = Router::new().route("/", get(answer)).with_state(clockwork);
        Ok(Self { server: Server::start(router)?, freezes })
    }

    /// How long each freeze lasted, measured.
    pub fn freezes(&self) -> Vec<Duration> {
        self.freezes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(State(clockwork): State<Clockwork>) -> &'static str {
    let begun = Arc::clone(&clockwork.begun);
    begun.call_once(|| drop(tokio::spawn(freeze_again_and_again(clockwork))));
    "{\"frozen\":false}"
}

async fn freeze_again_and_again(clockwork: Clockwork) {
    let begin = tokio::time::Instant::now() + clockwork.first;
    for round in 0.. {
        tokio::time::sleep_until(begin + clockwork.every * round).await;
        let from = Instant::now();
        thread::sleep(clockwork.length);
        let lasted = from.elapsed();
        clockwork.freezes.lock().unwrap_or_else(PoisonError::into_inner).push(lasted);
    }
}
