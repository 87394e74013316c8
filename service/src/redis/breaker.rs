//! The circuit breaker: when to stop asking.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Failures in a row that open it. A connection that broke opens it at once.
const TOO_MANY: u32 = 5;

/// Whether one connection is worth asking. It never closes again: a new connection comes with a new one.
#[derive(Default)]
pub struct Breaker {
    failures: AtomicU32,
    opened: AtomicBool,
}

impl Breaker {
    /// Whether to spare the trouble.
    pub fn is_open(&self) -> bool {
        self.opened.load(Ordering::Acquire)
    }

    /// A command was answered.
    pub fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// A command was not. Returns whether the breaker should open.
    pub fn failed(&self, broken: bool) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        broken || failures >= TOO_MANY
    }

    /// Opens it. Returns whether it was closed.
    pub fn open(&self) -> bool {
        !self.opened.swap(true, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_five_failures_in_a_row_and_an_answer_between_starts_the_count_anew() {
        let breaker = Breaker::default();
        for _ in 0..4 {
            assert!(!breaker.failed(false));
        }
        breaker.succeeded();
        for _ in 0..4 {
            assert!(!breaker.failed(false));
        }
        assert!(breaker.failed(false));
        assert!(!breaker.is_open() && breaker.open() && breaker.is_open());
        assert!(!breaker.open(), "it opens once");
    }

    #[test]
    fn a_broken_connection_opens_it_at_once() {
        let breaker = Breaker::default();
        assert!(breaker.failed(true));
    }
}
