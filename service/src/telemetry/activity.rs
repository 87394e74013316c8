//! How many distinct users were active lately, exactly, at the price of one lock per user and minute.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use uuid::Uuid;

/// Users count as active for this long after a request, in seconds.
pub const WINDOW_S: i64 = 5 * 60;
const GRAIN_S: i64 = 60;

/// When each user was last seen, by the minute.
#[derive(Default)]
pub struct Activity {
    seen: Mutex<HashMap<Uuid, i64>>,
}

/// The minute at which one caller was last written down; kept beside its verified token.
#[derive(Default)]
pub struct LastNoted(AtomicI64);

impl Activity {
    /// Notes that `user` made a request at `now_s`. `last` spares the lock when this minute is noted already.
    pub fn note(&self, last: &LastNoted, user: Uuid, now_s: i64) {
        let minute = now_s.div_euclid(GRAIN_S);
        if last.0.load(Ordering::Relaxed) == minute {
            return;
        }
        last.0.store(minute, Ordering::Relaxed);
        self.lock().insert(user, minute);
    }

    /// Distinct users seen within [`WINDOW_S`] before `now_s`; forgets the others.
    pub fn count(&self, now_s: i64) -> usize {
        let oldest = (now_s - WINDOW_S).div_euclid(GRAIN_S);
        let mut seen = self.lock();
        seen.retain(|_, minute| *minute >= oldest);
        seen.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, i64>> {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_counted_once_and_forgotten_after_the_window() {
        let activity = Activity::default();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let last = LastNoted::default();
        for second in 0..120 {
            activity.note(&last, one, 6000 + second);
        }
        activity.note(&LastNoted::default(), two, 6000);
        assert_eq!(activity.count(6120), 2);
        assert_eq!(activity.count(6060 + WINDOW_S), 1, "the second user was last seen at 6000");
        assert_eq!(activity.count(6120 + WINDOW_S + 60), 0);
    }
}
