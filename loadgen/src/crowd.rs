//! Users of the closed model whose number is turned by hand. Goose launches as many as there may ever be; those above
//! the wanted number rest: they hold no connection, are not counted, and come back when they are wanted.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use record::Stage;
use tokio::sync::Semaphore;

use crate::{
    adjust::Dial,
    control::Level,
    engine::Engine,
    flow::user::{Due, Stopped, VirtualUser},
};

/// How often the number of users follows the profile.
const TICK: Duration = Duration::from_millis(10);

/// The users of a run, active and resting.
#[derive(Debug)]
pub struct Crowd {
    size: u64,
    joined: AtomicU64,
    /// A permit for each resting user that may come back.
    come: Semaphore,
    /// A permit for each active user that has to step back.
    go: Semaphore,
}

impl Crowd {
    /// A crowd of `size` users, one of which may be active.
    pub fn new(size: u64) -> Self {
        Self { size, joined: AtomicU64::new(0), come: Semaphore::new(1), go: Semaphore::new(0) }
    }

    /// The users to be launched, for a load of so many seconds.
    pub const fn launch(&self, seconds: f64) -> Stage {
        Stage { from: self.size as f64, to: self.size as f64, seconds }
    }

    /// Waits until a user that was never active may be; gives its index: 0, 1, 2, … in the order in which they come.
    /// Nothing when the run is over.
    pub async fn join(&self) -> Option<u64> {
        self.come.acquire().await.ok()?.forget();
        Some(self.joined.fetch_add(1, Ordering::Relaxed))
    }

    /// A pause between two iterations, in which `user` may be told to rest. From a rest it comes back with its next
    /// iteration due at once.
    ///
    /// # Errors
    /// The user was stopped.
    pub async fn pause(&self, user: &mut VirtualUser, until: Instant) -> Result<Due, Stopped> {
        tokio::select! {
            biased;
            told = self.go.acquire() => told.map_err(|_| Stopped)?.forget(),
            due = user.pause(until) => return due,
        }
        user.rest();
        let back = self.come.acquire().await;
        // Also at the end of the run, as every user is counted out when it goes.
        user.return_from_rest();
        back.map_err(|_| Stopped)?.forget();
        Ok(Due::at_once(user.now))
    }

    /// Keeps the number of active users at what `dial` says, until the run is stopped.
    pub async fn follow(&self, engine: &Engine, dial: &Dial) {
        let mut wanted = 1;
        while engine.control.level() < Level::Drain {
            tokio::time::sleep(TICK).await;
            let Some(start) = engine.start.get() else { continue };
            let load = dial.load(start.elapsed().as_secs_f64());
            let next = load.map_or(wanted, |load| (load.ceil() as u64).min(self.size));
            self.turn(wanted, next);
            wanted = next;
        }
        self.come.close();
        self.go.close();
    }

    /// Users that were told to come or go and have not yet are the first to be told otherwise.
    fn turn(&self, from: u64, to: u64) {
        let (told, untold) = if to > from { (&self.come, &self.go) } else { (&self.go, &self.come) };
        let change = to.abs_diff(from) as usize;
        told.add_permits(change - untold.forget_permits(change));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_permits_out_always_make_up_the_difference(turns in prop::collection::vec((0u64..50, 0usize..20), 1..40)) {
            let crowd = Crowd::new(50);
            let (mut active, mut wanted) = (0_i64, 1);
            for (to, moves) in turns {
                crowd.turn(wanted, to);
                wanted = to;
                for _ in 0..moves {
                    if let Ok(permit) = crowd.come.try_acquire() {
                        permit.forget();
                        active += 1;
                    }
                    if let Ok(permit) = crowd.go.try_acquire() {
                        permit.forget();
                        active -= 1;
                    }
                }
                let out = crowd.come.available_permits() as i64 - crowd.go.available_permits() as i64;
                prop_assert_eq!(active + out, wanted as i64);
                prop_assert!((0..=50).contains(&active));
            }
        }
    }
}
